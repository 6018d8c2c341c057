/* `shannon serve`: one service in this process, or all three, each in a process of its own. */
#include "agent_core/agent_core.h"
#include "base/config.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/serve_all.h"
#include "llm_service/llm_service.h"
#include "orchestrator/orchestrator.h"

#include <string.h>

struct service {
    const char *name;
    int (*serve)(struct config *config, struct error *error);
    enum config_key host;
    enum config_key port;
};

static const struct service services[] = {
    {"agent-core", agent_core_serve, CONFIG_AGENT_CORE_HOST, CONFIG_AGENT_CORE_PORT},
    {"llm-service", llm_service_serve, CONFIG_LLM_HOST, CONFIG_LLM_PORT},
    {"orchestrator", orchestrator_serve, CONFIG_ORCHESTRATOR_HOST, CONFIG_ORCHESTRATOR_PORT},
};

static const struct service *find_service(const char *name)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    }
    return NULL;
}

static int serve_one(const char *name, struct config *config, const char *host, const char *port,
                     struct error *error)
{
    const struct service *service = find_service(name);
    if (service == NULL)
        return error_set(
            error, ERROR_INVALID_REQUEST,
            "there is no service \"%.40s\"; it is one of orchestrator, llm-service and "
            "agent-core, or none for all three",
            name);
    if (host != NULL && config_set(config, service->host, host, "--host", error) != 0)
        return -1;
    if (port != NULL && config_set(config, service->port, port, "--port", error) != 0)
        return -1;
    return service->serve(config, error);
}

int command_serve(int argc, char **argv)
{
    const char *file = NULL;
    const char *host = NULL;
    const char *port = NULL;
    const struct option rows[] = {
        {"--host", OPTION_TEXT, &host, "ADDRESS", "address to listen on (one service only)"},
        {"--port", OPTION_TEXT, &port, "PORT", "port to listen on, 0 for any (one service only)"},
        {"--config", OPTION_TEXT, &file, "FILE",
         "configuration file (default: config/shannon.yaml)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "serve", "[orchestrator | llm-service | agent-core] [OPTION...]",
        "Starts one service, or all three, each a process of its own, until SIGTERM or Ctrl-C.\n"
        "They listen on loopback unless they are told otherwise.",
        rows,
        "Ports: orchestrator 8080, llm-service 8000, agent-core 50051; see config/shannon.yaml."};
    struct error error = ERROR_NONE;
    const char *name = NULL;
    size_t names = 0;
    int status = options_parse_words(&table, argc, argv, &name, 1, &names, &error);
    if (status == 1)
        return 0;
    struct config *config = status == 0 ? config_load(file, &error) : NULL;
    if (config == NULL)
        return options_fail("serve", &error);
    if (name != NULL)
        status = serve_one(name, config, host, port, &error);
    else if (host != NULL || port != NULL)
        status = error_set(&error, ERROR_INVALID_REQUEST,
                           "--host and --port go with one service; set orchestrator.port and the "
                           "others in the configuration");
    else
        status = serve_all(config, file, &error);
    config_free(config);
    return status != 0 ? options_fail("serve", &error) : 0;
}
