/* src/llm_service/chat_messages.c */
#include "llm_service/chat_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TIMEOUT_MAX_MS 60000

static void read_reply(const char *body, struct chat_reply *reply)
{
    struct error error = ERROR_NONE;
    int result = chat_reply_read(body, strlen(body), reply, &error);
    if (result != 0)
        print_error("%s\n", error.message);
    assert_int_equal(result, 0);
}

static void expect_no_reply(const char *body, const char *part_of_message)
{
    struct chat_reply reply;
    struct error error = ERROR_NONE;
    assert_int_equal(chat_reply_read(body, strlen(body), &reply, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    if (strstr(error.message, part_of_message) == NULL)
        print_error("%s\n", error.message);
    assert_non_null(strstr(error.message, part_of_message));
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static void an_answer_is_read(void **state)
{
    (void)state;
    struct chat_reply reply;
    read_reply("{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"It is 4.\",\"refusal\":null},\"finish_reason\":\"stop\"}],"
               "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}",
               &reply);
    assert_string_equal(buffer_text(&reply.text), "It is 4.");
    assert_int_equal(json_array_size(reply.tool_calls), 0);
    assert_int_equal(reply.usage.prompt_tokens, 7);
    assert_int_equal(reply.usage.completion_tokens, 3);
    assert_int_equal(reply.usage.total_tokens, 10);
    assert_string_equal(text_at(reply.message, "role"), "assistant");
    assert_string_equal(text_at(reply.message, "content"), "It is 4.");
    chat_reply_free(&reply);
}

static void tool_calls_count_whatever_the_finish_reason_says(void **state)
{
    (void)state;
    struct chat_reply reply;
    read_reply("{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
               "\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":"
               "{\"name\":\"python_executor\",\"arguments\":\"{\\\"code\\\":\\\"print(1)\\\"}\"}},"
               "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"other\","
               "\"arguments\":\"not json\"}}]}}]}",
               &reply);
    assert_int_equal(reply.text.size, 0);
    assert_int_equal(json_array_size(reply.tool_calls), 2);
    const json_t *first = json_array_get(reply.tool_calls, 0);
    assert_string_equal(text_at(first, "id"), "a");
    assert_string_equal(text_at(first, "name"), "python_executor");
    assert_string_equal(text_at(first, "arguments"), "{\"code\":\"print(1)\"}");
    const json_t *sent = json_array_get(json_object_get(reply.message, "tool_calls"), 1);
    assert_string_equal(text_at(sent, "id"), "b");
    assert_string_equal(text_at(json_object_get(sent, "function"), "arguments"), "not json");
    chat_reply_free(&reply);
}

static void servers_that_are_only_like_openai_are_understood(void **state)
{
    (void)state;
    struct chat_reply reply;
    read_reply("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
               "{\"type\":\"image\"},{\"type\":\"text\",\"text\":\"b\"}],\"tool_calls\":["
               "{\"function\":{\"name\":\"python_executor\",\"arguments\":{\"code\":\"x\"}}},"
               "{\"id\":\"\",\"function\":{}},{}]}}],\"usage\":{\"total_tokens\":-5}}",
               &reply);
    assert_string_equal(buffer_text(&reply.text), "ab");
    assert_int_equal(json_array_size(reply.tool_calls), 3);
    const json_t *first = json_array_get(reply.tool_calls, 0);
    const json_t *second = json_array_get(reply.tool_calls, 1);
    assert_string_equal(text_at(first, "arguments"), "{\"code\":\"x\"}");
    assert_string_not_equal(text_at(first, "id"), "");
    assert_string_not_equal(text_at(first, "id"), text_at(second, "id"));
    assert_string_equal(text_at(second, "name"), "");
    assert_int_equal(reply.usage.total_tokens, 0);
    chat_reply_free(&reply);

    read_reply("{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":null}}]}", &reply);
    assert_int_equal(reply.text.size, 0);
    assert_int_equal(json_array_size(reply.tool_calls), 0);
    chat_reply_free(&reply);
}

static void what_is_no_completion_is_refused(void **state)
{
    (void)state;
    expect_no_reply("", "not JSON");
    expect_no_reply("<html>hello</html>", "OPENAI_BASE_URL");
    expect_no_reply("{\"choices\":[", "not JSON");
    expect_no_reply("{}", "choices[0].message");
    expect_no_reply("[]", "choices[0].message");
    expect_no_reply("{\"choices\":[]}", "choices[0].message");
    expect_no_reply("{\"choices\":[{\"message\":\"text\"}]}", "choices[0].message");
    expect_no_reply("{\"choices\":{\"message\":{}}}", "choices[0].message");
}

static json_t *tool_call(const char *name, const char *arguments)
{
    json_t *call = json_pack("{s:s, s:s, s:s}", "id", "c", "name", name, "arguments", arguments);
    assert_non_null(call);
    return call;
}

