/* The answer of llm-service. Invariant: "error" is null exactly when "status" is "ok". */
#include "llm_service/query_answer.h"

#include "llm_service/python_execution.h"

static int64_t usage_number(const json_t *record, const char *name)
{
    const json_t *value = json_object_get(json_object_get(record, "usage"), name);
    return json_is_integer(value) ? json_integer_value(value) : 0;
}

static json_t *total_usage(const struct query_work *work)
{
    int64_t wall = 0;
    int64_t cpu = 0;
    int64_t peak = 0;
    size_t index;
    const json_t *record;
    json_array_foreach(work->executions, index, record)
    {
        wall += usage_number(record, "wall_ms");
        cpu += usage_number(record, "cpu_ms");
        int64_t memory = usage_number(record, "peak_memory_bytes");
        peak = memory > peak ? memory : peak;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "executions",
                     (json_int_t)json_array_size(work->executions), "wall_ms", (json_int_t)wall,
                     "cpu_ms", (json_int_t)cpu, "peak_memory_bytes", (json_int_t)peak,
                     "input_tokens", (json_int_t)work->tokens.prompt_tokens, "output_tokens",
                     (json_int_t)work->tokens.completion_tokens, "total_tokens",
                     (json_int_t)work->tokens.total_tokens);
}

/* `result` and `message` are consumed. */
static json_t *build(const struct query_work *work, enum error_kind status, json_t *result,
                     json_t *message)
{
    json_t *error = json_null();
    if (status != ERROR_OK)
        error = json_pack("{s:s, s:o}", "kind", error_kind_name(status), "message", message);
    else
        json_decref(message);
    return json_pack("{s:s, s:o, s:O, s:s, s:s?, s:o, s:o}", "status", error_kind_name(status),
                     "result", result, "executions", work->executions, "provider", work->provider,
                     "model", work->model, "usage", total_usage(work), "error", error);
}

json_t *query_answer_from_execution(const struct query_work *work, const json_t *record)
{
    const json_t *output = json_object_get(record, "stdout");
    const char *text = json_string_value(output);
    size_t size = json_string_length(output);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    enum error_kind status = python_execution_status(record);
    BUFFER_LOCAL struct buffer reason = BUFFER_EMPTY;
    if (status != ERROR_OK && python_execution_explain(record, &reason) != 0)
        return NULL;
    return build(work, status, json_stringn(text == NULL ? "" : text, size),
                 json_stringn(buffer_text(&reason), reason.size));
}

json_t *query_answer_from_text(const struct query_work *work, const char *result, size_t size)
{
    return build(work, ERROR_OK, json_stringn(result, size), json_null());
}

json_t *query_answer_from_error(const struct query_work *work, const struct error *error)
{
    return build(work, error->kind, json_string(""), json_string(error->message));
}
