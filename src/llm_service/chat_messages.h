/* The wire format of OpenAI's chat completions with one tool, python_executor: requests are built
 * and replies are read here, nothing is sent.
 *
 * What a model writes is data. A reply may come from a server that is only like OpenAI's: ids may
 * be missing, arguments may be an object instead of a JSON text, the reason to stop may be wrong.
 * So a reply asks for tools when it holds tool calls, whatever it says beside them.
 *
 * Pure: no state, no I/O; any thread.
 */
#ifndef SHANNON_LLM_SERVICE_CHAT_MESSAGES_H
#define SHANNON_LLM_SERVICE_CHAT_MESSAGES_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAT_TOOL_NAME "python_executor"
#define CHAT_TOOL_CALLS_MAX 16 /* in one reply; further ones are answered with an error */

struct chat_usage {
    int64_t prompt_tokens;
    int64_t completion_tokens;
    int64_t total_tokens;
};

/* A reply that was read. Release with chat_reply_free. */
struct chat_reply {
    json_t *message;    /* to append to the conversation as it is */
    struct buffer text; /* what the model says to the person; may be empty */
    json_t *tool_calls; /* array of {"id", "name", "arguments"}, all strings; may be empty */
    struct chat_usage usage;
};

/* What a tool call asks for. `code` and `stdin_text` are borrowed from `arguments`. */
struct chat_tool_request {
    json_t *arguments; /* a reference; release it */
    const char *code;
    size_t code_size;
    const char *stdin_text; /* NULL: none */
    uint32_t timeout_ms;    /* 0: the default */
};

/* The first messages: a system message (with `context`, a JSON object or NULL) and the query. A new
 * reference, or NULL when memory is short. */
json_t *chat_conversation_new(const char *query, const json_t *context);

/* The body of a request. `tools` false: the model must answer now. A new reference, or NULL when
 * memory is short. */
json_t *chat_request_new(const char *model, json_t *messages, bool tools);

/* Reads the body of a reply with HTTP status 200. 0, or -1 with ERROR_INTERNAL: it is no chat
 * completion, or memory is short. */
int chat_reply_read(const char *body, size_t size, struct chat_reply *reply, struct error *error);
void chat_reply_free(struct chat_reply *reply);

/* Reads the name and the arguments of a tool call. 0, or -1 with ERROR_INVALID_REQUEST whose
 * message is meant for the model. `timeout_max_ms` bounds timeout_seconds. */
int chat_tool_request_read(const json_t *tool_call, uint32_t timeout_max_ms,
                           struct chat_tool_request *request, struct error *error);

/* The messages that answer the tool call `id`: the record of an execution (python_execution.h), its
 * long texts cut in the middle; or an error. A new reference, or NULL when memory is short. */
json_t *chat_tool_result(const char *id, const json_t *record);
json_t *chat_tool_error(const char *id, const char *message);

#endif
