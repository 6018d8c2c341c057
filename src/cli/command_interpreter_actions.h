/* The actions of `shannon interpreter`. Each takes its own arguments, argv[0] being its name, and
 * returns the exit status of the process. */
#ifndef SHANNON_CLI_COMMAND_INTERPRETER_ACTIONS_H
#define SHANNON_CLI_COMMAND_INTERPRETER_ACTIONS_H

int interpreter_action_list(int argc, char **argv);
int interpreter_action_add(int argc, char **argv);
int interpreter_action_build(int argc, char **argv);
int interpreter_action_check(int argc, char **argv);

#endif
