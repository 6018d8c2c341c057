/* src/agent_core/execute_request.c and execution_answer.c */
#include "agent_core/execute_request.h"
#include "agent_core/execution_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The defaults, whatever stands in the environment and the working directory. */
static int begin(void **state)
{
    /* cmocka looks at its own variable again and again. */
    static char output[16];
    const char *set = getenv("CMOCKA_MESSAGE_OUTPUT");
    (void)snprintf(output, sizeof(output), "%s", set == NULL ? "" : set);
    (void)clearenv();
    if (output[0] != '\0')
        (void)setenv("CMOCKA_MESSAGE_OUTPUT", output, 1);
    struct error error = ERROR_NONE;
    *state = chdir("/proc/self") == 0 ? config_load("/dev/null", &error) : NULL;
    return *state == NULL;
}

static int end(void **state)
{
    config_free(*state);
    return 0;
}

static json_t *parse(const char *text)
{
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *body = json_text_parse(text, strlen(text), &fault);
    assert_non_null(body);
    return body;
}

static void a_full_request_is_understood(void **state)
{
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(
        execute_request_read(&execute,
                             parse("{\"code\":\"print(1)\",\"interpreter\":\"python-3.11\","
                                   "\"argv\":[\"a\",\"\"],\"stdin\":\"in\\u0000put\","
                                   "\"env\":{\"A\":\"1=2\",\"B\":\"\"},\"timeout_ms\":5000,"
                                   "\"memory_limit_bytes\":67108864}"),
                             *state, &fault),
        0);
    const struct execution_request *request = &execute.request;
    assert_string_equal(request->code, "print(1)");
    assert_int_equal(request->code_size, 8);
    assert_string_equal(execute.interpreter, "python-3.11");
    assert_int_equal(request->argument_count, 3);
    assert_string_equal(request->arguments[0], "main.py");
    assert_string_equal(request->arguments[1], "a");
    assert_string_equal(request->arguments[2], "");
    assert_int_equal(request->variable_count, 2);
    assert_string_equal(request->variables[0], "A=1=2");
    assert_string_equal(request->variables[1], "B=");
    assert_int_equal(request->stdin_size, 6);
    assert_memory_equal(request->stdin_bytes, "in\0put", 6);
    assert_int_equal(request->timeout_ms, 5000);
    assert_int_equal(request->memory_limit_bytes, 67108864);
    assert_int_equal(request->output_limit_bytes, 1048576);
    execute_request_free(&execute);
}

static void code_alone_is_enough(void **state)
{
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(execute_request_read(&execute, parse("{\"code\":\" \"}"), *state, &fault), 0);
    assert_null(execute.interpreter);
    assert_int_equal(execute.request.argument_count, 1);
    assert_int_equal(execute.request.variable_count, 0);
    assert_int_equal(execute.request.stdin_size, 0);
    assert_int_equal(execute.request.timeout_ms, 30000);
    assert_int_equal(execute.request.memory_limit_bytes, 268435456);
    execute_request_free(&execute);
}

static void a_limit_of_the_configuration_may_exceed_the_usual_maximum(void **state)
{
    struct config *config = *state;
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    struct error error = ERROR_NONE;
    assert_int_equal(
        config_set(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS, "600000", "--timeout", &error), 0);
    assert_int_equal(execute_request_read(&execute, parse("{\"code\":\"1\",\"timeout_ms\":600000}"),
                                          config, &fault),
                     0);
    assert_int_equal(execute.request.timeout_ms, 600000);
    execute_request_free(&execute);
}

