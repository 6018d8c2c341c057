/* The service that runs Python. Invariant: each call of POST /v1/execute is answered exactly once,
 * or its client is gone and its execution has been cancelled. */
#include "agent_core/agent_core.h"

#include "agent_core/execute_request.h"
#include "agent_core/execution_answer.h"
#include "agent_core/execution_metrics.h"
#include "agent_core/execution_queue.h"
#include "agent_core/interpreter_pool.h"
#include "base/event_loop.h"
#include "base/http_server.h"
#include "base/log.h"
#include "sandbox/guest_child.h"
#include "sandbox/walls.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* How long answers may take to reach their clients when the service stops. */
#define DRAIN_MS 2000

struct agent_core {
    const struct config *config;
    struct event_base *loop;
    struct http_server *server;
    struct interpreter_pool *interpreters; /* NULL once the service is stopping */
    struct execution_queue *queue;
    struct execution_metrics metrics;
    wall_set walls; /* that this machine permits */
};

/* One POST /v1/execute under way. */
struct call {
    struct agent_core *core;
    struct http_request *request; /* NULL when the client is gone */
    struct queued_execution *execution;
};

static void log_end(const struct call *call, const struct execution_result *result)
{
    LOG(LOG_INFO, "execution", log_text("execution_id", queued_execution_id(call->execution)),
        log_text("request_id", call->request == NULL ? "" : http_request_id(call->request)),
        log_text("status", error_kind_name(result->status)),
        log_number("exit_code", result->exit_code), log_number("wall_us", (int64_t)result->wall_us),
        log_number("cpu_us", (int64_t)result->cpu_us),
        log_number("peak_memory_bytes", (int64_t)result->peak_memory_bytes));
}

/* No program ran. A result carries the reason in its status then. */
static void answer_failure(struct http_request *request, const struct execution_result *result,
                           const struct error *error)
{
    struct error failure = ERROR_NONE;
    if (error != NULL)
        failure = *error;
    else
        error_set(&failure, result->status, "%s", result->message);
    http_respond_failure(request, &failure);
}

static void on_done(void *argument, const struct execution_result *result,
                    const struct error *error)
{
    struct call *call = argument;
    bool ended = result != NULL && execution_answer_is_ending(result->status);
    execution_metrics_count(&call->core->metrics, result != NULL ? result->status : error->kind,
                            ended ? result : NULL);
    if (ended)
        log_end(call, result);
    if (call->request == NULL)
        LOG(LOG_DEBUG, "the client is gone, its result is dropped");
    else if (ended)
        http_respond_json(call->request, 200,
                          execution_answer(result, queued_execution_id(call->execution)));
    else
        answer_failure(call->request, result, error);
    free(call);
}

static void on_client_gone(void *argument)
{
    struct call *call = argument;
    call->request = NULL;
    execution_queue_cancel(call->execution);
}

/* Answers for an interpreter that cannot be had: the caller's mistake when the caller named it. */
static void answer_no_interpreter(struct http_request *request, const char *name,
                                  const struct error *error)
{
    if (name != NULL && error->kind == ERROR_INTERPRETER_NOT_FOUND)
        http_respond_error(request, 400, error->kind, "interpreter", "%s", error->message);
    else
        http_respond_failure(request, error);
}

/* Streaming is asked for by a media type that is not spoken yet; an answer in another would
 * surprise. */
static bool refuses_json(const struct http_request *request)
{
    const char *accept = http_request_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/event-stream") != NULL &&
           strstr(accept, "application/json") == NULL && strstr(accept, "*/*") == NULL;
}

