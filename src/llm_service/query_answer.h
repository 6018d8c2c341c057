/* The answer of llm-service as JSON; its fields are described in agent_query.h. */
#ifndef SHANNON_LLM_SERVICE_QUERY_ANSWER_H
#define SHANNON_LLM_SERVICE_QUERY_ANSWER_H

#include "base/error.h"
#include "llm_service/chat_messages.h"

#include <jansson.h>
#include <stddef.h>

/* What was done for a query. All borrowed. */
struct query_work {
    const char *provider; /* "explicit", "offline", "openai" */
    const char *model;    /* NULL: none */
    json_t *executions;   /* array of records (python_execution.h) */
    struct chat_usage tokens;
};

/* The answer of a query whose only execution ended with `record`: what it printed is the result,
 * without the newlines at its end. A new reference, or NULL when memory is short. */
json_t *query_answer_from_execution(const struct query_work *work, const json_t *record);

/* An answer with `result` (`size` bytes of UTF-8). A new reference, or NULL when memory is short.
 */
json_t *query_answer_from_text(const struct query_work *work, const char *result, size_t size);

/* An answer without a result. A new reference, or NULL when memory is short. */
json_t *query_answer_from_error(const struct query_work *work, const struct error *error);

#endif
