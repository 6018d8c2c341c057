/* Submits a task and follows it. Invariant: while the loop runs, either one HTTP call is under way
 * or the timer is pending. */
#include "cli/task_client.h"

#include "base/buffer.h"
#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/json_text.h"

#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define POLL_FIRST_MS 20
#define POLL_MAX_MS 1000
#define PATIENCE_MS 30000
#define CALL_TIMEOUT_MS 30000
#define ANSWER_BYTES_MAX 134217728

struct task_client {
    const struct task_client_options *options;
    struct event_base *loop;
    struct http_client *client;
    struct event *timer;
    struct buffer task_url;
    uint32_t poll_ms;
    int64_t started_ms;
    int64_t silent_since_ms; /* 0: the last answer was one */
    json_t *task;            /* the end */
    struct error error;
};

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Ends the loop, with `client->error` set or `client->task` known. */
static void end(struct task_client *client)
{
    event_base_loopbreak(client->loop);
}

static void end_unreachable(struct task_client *client, const char *reason)
{
    error_set(
        &client->error, ERROR_INTERNAL,
        "the orchestrator at %.200s does not answer: %.500s. Start it with `shannon serve`, or "
        "say where it is with --url or SHANNON_URL",
        client->options->url, reason);
    end(client);
}

static void end_refused(struct task_client *client, const struct http_reply *reply,
                        const json_t *answer)
{
    const json_t *refusal = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(refusal, "message"));
    error_set(&client->error, ERROR_INVALID_REQUEST, "the orchestrator answered HTTP %d: %.800s",
              reply->status, message == NULL ? "something that is no task" : message);
    end(client);
}

static json_t *parse(const struct http_reply *reply)
{
    struct json_fault fault = JSON_FAULT_NONE;
    return json_text_parse(reply->body, reply->body_size, &fault);
}

static void poll_later(struct task_client *client)
{
    int64_t waited = clock_ms() - client->started_ms;
    if (client->options->timeout_ms > 0 && waited >= (int64_t)client->options->timeout_ms) {
        error_set(&client->error, ERROR_TIMEOUT,
                  "the task has not ended within the timeout; it goes on, see %.500s",
                  buffer_text(&client->task_url));
        end(client);
        return;
    }
    const struct timeval wait = {.tv_sec = client->poll_ms / 1000,
                                 .tv_usec = (suseconds_t)(client->poll_ms % 1000) * 1000};
    client->poll_ms = client->poll_ms * 2 < POLL_MAX_MS ? client->poll_ms * 2 : POLL_MAX_MS;
    if (evtimer_add(client->timer, &wait) != 0) {
        error_set(&client->error, ERROR_INTERNAL, "out of memory");
        end(client);
    }
}

/* No answer, or one that the orchestrator gives while it has trouble of its own. */
static void bear_silence(struct task_client *client, const char *reason)
{
    int64_t now = clock_ms();
    if (client->silent_since_ms == 0)
        client->silent_since_ms = now;
    if (now - client->silent_since_ms >= PATIENCE_MS)
        end_unreachable(client, reason);
    else
        poll_later(client);
}

static bool is_under_way(const char *status)
{
    return strcmp(status, "TASK_STATUS_QUEUED") == 0 ||
           strcmp(status, "TASK_STATUS_RUNNING") == 0 || strcmp(status, "TASK_STATUS_PAUSED") == 0;
}

static void on_polled(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct task_client *client = argument;
    if (reply == NULL || reply->status >= 500) {
        bear_silence(client, reply == NULL ? error->message : "it has trouble of its own");
        return;
    }
    client->silent_since_ms = 0;
    json_t *answer = parse(reply);
    const char *status = json_string_value(json_object_get(answer, "status"));
    if (reply->status != 200 || status == NULL) {
        end_refused(client, reply, answer);
    } else if (is_under_way(status)) {
        poll_later(client);
    } else {
        client->task = json_incref(answer);
        end(client);
    }
    json_decref(answer);
}

static int call(struct task_client *client, const char *url, const struct buffer *body,
                http_call_done *done)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    const struct http_call_options options = {
        .url = url,
        .headers = headers,
        .header_count = body == NULL ? 0 : 1,
        .body = body == NULL ? NULL : body->data,
        .body_size = body == NULL ? 0 : body->size,
        .total_timeout_ms = CALL_TIMEOUT_MS,
        .max_response_bytes = ANSWER_BYTES_MAX,
        .use_proxy = true,
    };
    return http_call_start(client->client, &options, done, client, &client->error) == NULL ? -1 : 0;
}

static void on_timer(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    struct task_client *client = argument;
    if (call(client, buffer_text(&client->task_url), NULL, on_polled) != 0)
        end(client);
}

static void on_submitted(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct task_client *client = argument;
    if (reply == NULL) {
        end_unreachable(client, error->message);
        return;
    }
    json_t *answer = parse(reply);
    const char *id = json_string_value(json_object_get(answer, "task_id"));
    if (reply->status != 200 || id == NULL) {
        end_refused(client, reply, answer);
    } else if (buffer_append_format(&client->task_url, "%s/api/v1/tasks/%s", client->options->url,
                                    id) != 0) {
        error_set(&client->error, ERROR_INTERNAL, "out of memory");
        end(client);
    } else {
        client->options->submitted(id);
        poll_later(client);
    }
    json_decref(answer);
}

static int submit(struct task_client *client)
{
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer body = BUFFER_EMPTY;
    json_t *object = json_pack("{s:s}", "query", client->options->text);
    int result = object == NULL ? -1 : json_text_append(object, &body);
    json_decref(object);
    if (result != 0 || buffer_append_format(&url, "%s/api/v1/tasks", client->options->url) != 0)
        return error_set(&client->error, ERROR_INVALID_REQUEST,
                         "the task cannot be sent: it is not valid UTF-8");
    return call(client, buffer_text(&url), &body, on_submitted);
}

static int run(struct task_client *client)
{
    client->loop = event_loop_new(&client->error);
    if (client->loop == NULL)
        return -1;
    client->client = http_client_new(client->loop, &client->error);
    client->timer = evtimer_new(client->loop, on_timer, client);
    if (client->client == NULL || client->timer == NULL)
        return error_set(&client->error, ERROR_INTERNAL, "out of memory");
    if (submit(client) != 0)
        return -1;
    (void)event_base_loop(client->loop, EVLOOP_NO_EXIT_ON_EMPTY);
    return client->task == NULL ? -1 : 0;
}

json_t *task_client_run(const struct task_client_options *options, struct error *error)
{
    struct task_client client = {.options = options,
                                 .poll_ms = POLL_FIRST_MS,
                                 .started_ms = clock_ms(),
                                 .error = ERROR_NONE};
    if (run(&client) != 0)
        error_set(error, client.error.kind, "%s", client.error.message);
    if (client.timer != NULL)
        event_free(client.timer);
    http_client_free(client.client);
    if (client.loop != NULL)
        event_base_free(client.loop);
    buffer_free(&client.task_url);
    return client.task;
}
