/* The options that `shannon run` and `shannon wasi` share. */
#include "cli/sandbox_options.h"

#include <stdlib.h>
#include <string.h>

/* Adds the configured items to those of the command line. */
static int add_configured(struct option_list *list, const struct config *config,
                          enum config_key key, struct error *error)
{
    const char *const *items;
    size_t count = config_items(config, key, &items);
    const char **all = realloc(list->items, (list->count + count + 1) * sizeof(*all));
    if (all == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    /* Before the command line's, so that its variables win. */
    memmove(all + count, all, list->count * sizeof(*all));
    for (size_t i = 0; i < count; i++)
        all[i] = items[i];
    list->items = all;
    list->count += count;
    return 0;
}

static int check_variables(const struct option_list *variables, struct error *error)
{
    for (size_t i = 0; i < variables->count; i++) {
        const char *equals = strchr(variables->items[i], '=');
        if (equals == NULL || equals == variables->items[i])
            return error_set(error, ERROR_INVALID_REQUEST, "--env %.60s: write it as NAME=VALUE",
                             variables->items[i]);
    }
    return 0;
}

int sandbox_options_apply(struct sandbox_options *options, const struct config *config,
                          struct guest_options *guest, struct execution_request *request,
                          struct error *error)
{
    uint64_t timeout = options->timeout_ms;
    if (check_variables(&options->variables, error) != 0)
        return -1;
    if (timeout == 0)
        timeout = config_number(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS);
    if (timeout > UINT32_MAX)
        return error_set(error, ERROR_INVALID_REQUEST, "--timeout: 49 days at most");
    if (add_configured(&options->allowed_paths, config, CONFIG_WASI_ALLOWED_PATHS, error) != 0 ||
        add_configured(&options->variables, config, CONFIG_WASI_ENV_VARS, error) != 0)
        return -1;
    request->timeout_ms = (uint32_t)timeout;
    request->memory_limit_bytes = options->memory_bytes != 0
                                      ? options->memory_bytes
                                      : config_number(config, CONFIG_WASI_MEMORY_LIMIT_BYTES);
    request->processor_limit_ms = (uint32_t)config_number(config, CONFIG_WASI_CPU_LIMIT_MS);
    request->scratch_limit_bytes = config_number(config, CONFIG_WASI_SCRATCH_LIMIT_BYTES);
    request->files_limit_bytes = config_number(config, CONFIG_AGENT_CORE_FILES_LIMIT_BYTES);
    request->output_limit_bytes = config_number(config, CONFIG_AGENT_CORE_OUTPUT_LIMIT_BYTES);
    guest->allowed_paths = options->allowed_paths.items;
    guest->allowed_path_count = options->allowed_paths.count;
    guest->variables = options->variables.items;
    guest->variable_count = options->variables.count;
    return 0;
}
