/* src/agent_core/execution_answer.c */
#include "agent_core/execution_answer.h"

#include "base/json_text.h"
#include "sandbox/execution_status.h"
#include "sandbox/guest_channel.h"
#include "sandbox/run_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static json_t *answer_of(struct execution_result *result, const char *out, const char *type)
{
    (void)buffer_append_text(&result->stdout_bytes, out);
    (void)buffer_append_text(&result->error_type, type);
    (void)buffer_append_text(&result->error_message, "of the guest");
    (void)buffer_append_text(&result->traceback, "Traceback\xff");
    json_t *answer = execution_answer(result, "id-1");
    assert_non_null(answer);
    execution_result_free(result);
    return answer;
}

static const char *text_at(const json_t *answer, const char *name)
{
    return json_string_value(json_object_get(answer, name));
}

static const char *error_text(const json_t *answer, const char *name)
{
    return text_at(json_object_get(answer, "error"), name);
}

static void an_answer_says_what_became_of_it(void **state)
{
    (void)state;
    struct execution_result result = {.status = ERROR_OK,
                                      .stdout_truncated = true,
                                      .wall_us = 3999,
                                      .cpu_us = 2000,
                                      .peak_memory_bytes = (uint64_t)5 << 30};
    json_t *answer = answer_of(&result, "{\"status\":\"timeout\"}\xff", "");
    assert_string_equal(text_at(answer, "status"), "ok");
    assert_string_equal(text_at(answer, "execution_id"), "id-1");
    assert_string_equal(text_at(answer, "stdout"), "{\"status\":\"timeout\"}\xef\xbf\xbd");
    assert_string_equal(text_at(answer, "stderr"), "");
    assert_true(json_is_true(json_object_get(answer, "stdout_truncated")));
    assert_true(json_is_false(json_object_get(answer, "stderr_truncated")));
    assert_true(json_is_false(json_object_get(answer, "files_truncated")));
    assert_true(json_is_null(json_object_get(answer, "error")));
    assert_true(json_is_null(json_object_get(answer, "result")));
    assert_int_equal(json_array_size(json_object_get(answer, "files")), 0);
    assert_true(json_is_array(json_object_get(answer, "files")));
    const json_t *usage = json_object_get(answer, "usage");
    assert_int_equal(json_integer_value(json_object_get(usage, "wall_ms")), 3);
    assert_int_equal(json_integer_value(json_object_get(usage, "cpu_ms")), 2);
    assert_true(json_integer_value(json_object_get(usage, "peak_memory_bytes")) == (json_int_t)5
                                                                                       << 30);
    json_decref(answer);
}

static void an_exception_is_shown_as_the_guest_reports_it(void **state)
{
    (void)state;
    struct execution_result result = {.status = ERROR_PYTHON_ERROR, .exit_code = 1};
    json_t *answer = answer_of(&result, "", "ValueError");
    assert_string_equal(error_text(answer, "type"), "ValueError");
    assert_string_equal(error_text(answer, "message"), "of the guest");
    assert_string_equal(error_text(answer, "traceback"), "Traceback\xef\xbf\xbd");
    assert_null(error_text(answer, "advice"));
    json_decref(answer);
}

static void advice_stands_beside_the_exception(void **state)
{
    (void)state;
    struct execution_result result = {
        .status = ERROR_PYTHON_ERROR, .exit_code = 1, .advice = "do this"};
    json_t *answer = answer_of(&result, "", "ModuleNotFoundError");
    assert_string_equal(error_text(answer, "advice"), "do this");
    json_decref(answer);
}

static void what_the_host_knows_is_in_the_words_of_the_host(void **state)
{
    (void)state;
    struct execution_result result = {
        .status = ERROR_TIMEOUT, .exit_code = 124, .message = "Execution timeout"};
    json_t *answer = answer_of(&result, "", "Nothing");
    assert_int_equal(json_integer_value(json_object_get(answer, "exit_code")), 124);
    assert_string_equal(error_text(answer, "type"), "timeout");
    assert_string_equal(error_text(answer, "message"), "Execution timeout");
    json_decref(answer);
}

/* An exit status without an exception. */
static void a_status_alone_is_the_hosts_word_too(void **state)
{
    (void)state;
    struct execution_result result = {
        .status = ERROR_PYTHON_ERROR, .exit_code = 3, .message = "exited with status 3"};
    json_t *answer = answer_of(&result, "", "");
    assert_string_equal(error_text(answer, "type"), "python_error");
    assert_string_equal(error_text(answer, "message"), "exited with status 3");
    json_decref(answer);
}

