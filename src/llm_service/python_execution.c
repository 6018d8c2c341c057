/* One execution by agent-core. Invariant: a record always has a known word as its "status" and
 * strings as "code", "stdout" and "stderr". */
#include "llm_service/python_execution.h"

#include "base/http_client.h"
#include "base/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first execution of a new interpreter waits until that has been translated: minutes. */
#define TRANSLATION_MS 600000
#define RESPONSE_BYTES_MAX 67108864

struct python_execution {
    struct http_call *call;
    json_t *code;
    python_execution_done *done;
    void *argument;
};

static void release(struct python_execution *execution)
{
    json_decref(execution->code);
    free(execution);
}

static json_t *string_or(json_t *object, const char *name, json_t *otherwise)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value))
        return otherwise;
    json_decref(otherwise);
    return json_incref(value);
}

/* What agent-core answered instead of a result, as a record: {"error":{"kind","message"}}. */
static json_t *refusal_record(json_t *answer, int http_status)
{
    json_t *refusal = json_object_get(answer, "error");
    const char *kind = json_string_value(json_object_get(refusal, "kind"));
    if (kind == NULL || error_kind_from_name(kind) <= ERROR_OK)
        return NULL;
    char otherwise[64];
    (void)snprintf(otherwise, sizeof(otherwise), "agent-core answered HTTP %d", http_status);
    json_t *message = string_or(refusal, "message", json_string(otherwise));
    return json_pack("{s:s, s:n, s:s, s:s, s:b, s:b, s:{s:n, s:o, s:n}, s:n, s:n}", "status", kind,
                     "exit_code", "stdout", "", "stderr", "", "stdout_truncated", 0,
                     "stderr_truncated", 0, "error", "type", "message", message, "traceback",
                     "usage", "execution_id");
}

static json_t *broken_record(int http_status)
{
    char message[160];
    (void)snprintf(message, sizeof(message),
                   "agent-core answered HTTP %d with something that is no execution; check that "
                   "llm.agent_core_url is agent-core's",
                   http_status);
    return json_pack("{s:s, s:n, s:s, s:s, s:b, s:b, s:{s:n, s:s, s:n}, s:n, s:n}", "status",
                     "internal", "exit_code", "stdout", "", "stderr", "", "stdout_truncated", 0,
                     "stderr_truncated", 0, "error", "type", "message", message, "traceback",
                     "usage", "execution_id");
}

static bool is_result(const json_t *answer)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    return status != NULL && error_kind_from_name(status) >= 0 &&
           json_is_string(json_object_get(answer, "stdout")) &&
           json_is_string(json_object_get(answer, "stderr"));
}

/* The record of an answer: a new reference, or NULL when memory is short. */
static json_t *read_record(const struct http_reply *reply)
{
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *answer = json_text_parse(reply->body, reply->body_size, &fault);
    json_t *record = NULL;
    if (answer != NULL && is_result(answer))
        record = json_incref(answer);
    else if (answer != NULL)
        record = refusal_record(answer, reply->status);
    json_decref(answer);
    return record != NULL ? record : broken_record(reply->status);
}

/* Whether nothing was run and the same request may succeed later. */
static bool is_passing(enum error_kind status, const struct http_reply *reply)
{
    return reply->status != 200 && (status == ERROR_BUSY || status == ERROR_KILLED);
}

static void on_done(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct python_execution *execution = argument;
    struct error passing = ERROR_NONE;
    json_t *record = NULL;
    if (reply == NULL) {
        error_set(&passing, ERROR_BUSY, "agent-core is out of reach: %s", error->message);
    } else {
        record = read_record(reply);
        if (record == NULL || json_object_set(record, "code", execution->code) != 0) {
            json_decref(record);
            record = NULL;
            error_set(&passing, ERROR_BUSY, "Out of memory while reading agent-core's answer");
        } else if (is_passing(python_execution_status(record), reply)) {
            const char *message =
                json_string_value(json_object_get(json_object_get(record, "error"), "message"));
            error_set(&passing, ERROR_BUSY, "agent-core has no capacity now: %s",
                      message == NULL ? "it did not say why" : message);
            json_decref(record);
            record = NULL;
        }
    }
    execution->done(execution->argument, record, &passing);
    json_decref(record);
    release(execution);
}

