/* src/agent_core/execute_request.c */
#include "agent_core/execute_request.h"

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
                                   "\"cpu_limit_ms\":700,\"memory_limit_bytes\":67108864,"
                                   "\"files\":{\"in/a\":\"text\"},"
                                   "\"session_id\":\"user-1:notebook.2\"}"),
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
    assert_int_equal(request->processor_limit_ms, 700);
    assert_int_equal(request->memory_limit_bytes, 67108864);
    assert_int_equal(request->output_limit_bytes, 1048576);
    assert_int_equal(request->file_count, 1);
    assert_int_equal(request->files[0].path_size, 4);
    assert_memory_equal(request->files[0].path, "in/a", 4);
    assert_int_equal(request->files[0].size, 4);
    assert_memory_equal(request->files[0].bytes, "text", 4);
    assert_false(request->stream_output);
    assert_string_equal(execute.session, "user-1:notebook.2");
    execute_request_free(&execute);
}

static void code_alone_is_enough(void **state)
{
    struct execute_request execute;
    struct json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(execute_request_read(&execute, parse("{\"code\":\" \"}"), *state, &fault), 0);
    assert_null(execute.interpreter);
    assert_null(execute.session);
    assert_int_equal(execute.request.argument_count, 1);
    assert_int_equal(execute.request.variable_count, 0);
    assert_int_equal(execute.request.stdin_size, 0);
    assert_int_equal(execute.request.file_count, 0);
    assert_int_equal(execute.request.timeout_ms, 30000);
    assert_int_equal(execute.request.processor_limit_ms, 0);
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
        {"{\"code\":\"1\",\"cpu_limit_ms\":-1}", "cpu_limit_ms"},
        {"{\"code\":\"1\",\"cpu_limit_ms\":300001}", "cpu_limit_ms"},
        {"{\"code\":\"1\",\"files\":1}", "files"},
        {"{\"code\":\"1\",\"files\":{\"../a\":\"\"}}", "files"},
        {"{\"code\":\"1\",\"session_id\":\"\"}", "session_id"},
        {"{\"code\":\"1\",\"session_id\":1}", "session_id"},
        {"{\"code\":\"1\",\"session_id\":\"../s\"}", "session_id"},
        {"{\"code\":\"1\",\"session_id\":\"a b\"}", "session_id"},
        {"{\"code\":\"1\",\"session_id\":\"a\\u0000b\"}", "session_id"},
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

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_full_request_is_understood),
        CASE(code_alone_is_enough),
        CASE(a_limit_of_the_configuration_may_exceed_the_usual_maximum),
        CASE(wrong_requests_name_the_field),
        CASE(code_above_its_limit_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