static void an_answer_can_be_without_id(void **state)
{
    (void)state;
    const struct execution_result result = {.status = ERROR_OK};
    json_t *answer = execution_answer(&result, NULL);
    assert_non_null(answer);
    assert_null(json_object_get(answer, "execution_id"));
    json_decref(answer);
}

/* ---- the result ---- */

static void the_value_of_the_last_expression_is_the_result(void **state)
{
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {{"42", "42"}, {"", ""}, {"'\xff'", "'\xef\xbf\xbd'"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct execution_result result = {.status = ERROR_OK, .has_value = true};
        (void)buffer_append_text(&result.value, cases[i].value);
        json_t *answer = answer_of(&result, "", "");
        assert_string_equal(text_at(answer, "result"), cases[i].shown);
        json_decref(answer);
    }
}

/* ---- output that is no text ---- */

static void output_that_is_no_text_is_there_in_base64_too(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
        const char *base64; /* NULL: it is text */
    } cases[] = {
        {"plain", 5, "plain", NULL},
        {"", 0, "", NULL},
        {"caf\xc3\xa9", 5, "caf\xc3\xa9", NULL},
        {"\xff", 1, "\xef\xbf\xbd", "/w=="},
        {"a\xc3", 2, "a\xef\xbf\xbd", "YcM="},
        {"a\x00\xfe", 3, NULL, "YQD+"},
        {"\xed\xa0\x80", 3, NULL, "7aCA"}, /* a surrogate */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int stream = 0; stream < 2; stream++) {
            struct execution_result result = {.status = ERROR_OK};
            struct buffer *bytes = stream == 0 ? &result.stdout_bytes : &result.stderr_bytes;
            (void)buffer_append(bytes, cases[i].bytes, cases[i].size);
            json_t *answer = answer_of(&result, "", "");
            const char *own = stream == 0 ? "stdout_base64" : "stderr_base64";
            const char *other = stream == 0 ? "stderr_base64" : "stdout_base64";
            if (cases[i].base64 == NULL)
                assert_null(json_object_get(answer, own));
            else
                assert_string_equal(text_at(answer, own), cases[i].base64);
            if (cases[i].text != NULL)
                assert_string_equal(text_at(answer, stream == 0 ? "stdout" : "stderr"),
                                    cases[i].text);
            assert_null(json_object_get(answer, other));
            json_decref(answer);
        }
    }
}

static void text_with_nul_is_text(void **state)
{
    struct execution_result result = {.status = ERROR_OK};
    (void)state;
    (void)buffer_append(&result.stdout_bytes, "a\0b", 3);
    json_t *answer = answer_of(&result, "", "");
    assert_int_equal(json_string_length(json_object_get(answer, "stdout")), 3);
    assert_null(json_object_get(answer, "stdout_base64"));
    json_decref(answer);
}

/* ---- files ---- */

static void put_file(struct buffer *files, const char *path, size_t path_size, const void *bytes,
                     uint64_t size, uint32_t bytes_size)
{
    const struct run_report_file file = {
        .size = size, .bytes_size = bytes_size, .path_size = (uint32_t)path_size};
    assert_int_equal(buffer_append(files, &file, sizeof(file)), 0);
    assert_int_equal(buffer_append(files, path, path_size), 0);
    assert_int_equal(buffer_append(files, bytes, bytes_size), 0);
}

/* The field `files` of the answer to a report with these. */
static json_t *answer_with_files(const struct buffer *files, uint32_t count, bool dropped)
{
    const struct run_report report = {.kind = RUN_REPORT_ENDED,
                                      .files_dropped = dropped,
                                      .files = (const uint8_t *)files->data,
                                      .files_size = files->size,
                                      .file_count = count};
    const struct execution_end end = {.reported = true};
    struct execution_result result = {0};
    struct run_report room;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    assert_int_equal(run_report_append(&frame, &report), 0);
    size_t head = sizeof(struct guest_channel_head);
    execution_status_decide(&end, frame.data + head, frame.size - head, &room, &result);
    json_t *answer = execution_answer(&result, NULL);
    assert_non_null(answer);
    assert_int_equal(json_array_size(json_object_get(answer, "files")), count);
    assert_int_equal(json_is_true(json_object_get(answer, "files_truncated")), dropped);
    execution_result_free(&result);
    return answer;
}

