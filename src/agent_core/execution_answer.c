/* What became of an execution, as JSON. Invariant: status, exit_code and usage are the host's; what
 * the guest wrote is only ever a text beside them. */
#include "agent_core/execution_answer.h"

#include "base/json_text.h"
#include "base/text.h"

#include <nettle/base64.h>
#include <stdlib.h>

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

/* How much of a stream is told: of one that was cut at its limit, not the half of a character that
 * the cut may have left. */
static size_t told_size(const struct buffer *bytes, bool truncated)
{
    BUFFER_LOCAL struct buffer unused = BUFFER_EMPTY;
    struct text_stream end = TEXT_STREAM_EMPTY;
    size_t last = bytes->size < sizeof(end.pending) ? bytes->size : sizeof(end.pending);
    if (!truncated || last == 0)
        return bytes->size;
    (void)text_stream_append(&end, &unused, bytes->data + bytes->size - last, last);
    return bytes->size - end.size;
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

/* Whether bytes can stand in JSON as they are. */
static bool is_text(const void *bytes, size_t size)
{
    return text_valid_utf8(bytes, size) == size;
}

static json_t *base64_of(const void *bytes, size_t size)
{
    size_t encoded_size = BASE64_ENCODE_RAW_LENGTH(size);
    char *encoded = malloc(encoded_size + 1);
    if (encoded == NULL)
        return NULL;
    base64_encode_raw(encoded, size, bytes);
    json_t *text = json_stringn_nocheck(encoded, encoded_size);
    free(encoded);
    return text;
}

static int add_file(void *argument, const char *path, size_t path_size, uint64_t size,
                    const void *bytes)
{
    json_t *files = argument;
    json_t *file = json_pack("{s:o, s:I}", "path", json_text_from_bytes(path, path_size), "size",
                             (json_int_t)size);
    if (file == NULL)
        return -1;
    bool text = bytes != NULL && is_text(bytes, size);
    if (bytes == NULL)
        (void)json_object_set_new(file, "content", json_null());
    else
        (void)json_object_set_new(
            file, "content", text ? json_stringn_nocheck(bytes, size) : base64_of(bytes, size));
    (void)json_object_set_new(file, "encoding",
                              bytes == NULL ? json_null() : json_string(text ? "utf-8" : "base64"));
    return json_array_append_new(files, file);
}

static json_t *files_of(const struct execution_result *result)
{
    json_t *files = json_array();
    if (files == NULL || execution_result_visit_files(result, add_file, files) == 0)
        return files;
    json_decref(files);
    return NULL;
}

/* Output that is not UTF-8 is shown with U+FFFD; beside it stands what it really was. */
static void add_bytes(json_t *answer, const char *name, const char *bytes, size_t size)
{
    if (!is_text(bytes, size))
        (void)json_object_set_new(answer, name, base64_of(bytes, size));
}

json_t *execution_answer(const struct execution_result *result, const char *id)
{
    json_t *usage = json_pack("{s:I, s:I, s:I}", "wall_ms", (json_int_t)(result->wall_us / 1000),
                              "cpu_ms", (json_int_t)(result->cpu_us / 1000), "peak_memory_bytes",
                              (json_int_t)result->peak_memory_bytes);
    const char *out = buffer_text(&result->stdout_bytes);
    const char *err = buffer_text(&result->stderr_bytes);
    size_t out_size = told_size(&result->stdout_bytes, result->stdout_truncated);
    size_t err_size = told_size(&result->stderr_bytes, result->stderr_truncated);
    json_t *answer = json_pack(
        "{s:s, s:i, s:o, s:o, s:b, s:b, s:o, s:o, s:b, s:o}", "status",
        error_kind_name(result->status), "exit_code", result->exit_code, "stdout",
        json_text_from_bytes(out, out_size), "stderr", json_text_from_bytes(err, err_size),
        "stdout_truncated", (int)result->stdout_truncated, "stderr_truncated",
        (int)result->stderr_truncated, "result",
        result->has_value ? text_of(&result->value) : json_null(), "files", files_of(result),
        "files_truncated", (int)result->files_dropped, "error", error_of(result));
    if (answer == NULL || usage == NULL) {
        json_decref(usage);
        json_decref(answer);
        return NULL;
    }
    (void)json_object_set_new(answer, "usage", usage);
    add_bytes(answer, "stdout_base64", out, out_size);
    add_bytes(answer, "stderr_base64", err, err_size);
    if (id != NULL)
        (void)json_object_set_new(answer, "execution_id", json_string(id));
    return answer;
}