static void begin(struct agent_core *core, struct http_request *request,
                  struct execute_request *execute)
{
    struct error error = ERROR_NONE;
    struct zygote *zygote = interpreter_pool_get(core->interpreters, execute->interpreter, &error);
    if (zygote == NULL) {
        answer_no_interpreter(request, execute->interpreter, &error);
        execute_request_free(execute);
        return;
    }
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        execute_request_free(execute);
        error_set(&error, ERROR_INTERNAL, "out of memory");
        http_respond_failure(request, &error);
        return;
    }
    call->core = core;
    call->request = request;
    const struct execution_queue_listener listener = {.done = on_done, .argument = call};
    call->execution = execution_queue_add(core->queue, zygote, execute, http_request_id(request),
                                          &listener, &error);
    if (call->execution == NULL) {
        free(call);
        execution_metrics_count(&core->metrics, error.kind, NULL);
        http_respond_failure(request, &error);
        return;
    }
    http_request_on_gone(request, on_client_gone, call);
}

/* A request that was still arriving when the service began to stop. True when it was answered. */
static bool refuse_when_stopping(struct agent_core *core, struct http_request *request)
{
    if (core->interpreters != NULL)
        return false;
    http_respond_error(request, 503, ERROR_KILLED, NULL, "the service is stopping");
    return true;
}

static void handle_execute(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    if (refuse_when_stopping(core, request))
        return;
    if (refuses_json(request)) {
        http_respond_error(request, 406, ERROR_INVALID_REQUEST, "Accept",
                           "output is not streamed by this version: ask for application/json");
        return;
    }
    json_t *body = http_request_json(request);
    if (body == NULL)
        return;
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    if (execute_request_read(&execute, body, core->config, &fault) != 0) {
        execute_request_free(&execute);
        http_respond_fault(request, &fault);
        return;
    }
    begin(core, request, &execute);
}

static void handle_cancel(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    struct queued_execution *execution =
        execution_queue_find(core->queue, http_request_parameter(request, "id"));
    if (execution == NULL) {
        http_respond_error(request, 404, ERROR_INVALID_REQUEST, "id",
                           "no execution of that id (or of a request of that X-Request-Id) is "
                           "under way");
        return;
    }
    json_t *answer =
        json_pack("{s:s, s:s}", "execution_id", queued_execution_id(execution), "status", "killed");
    execution_queue_cancel(execution);
    http_respond_json(request, 202, answer);
}

/* {"seccomp": true, "landlock": false, ...} */
static json_t *describe_walls(wall_set walls)
{
    json_t *object = json_object();
    for (int wall = 0; object != NULL && wall < WALL_COUNT; wall++)
        (void)json_object_set_new(object, wall_name((enum wall)wall),
                                  json_boolean((walls & WALL_BIT(wall)) != 0));
    return object;
}

static void handle_health(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:I, s:I}}", "status", "healthy",
                                "service", "agent-core", "version", SHANNON_VERSION, "interpreters",
                                interpreter_pool_describe(core->interpreters), "walls",
                                describe_walls(core->walls), "executions", "running",
                                (json_int_t)execution_queue_running(core->queue), "waiting",
                                (json_int_t)execution_queue_waiting(core->queue)));
}

static void handle_ready(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    if (refuse_when_stopping(core, request))
        return;
    struct error error = ERROR_NONE;
    struct zygote *zygote = interpreter_pool_get(core->interpreters, NULL, &error);
    enum zygote_state state = zygote == NULL ? ZYGOTE_FAILED : zygote_state(zygote);
    if (state == ZYGOTE_READY) {
        http_respond_json(request, 200, json_pack("{s:s}", "status", "ready"));
        return;
    }
    if (zygote != NULL && state == ZYGOTE_FAILED)
        error = *zygote_error(zygote);
    if (state == ZYGOTE_STARTING)
        error_set(&error, ERROR_BUSY,
                  "the interpreter is starting; the first start translates it, "
                  "which takes minutes");
    http_respond_error(request, 503, error.kind, NULL, "%s", error.message);
}

static void handle_metrics(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    const struct zygote_counts zygotes = interpreter_pool_counts(core->interpreters);
    const struct execution_gauges gauges = {
        .running = execution_queue_running(core->queue),
        .waiting = execution_queue_waiting(core->queue),
        .spares = zygotes.spares,
        .spares_wanted = zygotes.spares_wanted,
        .processes = guest_child_alive_count(),
        .dying = guest_child_dying_count(),
        .forks = zygotes.forks,
        .zygote_starts = zygotes.starts,
    };
    if (execution_metrics_append(&core->metrics, &gauges, &text) != 0) {
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "out of memory");
        return;
    }
    http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.size);
}

