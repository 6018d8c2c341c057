/* The tasks on disk, in one SQLite file that belongs to one orchestrator at a time.
 *
 * What a function reports as done is stored: task_store_submit and task_store_finish return when
 * the row has reached the disk (WAL, synchronous=FULL), the others when it would survive the death
 * of this process.
 *
 * A change that cannot be stored (disk full, file read-only, disk error) returns -1 with
 * ERROR_INTERNAL, changes nothing and may be tried again; the store stays usable for reading.
 *
 * Not thread-safe. Not to be used in a forked child.
 */
#ifndef SHANNON_ORCHESTRATOR_TASK_STORE_H
#define SHANNON_ORCHESTRATOR_TASK_STORE_H

#include "base/error.h"
#include "orchestrator/task.h"

#include <stdint.h>

struct task_store;

/* Opens or creates the file `path` and the folders above it (mode 0700), and brings an older schema
 * up to date. NULL with ERROR_INTERNAL when the file is in use by another orchestrator, was written
 * by a newer program, is no task store, or cannot be opened or written. */
struct task_store *task_store_open(const char *path, struct error *error);

/* Closes the file. Accepts NULL. */
void task_store_close(struct task_store *store);

/* Stores a new task: `id`, `query`, `session_id` and `options` are read, `status`, `created_ms` and
 * `updated_ms` are set. 0 or -1. */
int task_store_submit(struct task_store *store, struct task *task, struct error *error);

/* Makes the oldest queued task a running one, counts the attempt and reads it into `task` (without
 * `answer`). 1, 0 when none is queued, or -1. */
int task_store_claim(struct task_store *store, struct task *task, struct error *error);

/* A running task whose attempt did not reach llm-service: it is deferred and the attempt does not
 * count. 0 or -1. */
int task_store_defer(struct task_store *store, const char *id, struct error *error);

/* A deferred task is tried again: it is running and the attempt counts. 0 or -1. */
int task_store_resume(struct task_store *store, const char *id, struct error *error);

/* A running task is queued again, and the attempt counts. 0 or -1. */
int task_store_requeue(struct task_store *store, const char *id, struct error *error);

/* Ends a task: `task->id`, `status` (completed or failed), `error_kind`, `error_message`
 * and `answer` are read. A task that has ended stays as it is. 0 or -1. */
int task_store_finish(struct task_store *store, const struct task *task, struct error *error);

/* After a start: what the last process left running or deferred is queued again, or fails when it
 * was attempted `attempts_max` times. 0 or -1. */
int task_store_recover(struct task_store *store, int64_t attempts_max, int64_t *queued,
                       int64_t *failed, struct error *error);

/* Reads one task. 1, 0 when there is none, or -1. */
int task_store_get(struct task_store *store, const char *id, struct task *task,
                   struct error *error);

struct task_filter {
    const char *status;     /* a stored name, "QUEUED" means deferred ones too; NULL: any */
    const char *session_id; /* NULL: any */
    int64_t limit, offset;
};

/* Calls `each` for the tasks that match, newest first, without `options` and `answer` and with
 * the first 10,000 characters of `query`; the task is valid during the call. `total` is how many
 * match without limit and offset. 0 or -1.
 */
int task_store_list(struct task_store *store, const struct task_filter *filter,
                    void (*each)(void *argument, const struct task *task), void *argument,
                    int64_t *total, struct error *error);

#endif
