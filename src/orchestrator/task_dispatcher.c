/* Hands stored tasks to llm-service. Invariant: a slot that is taken holds a task that is running
 * or deferred in the store, and either its call is under way or its timer is pending. */
#include "orchestrator/task_dispatcher.h"

#include "base/http_client.h"
#include "base/json_text.h"
#include "base/log.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFERRAL_FIRST_MS 200
#define DEFERRAL_MAX_MS 5000
#define STORE_RETRY_MS 1000
#define ANSWER_BYTES_MAX 134217728

struct task_slot {
    struct task_dispatcher *dispatcher;
    bool taken;
    struct task task;
    struct http_call *call;
    struct event *timer;
    int deferrals;
    bool has_ended; /* `task` holds its end, which could not be stored yet */
};

struct task_dispatcher {
    struct task_dispatcher_options options;
    struct buffer url;
    struct event *fill_timer; /* fills the slots: at once after a wake, later after a failure */
    struct task_slot *slots;
};

static void add_timer(struct event *timer, uint32_t milliseconds)
{
    const struct timeval wait = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    /* Adding a timer fails for want of memory only; the slot is then taken up at the next start. */
    if (evtimer_add(timer, &wait) != 0)
        LOG(LOG_ERROR, "cannot add a timer: out of memory");
}

static void free_slot(struct task_slot *slot)
{
    task_free(&slot->task);
    slot->taken = false;
    slot->call = NULL;
    slot->deferrals = 0;
    slot->has_ended = false;
    task_dispatcher_wake(slot->dispatcher);
}

/* Stores the end of the task; tries again until that works, because the work is done. */
static void store_end(struct task_slot *slot)
{
    struct error error = ERROR_NONE;
    if (task_store_finish(slot->dispatcher->options.store, &slot->task, &error) != 0) {
        LOG(LOG_ERROR, "the end of a task is not stored yet", log_text("task", slot->task.id),
            log_text("reason", error.message));
        slot->has_ended = true;
        add_timer(slot->timer, STORE_RETRY_MS);
        return;
    }
    LOG(LOG_INFO, "task ended", log_text("task", slot->task.id),
        log_text("status", task_status_stored_name(slot->task.status)),
        log_text("kind", error_kind_name(slot->task.error_kind)),
        log_number("attempts", slot->task.attempts));
    free_slot(slot);
}

/* `answer` may be NULL. */
static void fail(struct task_slot *slot, enum error_kind kind, const char *message,
                 const char *answer)
{
    slot->task.status = TASK_FAILED;
    slot->task.error_kind = kind;
    slot->task.error_message = strdup(message);
    slot->task.answer = answer == NULL ? NULL : strdup(answer);
    store_end(slot);
}

static void complete(struct task_slot *slot, const char *answer)
{
    slot->task.answer = strdup(answer);
    if (slot->task.answer == NULL) {
        fail(slot, ERROR_INTERNAL, "Out of memory while keeping the result", NULL);
        return;
    }
    slot->task.status = TASK_COMPLETED;
    slot->task.error_kind = ERROR_OK;
    store_end(slot);
}

static uint32_t deferral_ms(int deferrals)
{
    uint32_t wait = DEFERRAL_FIRST_MS;
    for (int i = 0; i < deferrals && wait < DEFERRAL_MAX_MS; i++)
        wait *= 2;
    return wait < DEFERRAL_MAX_MS ? wait : DEFERRAL_MAX_MS;
}

/* llm-service did not take the task: later. */
static void defer(struct task_slot *slot, enum error_kind kind, const char *reason)
{
    struct error error = ERROR_NONE;
    if (slot->deferrals == TASK_DEFERRALS_MAX) {
        char message[sizeof(error.message)];
        (void)snprintf(message, sizeof(message),
                       "The task could not be run, and was given up after %d tries: %.900s",
                       TASK_DEFERRALS_MAX + 1, reason);
        fail(slot, kind, message, NULL);
        return;
    }
    uint32_t wait = deferral_ms(slot->deferrals++);
    LOG(LOG_WARNING, "task deferred", log_text("task", slot->task.id), log_number("wait_ms", wait),
        log_text("reason", reason));
    /* That it is deferred is for those who ask; when it cannot be stored, nothing is lost. */
    if (task_store_defer(slot->dispatcher->options.store, slot->task.id, &error) != 0)
        LOG(LOG_ERROR, "cannot store that a task is deferred", log_text("task", slot->task.id),
            log_text("reason", error.message));
    else
        slot->task.status = TASK_DEFERRED;
    add_timer(slot->timer, wait);
}

