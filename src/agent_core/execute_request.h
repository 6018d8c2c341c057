/* The body of POST /v1/execute: reads it, checks it, and makes an execution's request of it. */
#ifndef SHANNON_AGENT_CORE_EXECUTE_REQUEST_H
#define SHANNON_AGENT_CORE_EXECUTE_REQUEST_H

#include "agent_core/request_files.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/json_text.h"
#include "sandbox/execution.h"

#include <jansson.h>

/* The least memory_limit_bytes of a request: the interpreter alone needs about half of it. */
#define EXECUTE_MEMORY_MINIMUM ((int64_t)32 << 20)

struct execute_request {
    struct execution_request request; /* its texts belong to `body` and to the lists below */
    const char *interpreter;          /* NULL when the request names none; belongs to `body` */
    const char *session;              /* the session's id; the same */
    json_t *body;
    const char **arguments;
    char **variables;
    struct request_files files;
};

/* Takes the reference to `body` (a JSON object), also on failure. Limits come from `config`. 0, or
 * -1 with `fault`. Release with execute_request_free either way. */
int execute_request_read(struct execute_request *execute, json_t *body, const struct config *config,
                         struct json_fault *fault);

void execute_request_free(struct execute_request *execute);

#endif
