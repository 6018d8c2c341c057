/* The program's entry: finds the subcommand and hands over. */
#include "cli/command.h"
#include "cli/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not shown */
};

static const struct command commands[] = {
    {"run", command_run, "run a Python program in the sandbox"},
    {"wasi", command_wasi, "run any WASI module in the sandbox"},
    {"serve", command_serve, "start the services"},
    {"submit", command_submit, "send a task to the orchestrator and print its result"},
    {"interpreter", command_interpreter, "show, add, build and check interpreters"},
    {"doctor", command_doctor, "check this machine and say how to mend what is not well"},
    {"config", command_config, "show every setting and where it came from"},
    {"zygote", command_zygote, NULL},
};

static void print_usage(FILE *out)
{
    (void)fputs("Usage: shannon COMMAND [OPTION...] [ARGUMENT...]\n\n"
                "Runs Python that nobody has reviewed in a WASI sandbox.\n\nCommands:\n",
                out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].summary != NULL)
            (void)fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs("\n`shannon COMMAND --help` tells more of each, `shannon --version` the version.\n",
                out);
}

/* What is opened next takes the place of a standard descriptor that is closed: a program would be
 * given a descriptor of the sandbox's own as its input, a log line would go into a database. */
static int keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (keep_standard_descriptors() != 0)
        return OPTIONS_EXIT_USAGE; /* there is nowhere to say why */
    if (argc < 2) {
        print_usage(stderr);
        return OPTIONS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)puts("shannon " SHANNON_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    (void)fprintf(stderr, "shannon: there is no command \"%s\"; see shannon --help\n", argv[1]);
    return OPTIONS_EXIT_USAGE;
}
