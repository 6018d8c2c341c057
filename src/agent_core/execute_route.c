/* POST /v1/execute: one program, answered with one JSON object, or with its output as it comes and
 * then that object. Invariant: each call is answered exactly once, or its client is gone and its
 * execution has been cancelled. */
#include "agent_core/agent_core_internal.h"
#include "agent_core/execute_request.h"
#include "agent_core/execution_answer.h"
#include "base/log.h"
#include "base/server_sent_events.h"
#include "base/text.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Output is held back for so long, so that what a program writes in one go is one event. */
#define GATHER_US 5000
/* More than this is not held back. */
#define GATHERED_MAXIMUM ((size_t)32768)
#define HEARTBEAT_SECONDS 15

/* The events of one call. */
struct events {
    struct event *timer;
    bool gathers;                 /* the timer is for what is gathered, else for the heartbeat */
    int stream;                   /* that `text` comes from: 1 or 2 */
    struct buffer text;           /* gathered, to be sent */
    struct text_stream cut;       /* the beginning of a character of `stream` */
    struct text_stream other_cut; /* the same of the other one */
};

struct call {
    struct agent_core *core;
    struct http_request *request; /* NULL when the client is gone */
    struct queued_execution *execution;
    struct session *session; /* held by the execution; NULL: none */
    bool streams;
    struct events events;
};

static void call_free(struct call *call)
{
    if (call->events.timer != NULL)
        event_free(call->events.timer);
    buffer_free(&call->events.text);
    free(call);
}

/* ---- events ---- */

static void send_event(struct call *call, const char *name, json_t *data)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    if (call->request != NULL && server_sent_events_append(&text, name, NULL, data) == 0)
        http_respond_part(call->request, text.data, text.size);
    json_decref(data);
}

static void arm(struct call *call, bool gathers)
{
    const struct timeval time = {.tv_sec = gathers ? 0 : HEARTBEAT_SECONDS,
                                 .tv_usec = gathers ? GATHER_US : 0};
    call->events.gathers = gathers;
    (void)event_add(call->events.timer, &time);
}

static void send_gathered(struct call *call)
{
    struct events *events = &call->events;
    if (events->text.size > 0)
        send_event(
            call, events->stream == 1 ? "stdout" : "stderr",
            json_pack("{s:o}", "text", json_stringn_nocheck(events->text.data, events->text.size)));
    buffer_clear(&events->text);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct call *call = argument;
    BUFFER_LOCAL struct buffer heartbeat = BUFFER_EMPTY;
    (void)fd;
    (void)what;
    if (call->events.text.size > 0)
        send_gathered(call);
    else if (!call->events.gathers && call->request != NULL &&
             server_sent_events_append_heartbeat(&heartbeat) == 0)
        http_respond_part(call->request, heartbeat.data, heartbeat.size);
    arm(call, false);
}

/* Two streams take turns; the order in which they were written is kept. */
static void turn_to(struct call *call, int stream)
{
    struct events *events = &call->events;
    if (events->stream == stream)
        return;
    send_gathered(call);
    struct text_stream cut = events->cut;
    events->cut = events->other_cut;
    events->other_cut = cut;
    events->stream = stream;
}

static void on_output(void *argument, int stream, const void *bytes, size_t size)
{
    struct call *call = argument;
    struct events *events = &call->events;
    turn_to(call, stream);
    (void)text_stream_append(&events->cut, &events->text, bytes, size);
    if (events->text.size >= GATHERED_MAXIMUM)
        send_gathered(call);
    else if (events->text.size > 0 && !events->gathers)
        arm(call, true);
}

/* `result` NULL: no program ran. */
static void finish_output(struct call *call, const struct execution_result *result)
{
    struct events *events = &call->events;
    for (int i = 0; i < 2; i++) {
        /* What is left of a character that the limit cut is not told. */
        if (result == NULL ||
            !(events->stream == 1 ? result->stdout_truncated : result->stderr_truncated))
            (void)text_stream_finish(&events->cut, &events->text);
        send_gathered(call);
        turn_to(call, 3 - events->stream);
    }
}

/* The first event, which says how to cancel. */
static int begin_events(struct call *call)
{
    call->events.stream = 1;
    call->events.timer = event_new(call->core->loop, -1, EV_TIMEOUT, on_timer, call);
    if (call->events.timer == NULL)
        return -1;
    http_respond_begin(call->request, 200, SERVER_SENT_EVENTS_CONTENT_TYPE);
    send_event(call, "started",
               json_pack("{s:s}", "execution_id", queued_execution_id(call->execution)));
    arm(call, false);
    return 0;
}

/* ---- the end ---- */

static void log_end(const struct call *call, const char *request_id,
                    const struct execution_result *result)
{
    LOG(LOG_INFO, "execution", log_text("execution_id", queued_execution_id(call->execution)),
        log_text("request_id", request_id),
        log_text("session_id", call->session == NULL ? "" : session_id(call->session)),
        log_text("status", error_kind_name(result->status)),
        log_number("exit_code", result->exit_code), log_number("wall_us", (int64_t)result->wall_us),
        log_number("cpu_us", (int64_t)result->cpu_us),
        log_number("peak_memory_bytes", (int64_t)result->peak_memory_bytes));
}