static const struct http_route routes[] = {
    {"POST", "/v1/execute", handle_execute}, {"DELETE", "/v1/executions/{id}", handle_cancel},
    {"GET", "/health", handle_health},       {"GET", "/ready", handle_ready},
    {"GET", "/metrics", handle_metrics},
};

/* The default interpreter is warm before the first request. That it is missing is no reason not to
 * serve: it may be built meanwhile. */
static void warm_up(struct agent_core *core)
{
    struct error error = ERROR_NONE;
    if (interpreter_pool_get(core->interpreters, NULL, &error) == NULL)
        LOG(LOG_WARNING, "no interpreter yet", log_text("kind", error_kind_name(error.kind)),
            log_text("message", error.message));
}

static void on_drained(void *argument)
{
    struct agent_core *core = argument;
    event_base_loopbreak(core->loop);
}

static void stop(void *argument)
{
    struct agent_core *core = argument;
    http_server_drain(core->server, DRAIN_MS, on_drained, core);
    execution_queue_close(core->queue);
    interpreter_pool_free(core->interpreters);
    core->interpreters = NULL;
    /* With the last of the processes the last of the calls is answered. */
    guest_child_wait_for_dying();
}

/* Programs run behind the walls that the machine permits, unless the operator wants more. */
static int check_walls(struct agent_core *core, struct error *error)
{
    const char *const *required;
    BUFFER_LOCAL struct buffer missing = BUFFER_EMPTY;
    size_t count = config_items(core->config, CONFIG_SANDBOX_REQUIRE, &required);
    if (walls_probe(&core->walls, error) != 0 ||
        walls_require(core->walls, required, count, error) != 0)
        return -1;
    if (core->walls != WALLS_ALL && walls_append_names(&missing, WALLS_ALL & ~core->walls) == 0)
        LOG(LOG_WARNING,
            "programs run without some of the walls; `shannon doctor` says how to get them",
            log_text("missing", missing.data));
    return 0;
}

static int start(struct agent_core *core, struct error *error)
{
    const struct config *config = core->config;
    if (check_walls(core, error) != 0)
        return -1;
    core->loop = event_loop_new(error);
    if (core->loop == NULL)
        return -1;
    core->interpreters = interpreter_pool_new(core->loop, config, error);
    core->queue = execution_queue_new(config_number(config, CONFIG_AGENT_CORE_MAX_CONCURRENT),
                                      config_number(config, CONFIG_AGENT_CORE_MAX_QUEUED), error);
    if (core->interpreters == NULL || core->queue == NULL)
        return -1;
    const struct http_server_options options = {
        .host = config_text(config, CONFIG_AGENT_CORE_HOST),
        .port = (uint16_t)config_number(config, CONFIG_AGENT_CORE_PORT),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(*routes),
        .argument = core,
        .max_body_bytes = config_number(config, CONFIG_AGENT_CORE_MAX_BODY_BYTES),
    };
    core->server = http_server_start(core->loop, &options, error);
    return core->server == NULL ? -1 : 0;
}

int agent_core_serve(struct config *config, struct error *error)
{
    struct agent_core core = {.config = config};
    config_apply_logging(config, "agent-core");
    config_forget_secrets(config);
    int result = start(&core, error);
    if (result == 0) {
        warm_up(&core);
        result = event_loop_run(core.loop, stop, &core, error);
    }
    if (core.queue != NULL)
        execution_queue_close(core.queue);
    interpreter_pool_free(core.interpreters);
    http_server_free(core.server);
    execution_queue_free(core.queue);
    if (core.loop != NULL)
        event_base_free(core.loop);
    if (result == 0)
        LOG(LOG_INFO, "stopped", log_text("reason", "signal"));
    return result;
}
