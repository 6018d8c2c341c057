/* The orchestrator's HTTP interface to tasks, in the shapes of Shannon's public clients.
 *
 *   POST /api/v1/tasks        stores a task and answers 200 with its task_id (X-Workflow-ID too)
 *   GET  /api/v1/tasks/{id}   what became of it
 *   GET  /api/v1/tasks        ?limit=1..100 (20) &offset= &status= &session_id=, newest first
 *
 * A task is on disk before its submission is answered. What cannot be stored (disk full, ...) is
 * answered 503.
 */
#ifndef SHANNON_ORCHESTRATOR_TASK_API_H
#define SHANNON_ORCHESTRATOR_TASK_API_H

#include "base/http_server.h"
#include "orchestrator/task_dispatcher.h"
#include "orchestrator/task_store.h"

#define TASK_QUERY_BYTES_MAX 1048576 /* it may hold a program */
#define TASK_SESSION_ID_MAX 128

struct task_api {
    struct task_store *store;
    struct task_dispatcher *dispatcher;
};

void task_api_submit(struct http_request *request, const struct task_api *api);
void task_api_get(struct http_request *request, const struct task_api *api);
void task_api_list(struct http_request *request, const struct task_api *api);

#endif
