/* Tasks as the JSON that Shannon's clients read. */
#ifndef SHANNON_ORCHESTRATOR_TASK_JSON_H
#define SHANNON_ORCHESTRATOR_TASK_JSON_H

#include "orchestrator/task.h"

#include <jansson.h>

/* Every function returns a new reference, or NULL when memory is short. Times are ISO 8601 in UTC
 * with milliseconds. */

/* After a submission: task_id, workflow_id, status, message, created_at. */
json_t *task_json_submitted(const struct task *task);

/* The whole task: task_id, workflow_id, status, progress, result (a string, what was printed until
 * the end of a failed task), error (a string or null), created_at, updated_at, completed_at, query,
 * session_id, mode, context, model_used, provider, usage, metadata {executions, attempts,
 * error_kind}. */
json_t *task_json_full(const struct task *task);

/* An item of a list: task_id, workflow_id, query, status, created_at, completed_at, session_id,
 * error. */
json_t *task_json_item(const struct task *task);

#endif