static int append_request(const struct python_execution_request *request, json_t *code,
                          struct buffer *body)
{
    json_t *object = json_pack("{s:O}", "code", code);
    int result = object == NULL ? -1 : 0;
    if (result == 0 && request->stdin_text != NULL)
        result = json_object_set_new(object, "stdin", json_string(request->stdin_text));
    if (result == 0 && request->timeout_ms > 0)
        result = json_object_set_new(object, "timeout_ms", json_integer(request->timeout_ms));
    if (result == 0)
        result = json_text_append(object, body);
    json_decref(object);
    return result;
}

static int start_call(struct python_execution *execution,
                      const struct agent_core_address *agent_core,
                      const struct python_execution_request *request, struct error *error)
{
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer body = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer id = BUFFER_EMPTY;
    if (execution->code == NULL ||
        buffer_append_format(&url, "%s/v1/execute", agent_core->url) != 0 ||
        append_request(request, execution->code, &body) != 0 ||
        buffer_append_format(&id, "X-Request-Id: %s",
                             request->request_id == NULL ? "" : request->request_id) != 0)
        return error_set(error, ERROR_INTERNAL, "Out of memory while asking agent-core");
    const char *headers[] = {"Content-Type: application/json", buffer_text(&id)};
    const struct http_call_options options = {
        .url = buffer_text(&url),
        .headers = headers,
        .header_count = request->request_id == NULL ? 1 : 2,
        .body = body.data,
        .body_size = body.size,
        .total_timeout_ms = agent_core->longest_run_ms + TRANSLATION_MS,
        .max_response_bytes = RESPONSE_BYTES_MAX,
    };
    execution->call = http_call_start(agent_core->client, &options, on_done, execution, error);
    return execution->call == NULL ? -1 : 0;
}

struct python_execution *python_execution_start(const struct agent_core_address *agent_core,
                                                const struct python_execution_request *request,
                                                python_execution_done *done, void *argument,
                                                struct error *error)
{
    struct python_execution *execution = calloc(1, sizeof(*execution));
    if (execution == NULL) {
        error_set(error, ERROR_INTERNAL, "Out of memory while asking agent-core");
        return NULL;
    }
    execution->code = json_stringn(request->code, request->code_size);
    execution->done = done;
    execution->argument = argument;
    if (start_call(execution, agent_core, request, error) != 0) {
        release(execution);
        return NULL;
    }
    return execution;
}

void python_execution_cancel(struct python_execution *execution)
{
    http_call_cancel(execution->call);
    release(execution);
}

enum error_kind python_execution_status(const json_t *record)
{
    const char *status = json_string_value(json_object_get(record, "status"));
    int kind = status == NULL ? -1 : error_kind_from_name(status);
    return kind < 0 ? ERROR_INTERNAL : (enum error_kind)kind;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* A Python program that raised, or that ended with a status other than 0. */
static int explain_python_error(const json_t *error, struct buffer *text)
{
    const char *type = text_of(error, "type");
    const char *message = text_of(error, "message");
    const char *traceback = text_of(error, "traceback");
    const char *advice = text_of(error, "advice");
    if (advice[0] != '\0' && buffer_append_format(text, "%s\n", advice) != 0)
        return -1;
    size_t size = strlen(traceback);
    while (size > 0 && traceback[size - 1] == '\n')
        size--;
    if (size > 0)
        return buffer_append(text, traceback, size);
    if (strcmp(type, error_kind_name(ERROR_PYTHON_ERROR)) == 0)
        return buffer_append_text(text, message);
    return buffer_append_format(text, "%s: %s", type, message);
}

int python_execution_explain(const json_t *record, struct buffer *text)
{
    enum error_kind status = python_execution_status(record);
    const json_t *error = json_object_get(record, "error");
    if (status == ERROR_PYTHON_ERROR && json_is_object(error))
        return explain_python_error(error, text);
    if (*text_of(error, "message") != '\0')
        return buffer_append_text(text, text_of(error, "message"));
    return buffer_append_format(text, "The execution ended with status %s",
                                error_kind_name(status));
}
