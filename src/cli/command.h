/* The subcommands. Each takes its own arguments, argv[0] being its name, and returns the exit
 * status of the process. Errors go to standard error as "shannon NAME: message". */
#ifndef SHANNON_CLI_COMMAND_H
#define SHANNON_CLI_COMMAND_H

int command_run(int argc, char **argv);
int command_wasi(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_submit(int argc, char **argv);
int command_interpreter(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_config(int argc, char **argv);

/* Not for people: what a service starts for each interpreter. See sandbox/zygote.h. */
int command_zygote(int argc, char **argv);

#endif
