/* The service that runs Python: what it consists of, and the routes that tell of it. */
#include "agent_core/agent_core.h"

#include "agent_core/agent_core_internal.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "sandbox/guest_child.h"
#include "sandbox/time_slice.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* How long answers may take to reach their clients when the service stops. */
#define DRAIN_MS 2000

/* What clients may leave of their answers when no run has any output. */
#define UNSENT_LEAST ((size_t)16 << 20)

bool agent_core_refuse_when_stopping(struct agent_core *core, struct http_request *request)
{
    if (core->interpreters != NULL)
        return false;
    http_respond_error(request, 503, ERROR_KILLED, NULL, "the service is stopping");
    return true;
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
    const struct session_counts sessions = session_store_counts(core->sessions);
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I}}", "status",
                                "healthy", "service", "agent-core", "version", SHANNON_VERSION,
                                "interpreters", interpreter_pool_describe(core->interpreters),
                                "walls", describe_walls(core->walls), "executions", "running",
                                (json_int_t)execution_queue_running(core->queue), "waiting",
                                (json_int_t)execution_queue_waiting(core->queue), "sessions", "all",
                                (json_int_t)sessions.all, "live", (json_int_t)sessions.live));
}

static void handle_ready(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    if (agent_core_refuse_when_stopping(core, request))
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
        .sessions = session_store_counts(core->sessions),
    };
    if (execution_metrics_append(&core->metrics, &gauges, &text) != 0) {
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "out of memory");
        return;
    }
    http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.size);
}

static const struct http_route routes[] = {
    {"POST", "/v1/execute", execute_route_execute},
    {"DELETE", "/v1/executions/{id}", handle_cancel},
    {"GET", "/v1/sessions", session_routes_list},
    {"GET", "/v1/sessions/{id}", session_routes_describe},
    {"DELETE", "/v1/sessions/{id}", session_routes_delete},
    {"POST", "/v1/sessions/{id}/fork", session_routes_fork},
    {"GET", "/health", handle_health},
    {"GET", "/ready", handle_ready},
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
    session_copies_free(core->copies);
    core->copies = NULL;
    /* With the last of the processes the last of the calls is answered, and no session is running.
     */
    guest_child_wait_for_dying();
    session_store_stop(core->sessions);
    interpreter_pool_free(core->interpreters);
    core->interpreters = NULL;
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

/* Those that waited for a session go on. */
static void on_session_free(void *argument)
{
    struct agent_core *core = argument;
    if (core->copies == NULL)
        return;
    session_copies_try(core);
    execution_queue_go_on(core->queue);
}

/* A session with a process takes four descriptors, and the usual limit of 1,024 is meant for
 * programs that use select(2); see getrlimit(2) and systemd.exec(5), LimitNOFILE. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Runs make answers, which clients may be slow to take. */
static bool has_room(void *argument)
{
    const struct agent_core *core = argument;
    return http_server_has_room(core->server);
}

static void on_room(void *argument)
{
    struct agent_core *core = argument;
    execution_queue_go_on(core->queue);
}

/* What clients may leave of their answers, all together: enough for those of many runs at their
 * limits, of which a client that reads leaves nothing for long. */
static size_t unsent_maximum(const struct config *config)
{
    return (size_t)(64 * config_number(config, CONFIG_AGENT_CORE_OUTPUT_LIMIT_BYTES) +
                    8 * config_number(config, CONFIG_AGENT_CORE_FILES_LIMIT_BYTES)) +
           UNSENT_LEAST;
}

static int start(struct agent_core *core, struct error *error)
{
    const struct config *config = core->config;
    if (check_walls(core, error) != 0)
        return -1;
    raise_descriptor_limit();
    core->loop = event_loop_new(error);
    if (core->loop == NULL)
        return -1;
    core->interpreters = interpreter_pool_new(core->loop, config, error);
    core->queue = execution_queue_new(config_number(config, CONFIG_AGENT_CORE_MAX_CONCURRENT),
                                      config_number(config, CONFIG_AGENT_CORE_MAX_QUEUED), error);
    core->copies = session_copies_new();
    if (core->copies == NULL)
        error_set(error, ERROR_INTERNAL, "out of memory");
    if (core->interpreters == NULL || core->queue == NULL || core->copies == NULL)
        return -1;
    core->sessions = session_store_new(core->loop, config, core->interpreters, error);
    if (core->sessions == NULL)
        return -1;
    session_store_on_free(core->sessions, on_session_free, core);
    const struct http_server_options options = {
        .host = config_text(config, CONFIG_AGENT_CORE_HOST),
        .port = (uint16_t)config_number(config, CONFIG_AGENT_CORE_PORT),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(*routes),
        .argument = core,
        .max_body_bytes = config_number(config, CONFIG_AGENT_CORE_MAX_BODY_BYTES),
        .max_unsent_bytes = unsent_maximum(config),
        .room = on_room,
    };
    core->server = http_server_start(core->loop, &options, error);
    if (core->server == NULL)
        return -1;
    execution_queue_set_gate(core->queue, has_room, core);
    return 0;
}

int agent_core_serve(struct config *config, struct error *error)
{
    struct agent_core core = {.config = config};
    config_apply_logging(config, "agent-core");
    config_forget_secrets(config);
    int result = start(&core, error);
    if (result == 0) {
        time_slice_shorten();
        warm_up(&core);
        result = event_loop_run(core.loop, stop, &core, error);
    }
    if (core.queue != NULL)
        execution_queue_close(core.queue);
    session_copies_free(core.copies);
    session_store_free(core.sessions);
    interpreter_pool_free(core.interpreters);
    http_server_free(core.server);
    execution_queue_free(core.queue);
    if (core.loop != NULL)
        event_base_free(core.loop);
    if (result == 0)
        LOG(LOG_INFO, "stopped", log_text("reason", "signal"));
    return result;
}
