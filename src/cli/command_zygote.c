/* `shannon zygote PARENT INTERPRETER [--allow-read DIR]... [--env NAME=VALUE]...`: not for people;
 * src/sandbox/zygote.c starts it with a socket at descriptor 3. */
#include "cli/command.h"
#include "cli/options.h"
#include "sandbox/zygote_process.h"

#include <stdlib.h>

int command_zygote(int argc, char **argv)
{
    struct option_list allowed_paths = {0};
    struct option_list variables = {0};
    uint64_t timeout_ms = 0;
    uint64_t memory_bytes = 0;
    uint64_t state_bytes = 0;
    const struct option rows[] = {
        {"--allow-read", OPTION_LIST, &allowed_paths, "DIR", "as in `shannon run`"},
        {"--env", OPTION_LIST, &variables, "NAME=VALUE", "as in `shannon run`"},
        {"--timeout", OPTION_DURATION, &timeout_ms, "DURATION", "the most that a run may take"},
        {"--memory", OPTION_SIZE, &memory_bytes, "SIZE", "the most that a run may take"},
        {"--state", OPTION_SIZE, &state_bytes, "SIZE", "the most that a session may take"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {"zygote", "PARENT INTERPRETER [OPTION...]",
                                       "Started by a service, never by hand.", rows, NULL};
    struct error error = ERROR_NONE;
    int next;
    if (argc < 3) {
        error_set(&error, ERROR_INVALID_REQUEST, "this command is started by a service only");
        return options_fail("zygote", &error);
    }
    /* The two words stand first: the options follow the interpreter's name. */
    int parent = atoi(argv[1]);
    const char *interpreter = argv[2];
    int status = options_parse(&table, argc - 2, argv + 2, &next, &error);
    if (status < 0)
        return options_fail("zygote", &error);
    const struct zygote_process_options options = {
        .guest = {.wasm_path = interpreter,
                  .allowed_paths = allowed_paths.items,
                  .allowed_path_count = allowed_paths.count,
                  .variables = variables.items,
                  .variable_count = variables.count},
        .service = parent,
        .timeout_ms = timeout_ms,
        .memory_bytes = memory_bytes,
        .state_bytes = state_bytes,
    };
    status = zygote_process_main(&options);
    free(allowed_paths.items);
    free(variables.items);
    return status;
}
