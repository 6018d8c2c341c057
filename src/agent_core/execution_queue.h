/* Executions that wait or run: at most so many at a time, at most so many waiting, first come first
 * served. */
#ifndef SHANNON_AGENT_CORE_EXECUTION_QUEUE_H
#define SHANNON_AGENT_CORE_EXECUTION_QUEUE_H

#include "agent_core/execute_request.h"
#include "agent_core/session_store.h"
#include "base/error.h"
#include "sandbox/execution.h"
#include "sandbox/zygote.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct execution_queue;
struct queued_execution;

/* Called once for each execution that was accepted, from the loop or below execution_queue_cancel:
 * with its result, or with NULL and an error when no program ran. Both are valid during the call
 * only. */
typedef void execution_queue_done(void *argument, const struct execution_result *result,
                                  const struct error *error);

struct execution_queue_listener {
    execution_output *output; /* NULL unless the request streams */
    execution_queue_done *done;
    void *argument;
};

/* `running` at a time, `waiting` beyond. NULL with ERROR_INTERNAL. */
struct execution_queue *execution_queue_new(size_t running, size_t waiting, struct error *error);

/* While `has_room` says no, nothing is started; when it says yes again, call execution_queue_go_on.
 */
void execution_queue_set_gate(struct execution_queue *queue, bool (*has_room)(void *argument),
                              void *argument);

/* Must be empty. Accepts NULL. */
void execution_queue_free(struct execution_queue *queue);

/* Takes over `execute` (also on failure, then it is released) and the caller's hold on `session`
 * (NULL: none), in which it then runs: after what runs in it now. `tag` is copied: a name of the
 * caller's choice for execution_queue_find. NULL with ERROR_BUSY when the queue is full or closed,
 * ERROR_INTERNAL, or what execution_start says; `done` is then never called. */
struct queued_execution *execution_queue_add(struct execution_queue *queue, struct zygote *zygote,
                                             struct session *session,
                                             struct execute_request *execute, const char *tag,
                                             const struct execution_queue_listener *listener,
                                             struct error *error);

/* 32 hexadecimal digits, unpredictable. */
const char *queued_execution_id(const struct queued_execution *execution);

/* The session it runs in, or NULL. */
const struct session *queued_execution_session(const struct queued_execution *execution);

/* Starts what can be started: to be called when a session is no longer busy, or the gate is open.
 */
void execution_queue_go_on(struct execution_queue *queue);

/* Cancels all that run or wait in `session`. */
void execution_queue_cancel_session(struct execution_queue *queue, const struct session *session);

/* The execution whose id or tag is `name`, or NULL. */
struct queued_execution *execution_queue_find(struct execution_queue *queue, const char *name);

/* Ends it: one that waits for its turn is done at once with ERROR_KILLED, one that runs soon. */
void execution_queue_cancel(struct queued_execution *execution);

/* Accepts nothing any more, and cancels all: those that wait are done before this returns, those
 * that run soon. */
void execution_queue_close(struct execution_queue *queue);

size_t execution_queue_running(const struct execution_queue *queue);
size_t execution_queue_waiting(const struct execution_queue *queue);

#endif
