/* src/base/json_text.c and src/base/json_fields.c */
#include "base/json_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_refused(const char *text, size_t size, const char *field, const char *message)
{
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *value = json_text_parse(text, size, &fault);
    if (value != NULL)
        fail_msg("accepted: %s", text);
    assert_int_equal(fault.error.kind, ERROR_INVALID_REQUEST);
    if (strstr(fault.error.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, fault.error.message);
    assert_string_equal(fault.field, field);
}

static void texts_that_are_no_json_are_refused_with_their_field(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *field;
        const char *message;
    } cases[] = {
        {"", "body", "the body is empty"},
        {"{", "body", "the text ends too early"},
        {"{\"code\":\"x", "code", "the text ends too early"},
        {"{\"code\":nope}", "code", "invalid JSON at line 1"},
        {"{\"a\":1,\n\"code\":\"\xff\"}", "code", "invalid UTF-8 at line 2"},
        {"{\"code\":\"\xed\xa0\x80\"}", "code", "invalid UTF-8"},
        {"{\"code\":\"\\ud800\"}", "code", "invalid JSON"},
        {"{\"code\":\"a\tb\"}", "code", "invalid JSON"},
        {"{\"code\":1,\"code\":2}", "code", "the same name twice"},
        {"{\"env\":{\"A\":\"\",\"A\":\"\"}}", "env", "the same name twice"},
        {"{\"a\\u0000\":1}", "body", "a NUL character in a name"},
        {"{\"n\":99999999999999999999}", "n", "a number that does not fit"},
        {"{\"n\":1e999}", "n", "a number that does not fit"},
        {"{\"n\":NaN}", "n", "invalid JSON"},
        {"{\"n\":01}", "n", "invalid JSON"},
        {"{\"n\":1,}", "body", "invalid JSON"},
        {"{} x", "body", "there is more after the value"},
        {"{}{}", "body", "there is more after the value"},
        {"{\"code\":1} x", "body", "there is more after the value"},
        {"\xef\xbb\xbf{}", "body", "invalid JSON"},
        {"\"text\"", "body", "invalid JSON"},
        {"null", "body", "invalid JSON"},
        {"{'a':1}", "body", "invalid JSON"},
        {"{\"<b>\":\"\xff\"}", "body", "invalid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].field, cases[i].message);
    static const char raw_nul[] = "{\"code\":\"a\0b\"}";
    check_refused(raw_nul, sizeof(raw_nul) - 1, "code", "invalid JSON");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    size_t depth = 100000;
    char *text = malloc(depth);
    assert_non_null(text);
    memset(text, '[', depth);
    check_refused(text, depth, "body", "nested too deeply");
    free(text);
}

static void a_message_never_quotes_the_input(void **state)
{
    (void)state;
    struct json_fault fault = JSON_FAULT_NONE;
    static const char text[] = "{\"code\": hush}";
    assert_null(json_text_parse(text, strlen(text), &fault));
    assert_null(strstr(fault.error.message, "hush"));
}

static void text_goes_in_and_out_again(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2,true,null,\"\\u0000\xc3\xa4\xf0\x9f\x98\x80\\\"\"]}";
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *value = json_text_parse(text, strlen(text), &fault);
    assert_non_null(value);
    BUFFER_LOCAL struct buffer again = BUFFER_EMPTY;
    assert_int_equal(json_text_append(value, &again), 0);
    assert_string_equal(buffer_text(&again), text);
    json_decref(value);
}

/* Long strings, so that escapes meet the boundaries between the pieces that are written at a time.
 */
static void every_character_goes_in_and_out_again(void **state)
{
    char bytes[8192];
    struct json_fault fault = JSON_FAULT_NONE;
    (void)state;
    for (unsigned shift = 0; shift < 7; shift++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)((i + shift) % 0x80);
        json_t *value =
            json_pack("{s:o, s:{}, s:[], s:i, s:f, s:b}", "text\n",
                      json_stringn(bytes, sizeof(bytes)), "e", "l", "i", -5, "f", 0.1, "b", 1);
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        assert_int_equal(json_text_append(value, &text), 0);
        assert_int_equal(strlen(buffer_text(&text)), text.size);
        for (size_t i = 0; i < text.size; i++)
            assert_true((unsigned char)text.data[i] >= 0x20);
        json_t *again = json_text_parse(buffer_text(&text), text.size, &fault);
        assert_true(json_equal(value, again));
        json_decref(again);
        json_decref(value);
    }
    BUFFER_LOCAL struct buffer none = BUFFER_EMPTY;
    assert_int_equal(json_text_append(NULL, &none), -1);
}

static void bytes_become_text(void **state)
{
    (void)state;
    json_t *text = json_text_from_bytes("a\0\xff", 3);
    assert_int_equal(json_string_length(text), 5);
    assert_memory_equal(json_string_value(text), "a\0\xef\xbf\xbd", 5);
    json_decref(text);
}

struct values {
    struct json_field_text text;
    struct json_field_text bytes;
    int64_t integer;
    bool boolean;
    const json_t *list;
    const json_t *map;
};

static int read_values(const char *text, struct values *values, json_t **object,
                       struct json_fault *fault)
{
    const struct json_field fields[] = {
        {"text", JSON_FIELD_TEXT, .required = true, .minimum = 1, .maximum = 5,
         .text = &values->text},
        {"bytes", JSON_FIELD_BYTES, .text = &values->bytes},
        {"integer", JSON_FIELD_INTEGER, .minimum = 1, .maximum = 10, .integer = &values->integer},
        {"boolean", JSON_FIELD_BOOLEAN, .boolean = &values->boolean},
        {"list", JSON_FIELD_TEXT_LIST, .maximum = 2, .value = &values->list},
        {"map", JSON_FIELD_TEXT_MAP, .maximum = 2, .value = &values->map},
        {.name = "later", .type = JSON_FIELD_UNSUPPORTED},
    };
    *object = json_text_parse(text, strlen(text), fault);
    assert_non_null(*object);
    return json_fields_read(*object, fields, sizeof(fields) / sizeof(*fields), fault);
}

static void fields_are_read(void **state)
{
    (void)state;
    struct values values = {.integer = 7};
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *object;
    assert_int_equal(read_values("{\"text\":\"abc\",\"bytes\":\"\\u0000\",\"boolean\":true,"
                                 "\"list\":[\"a\",\"\"],\"map\":{\"A\":\"\"},\"integer\":null}",
                                 &values, &object, &fault),
                     0);
    assert_string_equal(values.text.bytes, "abc");
    assert_int_equal(values.bytes.size, 1);
    assert_int_equal(values.integer, 7);
    assert_true(values.boolean);
    assert_int_equal(json_array_size(values.list), 2);
    assert_int_equal(json_object_size(values.map), 1);
    json_decref(object);
}

static void wrong_fields_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *field;
        const char *message;
        bool too_large;
    } cases[] = {
        {"[]", "body", "must be a JSON object", false},
        {"{}", "text", "text is required", false},
        {"{\"text\":null}", "text", "text is required", false},
        {"{\"text\":5}", "text", "text must be a text", false},
        {"{\"text\":\"\"}", "text", "text must not be empty", false},
        {"{\"text\":\"a\\u0000\"}", "text", "NUL", false},
        {"{\"text\":\"abcdef\"}", "text", "at most 5", true},
        {"{\"text\":\"a\",\"integer\":0}", "integer", "a whole number from 1 to 10", false},
        {"{\"text\":\"a\",\"integer\":11}", "integer", "a whole number from 1 to 10", false},
        {"{\"text\":\"a\",\"integer\":2.0}", "integer", "a whole number from 1 to 10", false},
        {"{\"text\":\"a\",\"integer\":\"2\"}", "integer", "a whole number from 1 to 10", false},
        {"{\"text\":\"a\",\"integer\":true}", "integer", "a whole number from 1 to 10", false},
        {"{\"text\":\"a\",\"boolean\":1}", "boolean", "must be true or false", false},
        {"{\"text\":\"a\",\"list\":\"a\"}", "list", "must be a list of texts", false},
        {"{\"text\":\"a\",\"list\":[\"a\",1]}", "list", "item 1 is not", false},
        {"{\"text\":\"a\",\"list\":[\"a\\u0000\"]}", "list", "item 0 is not", false},
        {"{\"text\":\"a\",\"list\":[\"\",\"\",\"\"]}", "list", "0 to 2 items", false},
        {"{\"text\":\"a\",\"map\":[]}", "map", "must be an object of texts", false},
        {"{\"text\":\"a\",\"map\":{\"A\":1}}", "map", "each value in map", false},
        {"{\"text\":\"a\",\"map\":{\"A=B\":\"\"}}", "map", "holds '='", false},
        {"{\"text\":\"a\",\"map\":{\"\":\"\"}}", "map", "is empty or", false},
        {"{\"text\":\"a\",\"later\":1}", "later", "not supported by this version", false},
        {"{\"text\":\"a\",\"texts\":1}", "texts", "unknown field; the fields are text, bytes",
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct values values = {0};
        struct json_fault fault = JSON_FAULT_NONE;
        json_t *object;
        assert_int_equal(read_values(cases[i].text, &values, &object, &fault), -1);
        assert_string_equal(fault.field, cases[i].field);
        if (strstr(fault.error.message, cases[i].message) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, fault.error.message);
        assert_int_equal(fault.too_large, cases[i].too_large);
        json_decref(object);
    }
}

/* 70 bytes of a name, whose 63rd would be the middle of a character. */
static void a_long_unknown_name_is_cut_between_characters(void **state)
{
    (void)state;
    struct values values = {0};
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *object;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)buffer_append_text(&text, "{\"");
    for (int i = 0; i < 35; i++)
        (void)buffer_append_text(&text, "\xc3\xa4");
    (void)buffer_append_text(&text, "\":1}");
    assert_int_equal(read_values(text.data, &values, &object, &fault), -1);
    assert_int_equal(strlen(fault.field), 62);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_are_no_json_are_refused_with_their_field),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_message_never_quotes_the_input),
        cmocka_unit_test(text_goes_in_and_out_again),
        cmocka_unit_test(every_character_goes_in_and_out_again),
        cmocka_unit_test(bytes_become_text),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(a_long_unknown_name_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
