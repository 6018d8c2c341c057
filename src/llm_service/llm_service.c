/* The service that understands requests. Invariant: everything a query uses is released after the
 * server, whose end ends every query. */
#include "llm_service/llm_service.h"

#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/log.h"
#include "llm_service/agent_query.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

/* Clients are told to go on elsewhere after so long; the orchestrator hands its tasks out again. */
#define STOP_GRACE_MS 3000
#define READY_TIMEOUT_MS 3000
#define OPENAI_BASE_URL "https://api.openai.com/v1"

struct llm_service {
    struct event_base *loop;
    struct http_client *client;
    struct http_server *server;
    struct agent_query_environment environment;
};

static void handle_query(struct http_request *request, void *argument)
{
    struct llm_service *service = argument;
    agent_query_start(request, &service->environment);
}

static void handle_health(struct http_request *request, void *argument)
{
    (void)argument;
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s}", "status", "healthy", "service", "llm-service"));
}

/* A readiness check that waits for agent-core's. */
struct ready_check {
    struct http_request *request;
    struct http_call *call;
    const struct llm_service *service;
};

static void on_check_gone(void *argument)
{
    struct ready_check *check = argument;
    http_call_cancel(check->call);
    free(check);
}

static void respond_ready(const struct ready_check *check, bool ready, const char *reason)
{
    const struct agent_query_environment *environment = &check->service->environment;
    http_respond_json(check->request, ready ? 200 : 503,
                      json_pack("{s:s, s:s, s:s, s:s?}", "status", ready ? "ready" : "not_ready",
                                "service", "llm-service", "provider",
                                environment->has_provider ? "openai" : "offline", "reason",
                                ready ? NULL : reason));
}

static void on_check_done(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct ready_check *check = argument;
    http_request_on_gone(check->request, NULL, NULL);
    if (reply == NULL)
        respond_ready(check, false, error->message);
    else
        respond_ready(check, reply->status == 200, "agent-core is not ready; see its /ready");
    free(check);
}

static void handle_ready(struct http_request *request, void *argument)
{
    struct llm_service *service = argument;
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    struct ready_check *check = calloc(1, sizeof(*check));
    if (check == NULL ||
        buffer_append_format(&url, "%s/ready", service->environment.agent_core.url) != 0) {
        free(check);
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "Out of memory in llm-service");
        return;
    }
    *check = (struct ready_check){.request = request, .service = service};
    const struct http_call_options options = {.url = buffer_text(&url),
                                              .connect_timeout_ms = READY_TIMEOUT_MS,
                                              .total_timeout_ms = READY_TIMEOUT_MS};
    check->call = http_call_start(service->client, &options, on_check_done, check, &error);
    if (check->call == NULL) {
        respond_ready(check, false, error.message);
        free(check);
        return;
    }
    http_request_on_gone(request, on_check_gone, check);
}

static const struct http_route routes[] = {
    {"POST", "/agent/query", handle_query},
    {"GET", "/health", handle_health},
    {"GET", "/ready", handle_ready},
};

/* The longest that agent-core may take for one execution. */
static uint32_t longest_run_ms(const struct config *config)
{
    uint64_t usual = config_number(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS);
    uint64_t most = config_number(config, CONFIG_AGENT_CORE_MAX_TIMEOUT_MS);
    return (uint32_t)(usual > most ? usual : most);
}

static void read_config(struct llm_service *service, const struct config *config)
{
    const char *key = config_text(config, CONFIG_LLM_API_KEY);
    const char *base_url = config_text(config, CONFIG_LLM_BASE_URL);
    bool has_provider = *key != '\0' || *base_url != '\0';
    service->environment = (struct agent_query_environment){
        .agent_core = {.client = service->client,
                       .url = config_text(config, CONFIG_LLM_AGENT_CORE_URL),
                       .longest_run_ms = longest_run_ms(config)},
        .provider = {.loop = service->loop,
                     .client = service->client,
                     .base_url = *base_url != '\0' ? base_url : OPENAI_BASE_URL,
                     .key = key},
        .has_provider = has_provider,
        .model = config_text(config, CONFIG_LLM_MODEL),
        .tool_timeout_max_ms = (uint32_t)config_number(config, CONFIG_AGENT_CORE_MAX_TIMEOUT_MS),
    };
    LOG(LOG_INFO, "provider", log_text("name", has_provider ? "openai" : "offline"),
        log_text("model", service->environment.model),
        log_text("agent_core", service->environment.agent_core.url));
    if (has_provider && *service->environment.model == '\0')
        LOG(LOG_WARNING, "a provider is configured, but LLM_MODEL is not set");
}

static void on_drained(void *argument)
{
    struct llm_service *service = argument;
    event_base_loopbreak(service->loop);
}

static void stop(void *argument)
{
    struct llm_service *service = argument;
    http_server_drain(service->server, STOP_GRACE_MS, on_drained, service);
}

static int serve(struct llm_service *service, const struct config *config, struct error *error)
{
    service->loop = event_loop_new(error);
    if (service->loop == NULL)
        return -1;
    service->client = http_client_new(service->loop, error);
    if (service->client == NULL)
        return -1;
    read_config(service, config);
    const struct http_server_options options = {
        .host = config_text(config, CONFIG_LLM_HOST),
        .port = (uint16_t)config_number(config, CONFIG_LLM_PORT),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .argument = service,
    };
    service->server = http_server_start(service->loop, &options, error);
    if (service->server == NULL)
        return -1;
    return event_loop_run(service->loop, stop, service, error);
}

int llm_service_serve(struct config *config, struct error *error)
{
    struct llm_service service = {0};
    config_apply_logging(config, "llm-service");
    int result = serve(&service, config, error);
    http_server_free(service.server);
    http_client_free(service.client);
    if (service.loop != NULL)
        event_base_free(service.loop);
    return result;
}
