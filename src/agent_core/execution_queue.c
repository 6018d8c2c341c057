/* Executions that wait or run. Invariant: while one waits, as many run as are allowed, or the gate
 * is closed; an execution
 * is in one of the two lists until just before its `done`. */
#include "agent_core/execution_queue.h"

#include "base/random_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TAG_MAXIMUM 64

struct queued_execution {
    TAILQ_ENTRY(queued_execution) link;
    struct execution_queue *queue;
    struct zygote *zygote;
    struct session *session; /* held; NULL: none */
    struct execute_request execute;
    struct execution *execution; /* NULL while it waits */
    char id[33];
    char tag[TAG_MAXIMUM + 1];
    struct execution_queue_listener listener;
};

TAILQ_HEAD(execution_list, queued_execution);

struct execution_queue {
    struct execution_list running;
    struct execution_list waiting;
    size_t running_count;
    size_t waiting_count;
    size_t running_maximum;
    size_t waiting_maximum;
    bool (*has_room)(void *argument); /* NULL: always */
    void *has_room_argument;
    bool closed;
};

struct execution_queue *execution_queue_new(size_t running, size_t waiting, struct error *error)
{
    struct execution_queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    TAILQ_INIT(&queue->running);
    TAILQ_INIT(&queue->waiting);
    queue->running_maximum = running;
    queue->waiting_maximum = waiting;
    return queue;
}

void execution_queue_set_gate(struct execution_queue *queue, bool (*has_room)(void *argument),
                              void *argument)
{
    queue->has_room = has_room;
    queue->has_room_argument = argument;
}

void execution_queue_free(struct execution_queue *queue)
{
    free(queue);
}

static void release(struct queued_execution *queued)
{
    execute_request_free(&queued->execute);
    if (queued->session != NULL)
        session_release(queued->session);
    free(queued);
}

/* Takes it off its list. */
static void take_off(struct queued_execution *queued)
{
    struct execution_queue *queue = queued->queue;
    bool runs = queued->execution != NULL;
    TAILQ_REMOVE(runs ? &queue->running : &queue->waiting, queued, link);
    *(runs ? &queue->running_count : &queue->waiting_count) -= 1;
}

static void start_waiting(struct execution_queue *queue);

static void on_done(void *argument, const struct execution_result *result)
{
    struct queued_execution *queued = argument;
    struct execution_queue *queue = queued->queue;
    take_off(queued);
    queued->listener.done(queued->listener.argument, result, NULL);
    release(queued);
    start_waiting(queue);
}

static void on_output(void *argument, int stream, const void *bytes, size_t size)
{
    struct queued_execution *queued = argument;
    queued->listener.output(queued->listener.argument, stream, bytes, size);
}

/* Starts one that is in no list. */
static int start(struct queued_execution *queued, struct error *error)
{
    struct execution_queue *queue = queued->queue;
    const struct execution_listener listener = {
        .output = on_output, .done = on_done, .argument = queued};
    const struct execution_request *request = &queued->execute.request;
    queued->execution = queued->session != NULL
                            ? session_start(queued->session, request, &listener, error)
                            : execution_start(queued->zygote, request, &listener, error);
    if (queued->execution == NULL)
        return -1;
    execute_request_free(&queued->execute);
    TAILQ_INSERT_TAIL(&queue->running, queued, link);
    queue->running_count++;
    return 0;
}

/* Whether one more may run. */
static bool has_turn(const struct execution_queue *queue)
{
    return queue->running_count < queue->running_maximum &&
           (queue->has_room == NULL || queue->has_room(queue->has_room_argument));
}

static bool can_start(const struct queued_execution *queued)
{
    return queued->session == NULL || !session_is_busy(queued->session);
}

/* The first of those that wait for nothing but their turn. */
static struct queued_execution *next_waiting(const struct execution_queue *queue)
{
    struct queued_execution *queued;
    TAILQ_FOREACH(queued, &queue->waiting, link)
    {
        if (can_start(queued))
            return queued;
    }
    return NULL;
}

static void start_waiting(struct execution_queue *queue)
{
    struct queued_execution *queued;
    while (has_turn(queue) && (queued = next_waiting(queue)) != NULL) {
        struct error error = ERROR_NONE;
        take_off(queued);
        if (start(queued, &error) == 0)
            continue;
        queued->listener.done(queued->listener.argument, NULL, &error);
        release(queued);
    }
}

/* Whether an earlier one waits for the same session. */
static bool session_is_awaited(const struct execution_queue *queue, const struct session *session)
{
    const struct queued_execution *queued;
    TAILQ_FOREACH(queued, &queue->waiting, link)
    {
        if (queued->session == session)
            return true;
    }
    return false;
}

