/* The service that clients talk to. Invariant: the store is opened first and closed last. */
#include "orchestrator/orchestrator.h"

#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/log.h"
#include "orchestrator/task_api.h"

#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define STOP_GRACE_MS 3000
#define READY_TIMEOUT_MS 4000

struct orchestrator {
    struct event_base *loop;
    struct http_client *client;
    struct http_server *server;
    struct task_api api;
    const char *llm_service_url;
};

static void handle_submit(struct http_request *request, void *argument)
{
    const struct orchestrator *orchestrator = argument;
    task_api_submit(request, &orchestrator->api);
}

static void handle_get(struct http_request *request, void *argument)
{
    const struct orchestrator *orchestrator = argument;
    task_api_get(request, &orchestrator->api);
}

static void handle_list(struct http_request *request, void *argument)
{
    const struct orchestrator *orchestrator = argument;
    task_api_list(request, &orchestrator->api);
}

static void handle_health(struct http_request *request, void *argument)
{
    (void)argument;
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s}", "status", "healthy", "service", "orchestrator"));
}

/* A readiness check that waits for llm-service's. */
struct ready_check {
    struct http_request *request;
    struct http_call *call;
};

static void on_check_gone(void *argument)
{
    struct ready_check *check = argument;
    http_call_cancel(check->call);
    free(check);
}

static void respond_ready(struct http_request *request, bool ready, const char *reason)
{
    http_respond_json(request, ready ? 200 : 503,
                      json_pack("{s:s, s:s, s:s?}", "status", ready ? "ready" : "not_ready",
                                "service", "orchestrator", "reason", ready ? NULL : reason));
}

static void on_check_done(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct ready_check *check = argument;
    http_request_on_gone(check->request, NULL, NULL);
    if (reply == NULL)
        respond_ready(check->request, false, error->message);
    else
        respond_ready(check->request, reply->status == 200,
                      "llm-service is not ready; see its /ready");
    free(check);
}

static void handle_ready(struct http_request *request, void *argument)
{
    struct orchestrator *orchestrator = argument;
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    struct ready_check *check = calloc(1, sizeof(*check));
    if (check == NULL ||
        buffer_append_format(&url, "%s/ready", orchestrator->llm_service_url) != 0) {
        free(check);
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "Out of memory in the orchestrator");
        return;
    }
    const struct http_call_options options = {.url = buffer_text(&url),
                                              .connect_timeout_ms = READY_TIMEOUT_MS,
                                              .total_timeout_ms = READY_TIMEOUT_MS};
    check->request = request;
    check->call = http_call_start(orchestrator->client, &options, on_check_done, check, &error);
    if (check->call == NULL) {
        respond_ready(request, false, error.message);
        free(check);
        return;
    }
    http_request_on_gone(request, on_check_gone, check);
}

static const struct http_route routes[] = {
    {"POST", "/api/v1/tasks", handle_submit},  {"GET", "/api/v1/tasks", handle_list},
    {"GET", "/api/v1/tasks/{id}", handle_get}, {"GET", "/health", handle_health},
    {"GET", "/readiness", handle_ready},       {"GET", "/ready", handle_ready},
};

static void on_drained(void *argument)
{
    struct orchestrator *orchestrator = argument;
    event_base_loopbreak(orchestrator->loop);
}

static void stop(void *argument)
{
    struct orchestrator *orchestrator = argument;
    http_server_drain(orchestrator->server, STOP_GRACE_MS, on_drained, orchestrator);
}

static int open_parts(struct orchestrator *orchestrator, const struct config *config,
                      struct error *error)
{
    orchestrator->api.store =
        task_store_open(config_text(config, CONFIG_ORCHESTRATOR_DATABASE), error);
    if (orchestrator->api.store == NULL)
        return -1;
    orchestrator->loop = event_loop_new(error);
    if (orchestrator->loop == NULL)
        return -1;
    orchestrator->client = http_client_new(orchestrator->loop, error);
    if (orchestrator->client == NULL)
        return -1;
    const struct task_dispatcher_options options = {
        .loop = orchestrator->loop,
        .client = orchestrator->client,
        .store = orchestrator->api.store,
        .llm_service_url = orchestrator->llm_service_url,
        .running_max = (size_t)config_number(config, CONFIG_AGENT_CORE_MAX_CONCURRENT),
    };
    orchestrator->api.dispatcher = task_dispatcher_start(&options, error);
    return orchestrator->api.dispatcher == NULL ? -1 : 0;
}

static int serve(struct orchestrator *orchestrator, const struct config *config,
                 struct error *error)
{
    orchestrator->llm_service_url = config_text(config, CONFIG_ORCHESTRATOR_LLM_SERVICE_URL);
    if (open_parts(orchestrator, config, error) != 0)
        return -1;
    const struct http_server_options options = {
        .host = config_text(config, CONFIG_ORCHESTRATOR_HOST),
        .port = (uint16_t)config_number(config, CONFIG_ORCHESTRATOR_PORT),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .argument = orchestrator,
    };
    orchestrator->server = http_server_start(orchestrator->loop, &options, error);
    if (orchestrator->server == NULL)
        return -1;
    LOG(LOG_INFO, "tasks", log_text("database", config_text(config, CONFIG_ORCHESTRATOR_DATABASE)),
        log_text("llm_service", orchestrator->llm_service_url));
    return event_loop_run(orchestrator->loop, stop, orchestrator, error);
}

int orchestrator_serve(struct config *config, struct error *error)
{
    struct orchestrator orchestrator = {0};
    config_apply_logging(config, "orchestrator");
    config_forget_secrets(config);
    /* A limit on the size of files (ulimit -f) is then an error of one write, as a full disk is. */
    (void)signal(SIGXFSZ, SIG_IGN);
    int result = serve(&orchestrator, config, error);
    http_server_free(orchestrator.server);
    task_dispatcher_stop(orchestrator.api.dispatcher);
    http_client_free(orchestrator.client);
    if (orchestrator.loop != NULL)
        event_base_free(orchestrator.loop);
    task_store_close(orchestrator.api.store);
    return result;
}
