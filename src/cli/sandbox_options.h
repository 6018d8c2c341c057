/* The options that `shannon run` and `shannon wasi` share, and the configuration behind them. */
#ifndef SHANNON_CLI_SANDBOX_OPTIONS_H
#define SHANNON_CLI_SANDBOX_OPTIONS_H

#include "base/config.h"
#include "base/error.h"
#include "cli/options.h"
#include "sandbox/execution.h"
#include "sandbox/guest.h"

struct sandbox_options {
    uint64_t timeout_ms; /* 0: as configured */
    uint64_t memory_bytes;
    struct option_list allowed_paths;
    struct option_list variables;
    const char *config_file;
};

/* The rows of a command's option table for `options`. */
#define SANDBOX_OPTION_ROWS(options)                                                               \
    {"--timeout", OPTION_DURATION, &(options).timeout_ms, "DURATION",                              \
     "wall time limit, as 500ms, 30s or 2m (default: wasi.execution_timeout_ms)"},                 \
        {"--memory", OPTION_SIZE, &(options).memory_bytes, "SIZE",                                 \
         "memory limit, as 256M or 1G (default: wasi.memory_limit_bytes)"},                        \
        {"--allow-read", OPTION_LIST, &(options).allowed_paths, "DIR",                             \
         "let the program read this folder, at the same path; repeatable"},                        \
        {"--env", OPTION_LIST, &(options).variables, "NAME=VALUE",                                 \
         "set a variable in the program's environment; repeatable"},                               \
        {"--config", OPTION_TEXT, &(options).config_file, "FILE",                                  \
         "configuration file (default: config/shannon.yaml)"}

/* Fills `guest` and the limits of `request` from the options, and from `config` where the command
 * line says nothing; folders and variables of both are granted. The lists are kept in `options`.
 * ERROR_INVALID_REQUEST when a variable is not NAME=VALUE or a limit is too large. */
int sandbox_options_apply(struct sandbox_options *options, const struct config *config,
                          struct guest_options *guest, struct execution_request *request,
                          struct error *error);

#endif