static void expect_file(const json_t *answer, size_t index, const char *path, json_int_t size,
                        const char *content, const char *encoding)
{
    const json_t *file = json_array_get(json_object_get(answer, "files"), index);
    assert_int_equal(json_object_size(file), 4);
    assert_string_equal(text_at(file, "path"), path);
    assert_true(json_integer_value(json_object_get(file, "size")) == size);
    if (content == NULL) {
        assert_true(json_is_null(json_object_get(file, "content")));
        assert_true(json_is_null(json_object_get(file, "encoding")));
        return;
    }
    assert_string_equal(text_at(file, "content"), content);
    assert_string_equal(text_at(file, "encoding"), encoding);
}

static void files_are_text_or_base64_or_named_only(void **state)
{
    BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
    (void)state;
    put_file(&files, "a.txt", 5, "caf\xc3\xa9", 5, 5);
    put_file(&files, "b.bin", 5, "\x00\xff\xfe\x80", 4, 4);
    put_file(&files, "empty", 5, "", 0, 0);
    put_file(&files, "huge", 4, "", (uint64_t)3 << 32, 0);
    put_file(&files, "sub/c", 5, "x", 1, 1);
    json_t *answer = answer_with_files(&files, 5, false);
    expect_file(answer, 0, "a.txt", 5, "caf\xc3\xa9", "utf-8");
    expect_file(answer, 1, "b.bin", 4, "AP/+gA==", "base64");
    expect_file(answer, 2, "empty", 0, "", "utf-8");
    expect_file(answer, 3, "huge", (json_int_t)3 << 32, NULL, NULL);
    expect_file(answer, 4, "sub/c", 1, "x", "utf-8");
    json_decref(answer);
}

static void dropped_files_are_marked(void **state)
{
    BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
    (void)state;
    put_file(&files, "a", 1, "", 0, 0);
    json_t *answer = answer_with_files(&files, 1, true);
    expect_file(answer, 0, "a", 0, "", "utf-8");
    json_decref(answer);
}

/* A process that was taken over can name a file as it likes; the answer is JSON all the same. */
static void any_bytes_can_be_a_path(void **state)
{
    BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    struct json_fault fault = JSON_FAULT_NONE;
    (void)state;
    put_file(&files, "\xff/../\x00x", 7, "x", 1, 1);
    put_file(&files, "", 0, "y", 1, 1);
    put_file(&files, "/etc/passwd", 11, "z", INT64_MAX, 0);
    json_t *answer = answer_with_files(&files, 3, false);
    assert_int_equal(json_text_append(answer, &text), 0);
    json_t *again = json_text_parse(text.data, text.size, &fault);
    assert_non_null(again);
    assert_true(json_equal(answer, again));
    const json_t *path =
        json_object_get(json_array_get(json_object_get(again, "files"), 0), "path");
    assert_int_equal(json_string_length(path), 9);
    assert_memory_equal(json_string_value(path), "\xef\xbf\xbd/../\x00x", 9);
    json_decref(again);
    json_decref(answer);
}

static void endings_are_told_from_failures_to_begin(void **state)
{
    static const enum error_kind failures[] = {ERROR_INTERPRETER_NOT_FOUND, ERROR_INVALID_REQUEST,
                                               ERROR_BUSY, ERROR_INTERNAL};
    (void)state;
    for (int kind = ERROR_OK; kind <= ERROR_INTERNAL; kind++) {
        bool is_ending = true;
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
            is_ending &= failures[i] != (enum error_kind)kind;
        assert_int_equal(execution_answer_is_ending((enum error_kind)kind), is_ending);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_says_what_became_of_it),
        cmocka_unit_test(an_exception_is_shown_as_the_guest_reports_it),
        cmocka_unit_test(advice_stands_beside_the_exception),
        cmocka_unit_test(what_the_host_knows_is_in_the_words_of_the_host),
        cmocka_unit_test(a_status_alone_is_the_hosts_word_too),
        cmocka_unit_test(an_answer_can_be_without_id),
        cmocka_unit_test(the_value_of_the_last_expression_is_the_result),
        cmocka_unit_test(output_that_is_no_text_is_there_in_base64_too),
        cmocka_unit_test(text_with_nul_is_text),
        cmocka_unit_test(files_are_text_or_base64_or_named_only),
        cmocka_unit_test(dropped_files_are_marked),
        cmocka_unit_test(any_bytes_can_be_a_path),
        cmocka_unit_test(endings_are_told_from_failures_to_begin),
    };
    return cmocka_run_group_tests_name("execution_answer", tests, NULL, NULL);
}