/* The execution was ended from outside, not by its program or its limits. */
static void queue_again(struct task_slot *slot, const char *message, const char *answer)
{
    struct error error = ERROR_NONE;
    if (slot->task.attempts >= TASK_ATTEMPTS_MAX) {
        fail(slot, ERROR_KILLED, message, answer);
        return;
    }
    LOG(LOG_WARNING, "task killed, queued again", log_text("task", slot->task.id),
        log_number("attempts", slot->task.attempts));
    if (task_store_requeue(slot->dispatcher->options.store, slot->task.id, &error) != 0) {
        fail(slot, ERROR_KILLED, message, answer);
        return;
    }
    free_slot(slot);
}

static void take_answer(struct task_slot *slot, const json_t *answer, const char *body)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    const json_t *failure = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(failure, "message"));
    int kind = status == NULL ? -1 : error_kind_from_name(status);
    if (message == NULL)
        message = "llm-service gave no reason";
    if (kind == ERROR_OK)
        complete(slot, body);
    else if (kind == ERROR_KILLED)
        queue_again(slot, message, body);
    else if (kind > ERROR_OK)
        fail(slot, (enum error_kind)kind, message, body);
    else
        fail(slot, ERROR_INTERNAL,
             "llm-service answered something that is no answer to a query; check that "
             "orchestrator.llm_service_url is llm-service's",
             NULL);
}

/* An answer with a status other than 200: {"error":{"kind","message"}}. */
static void take_refusal(struct task_slot *slot, const json_t *answer, int http_status)
{
    const json_t *refusal = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(refusal, "message"));
    const char *name = json_string_value(json_object_get(refusal, "kind"));
    int kind = name == NULL ? -1 : error_kind_from_name(name);
    char otherwise[64];
    (void)snprintf(otherwise, sizeof(otherwise), "llm-service answered HTTP %d", http_status);
    if (message == NULL)
        message = otherwise;
    if (http_status == 429 || http_status == 503)
        defer(slot, kind > ERROR_OK ? (enum error_kind)kind : ERROR_BUSY, message);
    else
        fail(slot, kind > ERROR_OK ? (enum error_kind)kind : ERROR_INTERNAL, message, NULL);
}

static void on_done(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct task_slot *slot = argument;
    slot->call = NULL;
    if (reply == NULL) {
        char reason[sizeof(error->message)];
        if (error->kind == ERROR_TIMEOUT) {
            (void)snprintf(reason, sizeof(reason), "llm-service did not answer: %.900s",
                           error->message);
            fail(slot, ERROR_TIMEOUT, reason, NULL);
        } else {
            (void)snprintf(reason, sizeof(reason), "llm-service is out of reach: %.900s",
                           error->message);
            defer(slot, ERROR_INTERNAL, reason);
        }
        return;
    }
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *answer = json_text_parse(reply->body, reply->body_size, &fault);
    if (reply->status == 200)
        take_answer(slot, answer, reply->body);
    else
        take_refusal(slot, answer, reply->status);
    json_decref(answer);
}

/* The body for llm-service: the query and the options that came with it. */
static int append_body(const struct task *task, struct buffer *body, struct error *error)
{
    struct json_fault fault = JSON_FAULT_NONE;
    const char *options = task->options == NULL ? "{}" : task->options;
    json_t *object = json_text_parse(options, strlen(options), &fault);
    int result = -1;
    if (object == NULL)
        error_set(error, ERROR_INTERNAL, "The stored options of the task cannot be read: %s",
                  fault.error.message);
    else if (json_object_set_new(object, "query", json_string(task->query)) != 0 ||
             (task->session_id != NULL &&
              json_object_set_new(object, "session_id", json_string(task->session_id)) != 0) ||
             json_text_append(object, body) != 0)
        error_set(error, ERROR_INTERNAL, "The task cannot be sent: out of memory");
    else
        result = 0;
    json_decref(object);
    return result;
}

static void start_call(struct task_slot *slot)
{
    struct task_dispatcher *dispatcher = slot->dispatcher;
    BUFFER_LOCAL struct buffer body = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    char id[sizeof("X-Request-Id: ") + TASK_ID_SIZE];
    (void)snprintf(id, sizeof(id), "X-Request-Id: %s", slot->task.id);
    const char *headers[] = {"Content-Type: application/json", id};
    if (append_body(&slot->task, &body, &error) != 0) {
        fail(slot, error.kind, error.message, NULL);
        return;
    }
    const struct http_call_options options = {
        .url = buffer_text(&dispatcher->url),
        .headers = headers,
        .header_count = 2,
        .body = body.data,
        .body_size = body.size,
        .total_timeout_ms = TASK_TIME_LIMIT_MS,
        .max_response_bytes = ANSWER_BYTES_MAX,
    };
    slot->call = http_call_start(dispatcher->options.client, &options, on_done, slot, &error);
    if (slot->call == NULL)
        fail(slot, error.kind, error.message, NULL);
}