static void expect_refused_call(const char *name, const char *arguments,
                                const char *part_of_message)
{
    json_t *call = tool_call(name, arguments);
    struct chat_tool_request request;
    struct error error = ERROR_NONE;
    int result = chat_tool_request_read(call, TIMEOUT_MAX_MS, &request, &error);
    if (result == 0 || strstr(error.message, part_of_message) == NULL)
        print_error("arguments: %s\nmessage: %s\n", arguments, error.message);
    assert_int_equal(result, -1);
    assert_null(request.arguments);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, part_of_message));
    json_decref(call);
}

static void arguments_are_read(void **state)
{
    (void)state;
    json_t *call = tool_call("python_executor",
                             "{\"code\":\"print(input())\",\"stdin\":\"x\",\"timeout_seconds\":5}");
    struct chat_tool_request request;
    struct error error = ERROR_NONE;
    assert_int_equal(chat_tool_request_read(call, TIMEOUT_MAX_MS, &request, &error), 0);
    assert_string_equal(request.code, "print(input())");
    assert_int_equal(request.code_size, strlen("print(input())"));
    assert_string_equal(request.stdin_text, "x");
    assert_int_equal(request.timeout_ms, 5000);
    json_decref(request.arguments);
    json_decref(call);
}

static void wrong_arguments_are_explained_to_the_model(void **state)
{
    (void)state;
    expect_refused_call("shell", "{\"code\":\"ls\"}", "python_executor");
    expect_refused_call("", "{}", "python_executor");
    expect_refused_call("python_executor", "", "not valid JSON");
    expect_refused_call("python_executor", "{\"code\": \"print(1)", "not valid JSON");
    expect_refused_call("python_executor", "print(1)", "not valid JSON");
    expect_refused_call("python_executor", "[]", "wrong");
    expect_refused_call("python_executor", "{}", "code");
    expect_refused_call("python_executor", "{\"code\":5}", "code");
    expect_refused_call("python_executor", "{\"code\":\"\"}", "code");
    expect_refused_call("python_executor", "{\"code\":\"x\",\"timeout_seconds\":0}",
                        "timeout_seconds");
    expect_refused_call("python_executor", "{\"code\":\"x\",\"timeout_seconds\":61}",
                        "timeout_seconds");
    expect_refused_call("python_executor", "{\"code\":\"x\",\"language\":\"js\"}", "unknown");
}

static void long_output_is_cut_in_the_middle_for_the_model(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer output = BUFFER_EMPTY;
    assert_int_equal(buffer_append_text(&output, "begin"), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer_append_text(&output, "\xe2\x82\xac"), 0);
    assert_int_equal(buffer_append_text(&output, "end"), 0);
    json_t *record = json_pack("{s:s, s:i, s:s, s:s, s:n}", "status", "ok", "exit_code", 0,
                               "stdout", buffer_text(&output), "stderr", "", "error");
    json_t *message = chat_tool_result("c", record);
    assert_non_null(message);
    assert_string_equal(text_at(message, "role"), "tool");
    assert_string_equal(text_at(message, "tool_call_id"), "c");
    json_error_t trouble;
    json_t *content = json_loads(text_at(message, "content"), 0, &trouble);
    assert_non_null(content);
    const char *seen = text_at(content, "stdout");
    assert_true(strlen(seen) < 20000);
    assert_int_equal(strncmp(seen, "begin", 5), 0);
    assert_string_equal(seen + strlen(seen) - 3, "end");
    assert_non_null(strstr(seen, "bytes left out"));
    json_decref(content);
    json_decref(message);
    json_decref(record);
}

static void a_request_offers_one_tool_and_keeps_the_context_apart(void **state)
{
    (void)state;
    json_t *context = json_pack("{s:s}", "role", "analyst");
    json_t *messages = chat_conversation_new("What is 2+2?", context);
    json_t *request = chat_request_new("some-model", messages, true);
    assert_non_null(request);
    assert_string_equal(text_at(request, "model"), "some-model");
    assert_string_equal(text_at(request, "tool_choice"), "auto");
    assert_int_equal(json_array_size(json_object_get(request, "tools")), 1);
    const json_t *user = json_array_get(messages, 1);
    assert_string_equal(text_at(user, "role"), "user");
    assert_string_equal(text_at(user, "content"), "What is 2+2?");
    assert_non_null(
        strstr(text_at(json_array_get(messages, 0), "content"), "{\"role\":\"analyst\"}"));
    json_t *last = chat_request_new("some-model", messages, false);
    assert_string_equal(text_at(last, "tool_choice"), "none");
    json_decref(last);
    json_decref(request);
    json_decref(messages);
    json_decref(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(tool_calls_count_whatever_the_finish_reason_says),
        cmocka_unit_test(servers_that_are_only_like_openai_are_understood),
        cmocka_unit_test(what_is_no_completion_is_refused),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(wrong_arguments_are_explained_to_the_model),
        cmocka_unit_test(long_output_is_cut_in_the_middle_for_the_model),
        cmocka_unit_test(a_request_offers_one_tool_and_keeps_the_context_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
