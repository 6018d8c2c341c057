/* One execution by agent-core, asked for over HTTP (POST /v1/execute). */
#ifndef SHANNON_LLM_SERVICE_PYTHON_EXECUTION_H
#define SHANNON_LLM_SERVICE_PYTHON_EXECUTION_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct http_client;
struct python_execution;

/* Where agent-core is and how long to wait for it. Borrowed for as long as executions live. */
struct agent_core_address {
    struct http_client *client;
    const char *url;         /* "http://127.0.0.1:50051" */
    uint32_t longest_run_ms; /* an execution may take so long; the call waits somewhat longer */
};

/* Everything is copied by python_execution_start. */
struct python_execution_request {
    const char *code;
    size_t code_size;
    const char *stdin_text; /* NULL: none */
    uint32_t timeout_ms;    /* 0: agent-core's default */
    const char *request_id; /* X-Request-Id; NULL: none */
};

/* Called once, from the loop; the execution is released after it.
 *
 * `record` (borrowed) is what agent-core answered, with "code" added: code, status, exit_code,
 * stdout, stderr, stdout_truncated, stderr_truncated, error, usage, execution_id. A request that
 * agent-core refused (the code is too long, ...) has a record too, with the kind as its status.
 *
 * `record` is NULL when nothing was executed and trying again may succeed: agent-core could not be
 * reached or has no capacity. `error` (ERROR_BUSY) then says so; it is not set otherwise. */
typedef void python_execution_done(void *argument, json_t *record, const struct error *error);

/* NULL with an error when memory is short; `done` is then never called, and never before this
 * returns. */
struct python_execution *python_execution_start(const struct agent_core_address *agent_core,
                                                const struct python_execution_request *request,
                                                python_execution_done *done, void *argument,
                                                struct error *error);

/* Ends the execution; `done` is not called. Not from its own `done`. */
void python_execution_cancel(struct python_execution *execution);

/* The status of a record. */
enum error_kind python_execution_status(const json_t *record);

/* Appends why the execution of the record failed, in the words that a person needs: the traceback
 * where there is one, else the error's message. 0, or -1 when memory is short. */
int python_execution_explain(const json_t *record, struct buffer *text);

#endif
