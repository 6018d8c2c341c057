/* `shannon interpreter`: finds the action and hands over. */
#include "cli/command.h"
#include "cli/command_interpreter_actions.h"
#include "cli/options.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} actions[] = {
    {"list", interpreter_action_list},
    {"add", interpreter_action_add},
    {"build", interpreter_action_build},
    {"check", interpreter_action_check},
};

int command_interpreter(int argc, char **argv)
{
    static const struct option no_options[] = {{NULL, OPTION_FLAG, NULL, NULL, NULL}};
    static const struct option_table table = {
        "interpreter", "list | add | build | check [OPTION...] [ARGUMENT...]",
        "Shows, adds, builds and checks the interpreters in wasm-interpreters.", no_options,
        "Actions:\n"
        "  list                       which interpreters there are\n"
        "  add NAME FILE              copy a python.wasm to wasm-interpreters/NAME.wasm\n"
        "  build [NAME]               make python-3.11.wasm from its sources, or translate NAME "
        "now\n"
        "  check [NAME]               run programs whose output is known\n\n"
        "`shannon interpreter ACTION --help` tells more of each."};
    struct error error = ERROR_NONE;
    int next;
    int status = options_parse(&table, argc, argv, &next, &error);
    if (status == 1)
        return 0;
    if (status == 0 && next >= argc)
        error_set(&error, ERROR_INVALID_REQUEST,
                  "name an action: list, add, build or check; see shannon interpreter --help");
    for (size_t i = 0; status == 0 && next < argc && i < sizeof(actions) / sizeof(actions[0]);
         i++) {
        if (strcmp(actions[i].name, argv[next]) == 0)
            return actions[i].run(argc - next, argv + next);
    }
    if (status == 0)
        error_set(&error, ERROR_INVALID_REQUEST,
                  "there is no action \"%.60s\"; it is one of list, add, build and check",
                  argv[next < argc ? next : 0]);
    return options_fail("interpreter", &error);
}