static void on_slot_timer(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    struct task_slot *slot = argument;
    struct error error = ERROR_NONE;
    if (slot->has_ended) {
        store_end(slot);
        return;
    }
    if (slot->task.status == TASK_DEFERRED) {
        if (task_store_resume(slot->dispatcher->options.store, slot->task.id, &error) != 0) {
            LOG(LOG_ERROR, "a deferred task waits for the store", log_text("task", slot->task.id),
                log_text("reason", error.message));
            add_timer(slot->timer, STORE_RETRY_MS);
            return;
        }
        slot->task.status = TASK_RUNNING;
    }
    start_call(slot);
}

static struct task_slot *find_free_slot(struct task_dispatcher *dispatcher)
{
    for (size_t i = 0; i < dispatcher->options.running_max; i++) {
        if (!dispatcher->slots[i].taken)
            return &dispatcher->slots[i];
    }
    return NULL;
}

static void fill_slots(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    struct task_dispatcher *dispatcher = argument;
    struct task_slot *slot;
    while ((slot = find_free_slot(dispatcher)) != NULL) {
        struct error error = ERROR_NONE;
        int claimed = task_store_claim(dispatcher->options.store, &slot->task, &error);
        if (claimed < 0) {
            LOG(LOG_ERROR, "no task can be taken from the store",
                log_text("reason", error.message));
            add_timer(dispatcher->fill_timer, STORE_RETRY_MS);
        }
        if (claimed <= 0)
            return;
        slot->taken = true;
        start_call(slot);
    }
}

void task_dispatcher_wake(struct task_dispatcher *dispatcher)
{
    add_timer(dispatcher->fill_timer, 0);
}

static void release(struct task_dispatcher *dispatcher)
{
    for (size_t i = 0; dispatcher->slots != NULL && i < dispatcher->options.running_max; i++) {
        if (dispatcher->slots[i].timer != NULL)
            event_free(dispatcher->slots[i].timer);
    }
    if (dispatcher->fill_timer != NULL)
        event_free(dispatcher->fill_timer);
    free(dispatcher->slots);
    buffer_free(&dispatcher->url);
    free(dispatcher);
}

static int make_slots(struct task_dispatcher *dispatcher, struct error *error)
{
    const struct task_dispatcher_options *options = &dispatcher->options;
    dispatcher->slots = calloc(options->running_max, sizeof(dispatcher->slots[0]));
    dispatcher->fill_timer = evtimer_new(options->loop, fill_slots, dispatcher);
    bool complete_so_far =
        dispatcher->slots != NULL && dispatcher->fill_timer != NULL &&
        buffer_append_format(&dispatcher->url, "%s/agent/query", options->llm_service_url) == 0;
    for (size_t i = 0; complete_so_far && i < options->running_max; i++) {
        struct task_slot *slot = &dispatcher->slots[i];
        slot->dispatcher = dispatcher;
        slot->timer = evtimer_new(options->loop, on_slot_timer, slot);
        complete_so_far = slot->timer != NULL;
    }
    return complete_so_far
               ? 0
               : error_set(error, ERROR_INTERNAL, "Out of memory while starting the dispatcher");
}

struct task_dispatcher *task_dispatcher_start(const struct task_dispatcher_options *options,
                                              struct error *error)
{
    int64_t queued = 0;
    int64_t failed = 0;
    struct task_dispatcher *dispatcher = calloc(1, sizeof(*dispatcher));
    if (dispatcher == NULL) {
        error_set(error, ERROR_INTERNAL, "Out of memory while starting the dispatcher");
        return NULL;
    }
    dispatcher->options = *options;
    if (make_slots(dispatcher, error) != 0 ||
        task_store_recover(options->store, TASK_ATTEMPTS_MAX, &queued, &failed, error) != 0) {
        release(dispatcher);
        return NULL;
    }
    if (queued + failed > 0)
        LOG(LOG_INFO, "unfinished tasks of the last run", log_number("queued_again", queued),
            log_number("failed", failed));
    task_dispatcher_wake(dispatcher);
    return dispatcher;
}

static void hand_back(struct task_slot *slot)
{
    struct error error = ERROR_NONE;
    struct task_store *store = slot->dispatcher->options.store;
    if (slot->call != NULL)
        http_call_cancel(slot->call);
    int result = 0;
    if (slot->has_ended)
        result = task_store_finish(store, &slot->task, &error);
    else if (slot->task.status == TASK_RUNNING)
        result = task_store_defer(store, slot->task.id, &error);
    if (result != 0)
        LOG(LOG_ERROR, "a task could not be handed back; the next start takes it up",
            log_text("task", slot->task.id), log_text("reason", error.message));
    task_free(&slot->task);
}

void task_dispatcher_stop(struct task_dispatcher *dispatcher)
{
    if (dispatcher == NULL)
        return;
    for (size_t i = 0; i < dispatcher->options.running_max; i++) {
        if (dispatcher->slots[i].taken)
            hand_back(&dispatcher->slots[i]);
    }
    release(dispatcher);
}
