/* Hands stored tasks to llm-service, a bounded number at a time, and stores what became of them.
 *
 * A task that llm-service could not take (out of reach, HTTP 429 or 503) is tried again after a
 * growing time, TASK_DEFERRALS_MAX times; then it fails with the reason. A task whose execution was
 * killed from outside, because a service was stopped under it, is queued again: an execution has no
 * effect outside the sandbox. No task is attempted more than TASK_ATTEMPTS_MAX times.
 *
 * All functions run on the thread of the loop.
 */
#ifndef SHANNON_ORCHESTRATOR_TASK_DISPATCHER_H
#define SHANNON_ORCHESTRATOR_TASK_DISPATCHER_H

#include "base/error.h"
#include "orchestrator/task_store.h"

#include <stddef.h>
#include <stdint.h>

#define TASK_ATTEMPTS_MAX 3
#define TASK_DEFERRALS_MAX 9       /* 200 ms, 400 ms, ... at most 5 s each: 26 s in all */
#define TASK_TIME_LIMIT_MS 1800000 /* of one attempt */

struct event_base;
struct http_client;
struct task_dispatcher;

/* Everything must outlive the dispatcher. */
struct task_dispatcher_options {
    struct event_base *loop;
    struct http_client *client;
    struct task_store *store;
    const char *llm_service_url; /* "http://127.0.0.1:8000" */
    size_t running_max;
};

/* Recovers what the last process left unfinished (task_store_recover) and begins. NULL with
 * ERROR_INTERNAL. */
struct task_dispatcher *task_dispatcher_start(const struct task_dispatcher_options *options,
                                              struct error *error);

/* Tells that a task was queued. */
void task_dispatcher_wake(struct task_dispatcher *dispatcher);

/* Hands the running tasks back to the store, uncounted, and releases. Accepts NULL. */
void task_dispatcher_stop(struct task_dispatcher *dispatcher);

#endif