static bool has_to_wait(const struct execution_queue *queue, const struct session *session)
{
    return !has_turn(queue) ||
           (session != NULL && (session_is_busy(session) || session_is_awaited(queue, session)));
}

/* Checks that there is room, and makes the execution. */
static struct queued_execution *accept(struct execution_queue *queue, const struct session *session,
                                       struct error *error)
{
    bool waits = has_to_wait(queue, session);
    if (queue->closed) {
        error_set(error, ERROR_BUSY, "the service is stopping");
        return NULL;
    }
    if (waits && queue->waiting_count >= queue->waiting_maximum) {
        error_set(error, ERROR_BUSY,
                  "%zu executions are running and %zu are waiting: try again later, or raise "
                  "agent_core.max_concurrent or agent_core.max_queued",
                  queue->running_count, queue->waiting_count);
        return NULL;
    }
    struct queued_execution *queued = calloc(1, sizeof(*queued));
    if (queued == NULL || random_id_make(queued->id, sizeof(queued->id) - 1) != 0) {
        error_set(error, ERROR_INTERNAL, "out of memory or of randomness");
        free(queued);
        return NULL;
    }
    return queued;
}

struct queued_execution *execution_queue_add(struct execution_queue *queue, struct zygote *zygote,
                                             struct session *session,
                                             struct execute_request *execute, const char *tag,
                                             const struct execution_queue_listener *listener,
                                             struct error *error)
{
    /* One that can start now, as another is just ending, came before. */
    start_waiting(queue);
    struct queued_execution *queued = accept(queue, session, error);
    if (queued == NULL) {
        execute_request_free(execute);
        if (session != NULL)
            session_release(session);
        return NULL;
    }
    queued->queue = queue;
    queued->zygote = zygote;
    queued->session = session;
    queued->execute = *execute;
    *execute = (struct execute_request){0};
    queued->listener = *listener;
    (void)snprintf(queued->tag, sizeof(queued->tag), "%s", tag);
    if (has_to_wait(queue, session)) {
        TAILQ_INSERT_TAIL(&queue->waiting, queued, link);
        queue->waiting_count++;
    } else if (start(queued, error) != 0) {
        release(queued);
        return NULL;
    }
    return queued;
}

const char *queued_execution_id(const struct queued_execution *execution)
{
    return execution->id;
}

const struct session *queued_execution_session(const struct queued_execution *execution)
{
    return execution->session;
}

void execution_queue_go_on(struct execution_queue *queue)
{
    start_waiting(queue);
}

void execution_queue_cancel_session(struct execution_queue *queue, const struct session *session)
{
    struct queued_execution *queued;
    struct queued_execution *next;
    TAILQ_FOREACH(queued, &queue->running, link)
    {
        if (queued->session == session)
            execution_cancel(queued->execution);
    }
    for (queued = TAILQ_FIRST(&queue->waiting); queued != NULL; queued = next) {
        next = TAILQ_NEXT(queued, link);
        if (queued->session == session)
            execution_queue_cancel(queued);
    }
}

static struct queued_execution *find_in(struct execution_list *list, const char *name)
{
    struct queued_execution *queued;
    TAILQ_FOREACH(queued, list, link)
    {
        if (strcmp(queued->id, name) == 0 || strcmp(queued->tag, name) == 0)
            return queued;
    }
    return NULL;
}

struct queued_execution *execution_queue_find(struct execution_queue *queue, const char *name)
{
    struct queued_execution *running = find_in(&queue->running, name);
    return running != NULL ? running : find_in(&queue->waiting, name);
}

void execution_queue_cancel(struct queued_execution *execution)
{
    if (execution->execution != NULL) {
        execution_cancel(execution->execution);
        return;
    }
    struct execution_result result = {
        .status = ERROR_KILLED,
        .message = "the execution was cancelled before it began",
        .exit_code = 137,
    };
    take_off(execution);
    execution->listener.done(execution->listener.argument, &result, NULL);
    release(execution);
}

void execution_queue_close(struct execution_queue *queue)
{
    queue->closed = true;
    struct queued_execution *queued;
    while ((queued = TAILQ_FIRST(&queue->waiting)) != NULL)
        execution_queue_cancel(queued);
    TAILQ_FOREACH(queued, &queue->running, link)
    execution_cancel(queued->execution);
}

size_t execution_queue_running(const struct execution_queue *queue)
{
    return queue->running_count;
}

size_t execution_queue_waiting(const struct execution_queue *queue)
{
    return queue->waiting_count;
}
