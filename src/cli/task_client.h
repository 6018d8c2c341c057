/* Submits a task to an orchestrator over HTTP and follows it to its end. */
#ifndef SHANNON_CLI_TASK_CLIENT_H
#define SHANNON_CLI_TASK_CLIENT_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

struct task_client_options {
    const char *url; /* of the orchestrator: "http://127.0.0.1:8080" */
    const char *text;
    uint64_t timeout_ms; /* to wait for the end; 0: without limit */
    /* Called once with the task's id as soon as it is stored. */
    void (*submitted)(const char *id);
};

/* Submits, and waits until the task has ended. A running task may be out of sight for 30 s, while
 * the orchestrator is restarted for example. Returns the task as the orchestrator answers it (a new
 * reference), or NULL with ERROR_TIMEOUT (the task goes on), ERROR_INVALID_REQUEST (the task was
 * refused) or ERROR_INTERNAL (no orchestrator there, or lost sight of it). */
json_t *task_client_run(const struct task_client_options *options, struct error *error);

#endif
