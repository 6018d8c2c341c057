/* One request to llm-service from its arrival to its answer: code that is in the request is run;
 * else a provider is asked, and runs what it asks for until it answers.
 *
 * An answer with HTTP 200 is
 *
 *     {"status":      an error kind; "ok" when there is a result
 *      "result":      text for a person: what the program printed, or the model's answer
 *      "executions":  [{"code","status","exit_code","stdout","stderr","error","usage",
 *                       "execution_id",...}] in the order in which they were started
 *      "provider":    "explicit" | "offline" | "openai"
 *      "model":       its name, or null
 *      "usage":       {"executions","wall_ms","cpu_ms","peak_memory_bytes","input_tokens",
 *                      "output_tokens","total_tokens"}
 *      "error":       {"kind","message"} or null}
 *
 * Whatever became of the code is such an answer, its failure included. HTTP 4xx says that the
 * request itself is wrong; 503 that agent-core cannot run anything now, and that the same request
 * may be sent again.
 */
#ifndef SHANNON_LLM_SERVICE_AGENT_QUERY_H
#define SHANNON_LLM_SERVICE_AGENT_QUERY_H

#include "base/http_server.h"
#include "llm_service/chat_provider.h"
#include "llm_service/python_execution.h"

#include <stdbool.h>

#define AGENT_QUERY_BYTES_MAX 1048576 /* of the text of a query */
#define AGENT_QUERY_TURNS_DEFAULT 5   /* replies of a model that may ask for executions */
#define AGENT_QUERY_TURNS_MAX 50

/* What every query uses; must outlive all of them. */
struct agent_query_environment {
    struct agent_core_address agent_core;
    struct chat_provider provider;
    bool has_provider; /* else the built-in one answers */
    const char *model; /* "": none is configured */
    uint32_t tool_timeout_max_ms;
};

/* Answers a POST /agent/query, now or later. */
void agent_query_start(struct http_request *request,
                       const struct agent_query_environment *environment);

#endif