static json_t *answer_of(const struct call *call, const struct execution_result *result)
{
    json_t *answer = execution_answer(result, queued_execution_id(call->execution));
    if (answer != NULL && call->session != NULL)
        (void)json_object_set_new(answer, "session_id", json_string(session_id(call->session)));
    return answer;
}

/* No program ran: why. A result carries the reason in its status then. */
static struct error failure_of(const struct execution_result *result, const struct error *error)
{
    struct error failure = ERROR_NONE;
    if (error != NULL)
        return *error;
    error_set(&failure, result->status, "%s", result->message);
    return failure;
}

static void answer_whole(struct call *call, const struct execution_result *result,
                         const struct error *error)
{
    if (result != NULL && execution_answer_is_ending(result->status)) {
        http_respond_json(call->request, 200, answer_of(call, result));
        return;
    }
    const struct error failure = failure_of(result, error);
    /* All else that can be wrong was looked at before; only that one path leads through another
     * file, the guest's file system finds out. */
    if (result != NULL && call->session == NULL && failure.kind == ERROR_INVALID_REQUEST)
        http_respond_error(call->request, 400, failure.kind, "files", "%s", failure.message);
    else
        http_respond_failure(call->request, &failure);
}

static void answer_in_events(struct call *call, const struct execution_result *result,
                             const struct error *error)
{
    finish_output(call, result);
    if (result != NULL && execution_answer_is_ending(result->status)) {
        send_event(call, "result", answer_of(call, result));
    } else {
        const struct error failure = failure_of(result, error);
        send_event(call, "error",
                   json_pack("{s:{s:s, s:o}}", "error", "kind", error_kind_name(failure.kind),
                             "message",
                             json_text_from_bytes(failure.message, strlen(failure.message))));
    }
    http_respond_end(call->request);
}

static void on_done(void *argument, const struct execution_result *result,
                    const struct error *error)
{
    struct call *call = argument;
    char request_id[HTTP_REQUEST_ID_MAXIMUM + 1];
    bool ended = result != NULL && execution_answer_is_ending(result->status);
    execution_metrics_count(&call->core->metrics, result != NULL ? result->status : error->kind,
                            ended ? result : NULL);
    /* The client does not wait for the log; the request is not ours any more then. */
    const char *id = call->request == NULL ? "" : http_request_id(call->request);
    (void)snprintf(request_id, sizeof(request_id), "%s", id);
    if (call->request == NULL)
        LOG(LOG_DEBUG, "the client is gone, its result is dropped");
    else if (call->streams)
        answer_in_events(call, result, error);
    else
        answer_whole(call, result, error);
    if (ended)
        log_end(call, request_id, result);
    /* Before the next run in the session begins. */
    if (call->session != NULL)
        session_copies_try(call->core);
    call_free(call);
}

static void on_client_gone(void *argument)
{
    struct call *call = argument;
    call->request = NULL;
    execution_queue_cancel(call->execution);
}

/* ---- the beginning ---- */

/* Answers for what the caller named and cannot be had: the caller's mistake. */
static void answer_not_there(struct http_request *request, const struct execute_request *execute,
                             const struct error *error)
{
    if (execute->interpreter != NULL && error->kind == ERROR_INTERPRETER_NOT_FOUND)
        http_respond_error(request, 400, error->kind, "interpreter", "%s", error->message);
    else if (execute->session != NULL && error->kind == ERROR_INVALID_REQUEST)
        http_respond_error(request, 400, error->kind, "session_id", "%s", error->message);
    else
        http_respond_failure(request, error);
}

static bool wants_events(const struct http_request *request)
{
    const char *accept = http_request_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/event-stream") != NULL;
}

/* Finds where the program is to run: an interpreter, and perhaps a session of it. */
static int find_place(struct call *call, const struct execute_request *execute,
                      struct zygote **zygote, struct error *error)
{
    struct agent_core *core = call->core;
    if (execute->session == NULL) {
        *zygote = interpreter_pool_get(core->interpreters, execute->interpreter, error);
        return *zygote == NULL ? -1 : 0;
    }
    call->session =
        session_store_hold(core->sessions, execute->session, execute->interpreter, error);
    *zygote = NULL; /* the session has its own */
    return call->session == NULL ? -1 : 0;
}

static void begin(struct agent_core *core, struct http_request *request,
                  struct execute_request *execute)
{
    struct error error = ERROR_NONE;
    struct zygote *zygote = NULL;
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        error_set(&error, ERROR_INTERNAL, "out of memory");
        http_respond_failure(request, &error);
        execute_request_free(execute);
        return;
    }
    call->core = core;
    call->request = request;
    call->streams = wants_events(request);
    execute->request.stream_output = call->streams;
    if (find_place(call, execute, &zygote, &error) != 0) {
        answer_not_there(request, execute, &error);
        execute_request_free(execute);
        call_free(call);
        return;
    }
    const struct execution_queue_listener listener = {
        .output = on_output, .done = on_done, .argument = call};
    call->execution = execution_queue_add(core->queue, zygote, call->session, execute,
                                          http_request_id(request), &listener, &error);
    if (call->execution == NULL) {
        execution_metrics_count(&core->metrics, error.kind, NULL);
        http_respond_failure(request, &error);
        call_free(call);
        return;
    }
    http_request_on_gone(request, on_client_gone, call);
    if (call->streams && begin_events(call) != 0)
        execution_queue_cancel(call->execution);
}

void execute_route_execute(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    if (agent_core_refuse_when_stopping(core, request))
        return;
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