static void wrong_requests_name_the_field(void **state)
{
    static const struct {
        const char *text;
        const char *field;
    } cases[] = {
        {"{}", "code"},
        {"{\"code\":\"\"}", "code"},
        {"{\"code\":null}", "code"},
        {"{\"code\":\"a\\u0000\"}", "code"},
        {"{\"code\":[\"a\"]}", "code"},
        {"{\"code\":\"1\",\"timeout_ms\":0}", "timeout_ms"},
        {"{\"code\":\"1\",\"timeout_ms\":-1}", "timeout_ms"},
        {"{\"code\":\"1\",\"timeout_ms\":300001}", "timeout_ms"},
        {"{\"code\":\"1\",\"timeout_ms\":9223372036854775807}", "timeout_ms"},
        {"{\"code\":\"1\",\"timeout_ms\":1.5}", "timeout_ms"},
        {"{\"code\":\"1\",\"timeout_ms\":\"1\"}", "timeout_ms"},
        {"{\"code\":\"1\",\"memory_limit_bytes\":0}", "memory_limit_bytes"},
        {"{\"code\":\"1\",\"memory_limit_bytes\":1048576}", "memory_limit_bytes"},
        {"{\"code\":\"1\",\"memory_limit_bytes\":1099511627776}", "memory_limit_bytes"},
        {"{\"code\":\"1\",\"argv\":\"a\"}", "argv"},
        {"{\"code\":\"1\",\"argv\":[1]}", "argv"},
        {"{\"code\":\"1\",\"stdin\":1}", "stdin"},
        {"{\"code\":\"1\",\"env\":[]}", "env"},
        {"{\"code\":\"1\",\"env\":{\"A\":1}}", "env"},
        {"{\"code\":\"1\",\"env\":{\"A=B\":\"\"}}", "env"},
        {"{\"code\":\"1\",\"env\":{\"\":\"\"}}", "env"},
        {"{\"code\":\"1\",\"env\":{\"A\":\"\\u0000\"}}", "env"},
        {"{\"code\":\"1\",\"interpreter\":\"\"}", "interpreter"},
        {"{\"code\":\"1\",\"interpreter\":\"../python\"}", "interpreter"},
        {"{\"code\":\"1\",\"interpreter\":\"/etc/passwd\"}", "interpreter"},
        {"{\"code\":\"1\",\"interpreter\":\"python-3.11.wasm\"}", "interpreter"},
        {"{\"code\":\"1\",\"interpreter\":\".hidden\"}", "interpreter"},
        {"{\"code\":\"1\",\"interpreter\":\"a b\"}", "interpreter"},
        {"{\"code\":\"1\",\"files\":{}}", "files"},
        {"{\"code\":\"1\",\"session_id\":\"s\"}", "session_id"},
        {"{\"code\":\"1\",\"timeout\":5}", "timeout"},
        {"[\"code\"]", "body"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct execute_request execute;
        struct json_fault fault = JSON_FAULT_NONE;
        assert_int_equal(execute_request_read(&execute, parse(cases[i].text), *state, &fault), -1);
        assert_int_equal(fault.error.kind, ERROR_INVALID_REQUEST);
        assert_string_equal(fault.field, cases[i].field);
        assert_false(fault.too_large);
        execute_request_free(&execute);
    }
}

static void code_above_its_limit_is_too_large(void **state)
{
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)buffer_append_format(&text, "{\"code\":\"%0*d\"}", 1048577, 1);
    assert_int_equal(execute_request_read(&execute, parse(text.data), *state, &fault), -1);
    assert_true(fault.too_large);
    assert_string_equal(fault.field, "code");
    execute_request_free(&execute);
}

static json_t *answer_of(struct execution_result *result, const char *out, const char *type)
{
    (void)buffer_append_text(&result->stdout_bytes, out);
    (void)buffer_append_text(&result->error_type, type);
    (void)buffer_append_text(&result->error_message, "of the guest");
    (void)buffer_append_text(&result->traceback, "Traceback\xff");
    json_t *answer = execution_answer(result, "id-1");
    assert_non_null(answer);
    buffer_free(&result->stdout_bytes);
    buffer_free(&result->error_type);
    buffer_free(&result->error_message);
    buffer_free(&result->traceback);
    return answer;
}

static const char *error_text(const json_t *answer, const char *name)
{
    return json_string_value(json_object_get(json_object_get(answer, "error"), name));
}

static void an_answer_says_what_became_of_it(void **state)
{
    (void)state;
    struct execution_result result = {.status = ERROR_OK,
                                      .stdout_truncated = true,
                                      .wall_ms = 3,
                                      .cpu_ms = 2,
                                      .peak_memory_bytes = (uint64_t)5 << 30};
    json_t *answer = answer_of(&result, "{\"status\":\"timeout\"}\xff", "");
    assert_string_equal(json_string_value(json_object_get(answer, "status")), "ok");
    assert_string_equal(json_string_value(json_object_get(answer, "execution_id")), "id-1");
    assert_string_equal(json_string_value(json_object_get(answer, "stdout")),
                        "{\"status\":\"timeout\"}\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_object_get(answer, "stderr")), "");
    assert_true(json_is_true(json_object_get(answer, "stdout_truncated")));
    assert_true(json_is_false(json_object_get(answer, "stderr_truncated")));
    assert_true(json_is_null(json_object_get(answer, "error")));
    const json_t *usage = json_object_get(answer, "usage");
    assert_int_equal(json_integer_value(json_object_get(usage, "wall_ms")), 3);
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
    json_decref(answer);
}

static void what_the_host_knows_is_in_the_words_of_the_host(void **state)
{
    (void)state;
    struct execution_result result = {
        .status = ERROR_TIMEOUT, .exit_code = 124, .message = "Execution timeout"};
    json_t *answer = answer_of(&result, "", "Nothing");
    assert_string_equal(error_text(answer, "type"), "timeout");
    assert_string_equal(error_text(answer, "message"), "Execution timeout");
    json_decref(answer);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_full_request_is_understood),
        CASE(code_alone_is_enough),
        CASE(a_limit_of_the_configuration_may_exceed_the_usual_maximum),
        CASE(wrong_requests_name_the_field),
        CASE(code_above_its_limit_is_too_large),
        cmocka_unit_test(an_answer_says_what_became_of_it),
        cmocka_unit_test(an_exception_is_shown_as_the_guest_reports_it),
        cmocka_unit_test(what_the_host_knows_is_in_the_words_of_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
