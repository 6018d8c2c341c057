/* `shannon wasi`: any WASI command module in the sandbox, in the foreground. */
#include "cli/command.h"
#include "cli/sandbox_options.h"
#include "cli/supervise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct sandbox_options *options, int argc, char **argv, int next,
               const struct config *config, struct error *error)
{
    struct guest_options guest = {0};
    struct execution_request request = {0};
    if (next >= argc)
        return error_set(error, ERROR_INVALID_REQUEST, "no module: name a .wasm file");
    if (sandbox_options_apply(options, config, &guest, &request, error) != 0)
        return -1;
    if (access(argv[next], F_OK) != 0)
        return error_set_errno(error, ERROR_INTERPRETER_NOT_FOUND, errno,
                               "WASI module not found: %s", argv[next]);
    guest.wasm_path = argv[next];
    request.code = "";
    request.arguments = (const char *const *)(argv + next);
    request.argument_count = (size_t)(argc - next);
    return supervise("wasi", SUPERVISE_COMMAND, &guest, &request);
}

int command_wasi(int argc, char **argv)
{
    struct sandbox_options options = {0};
    const struct option rows[] = {
        SANDBOX_OPTION_ROWS(options),
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "wasi", "[OPTION...] MODULE.wasm [ARGUMENT...]",
        "Runs a WASI preview1 command in the sandbox, as `wasmtime run` would: no network, no\n"
        "files but the folders allowed (read-only), limited time and memory.",
        rows,
        "Exit status: the module's own; 124 execution timeout, 137 memory limit or killed,\n"
        "134 trap or stack exhausted, 125 shannon's own failure, 127 module not found."};
    struct error error = ERROR_NONE;
    int next;
    int status = options_parse(&table, argc, argv, &next, &error);
    if (status == 0) {
        struct config *config = config_load(options.config_file, &error);
        status = config == NULL ? -1 : run(&options, argc, argv, next, config, &error);
        config_free(config);
    } else if (status == 1) {
        return 0;
    }
    free(options.allowed_paths.items);
    free(options.variables.items);
    return status < 0 ? options_fail("wasi", &error) : status;
}
