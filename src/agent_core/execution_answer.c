/* What became of an execution, as JSON. Invariant: status, exit_code and usage are the host's; what
 * the guest wrote is only ever a text beside them. */
#include "agent_core/execution_answer.h"

#include "base/json_text.h"

bool execution_answer_is_ending(enum error_kind status)
{
    switch (status) {
    case ERROR_OK:
    case ERROR_PYTHON_ERROR:
    case ERROR_TIMEOUT:
    case ERROR_MEMORY_LIMIT:
    case ERROR_OUTPUT_LIMIT:
    case ERROR_STACK_EXHAUSTED:
    case ERROR_TRAP:
    case ERROR_KILLED:
        return true;
    default:
        return false;
    }
}

static json_t *text_of(const struct buffer *bytes)
{
    return json_text_from_bytes(buffer_text(bytes), bytes->size);
}

static json_t *error_of(const struct execution_result *result)
{
    if (result->status == ERROR_OK)
        return json_null();
    bool raised = result->status == ERROR_PYTHON_ERROR && result->error_type.size > 0;
    json_t *type =
        raised ? text_of(&result->error_type) : json_string(error_kind_name(result->status));
    json_t *message = raised ? text_of(&result->error_message) : json_string(result->message);
    json_t *error = json_pack("{s:o, s:o, s:o}", "type", type, "message", message, "traceback",
                              text_of(&result->traceback));
    if (error != NULL && result->advice != NULL)
        (void)json_object_set_new(error, "advice", json_string(result->advice));
    return error;
}

json_t *execution_answer(const struct execution_result *result, const char *id)
{
    json_t *usage = json_pack("{s:I, s:I, s:I}", "wall_ms", (json_int_t)result->wall_ms, "cpu_ms",
                              (json_int_t)result->cpu_ms, "peak_memory_bytes",
                              (json_int_t)result->peak_memory_bytes);
    json_t *answer =
        json_pack("{s:s, s:i, s:o, s:o, s:b, s:b, s:o, s:o}", "status",
                  error_kind_name(result->status), "exit_code", result->exit_code, "stdout",
                  text_of(&result->stdout_bytes), "stderr", text_of(&result->stderr_bytes),
                  "stdout_truncated", (int)result->stdout_truncated, "stderr_truncated",
                  (int)result->stderr_truncated, "error", error_of(result), "usage", usage);
    if (answer != NULL && id != NULL)
        (void)json_object_set_new(answer, "execution_id", json_string(id));
    return answer;
}
