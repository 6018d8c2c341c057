/* src/agent_core/session_record.c */
#include "agent_core/session_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct session_record example(void)
{
    struct session_record record = {
        .id = "A:b_c.d-9",
        .interpreter = "/opt/wasm-interpreters/python-3.11.wasm",
        .created_ms = 1764000000000,
        .used_ms = 1764000000001,
        .runs = 7,
        .size = 123456,
        .duplicate = true,
    };
    for (size_t i = 0; i < sizeof(record.digest); i++)
        record.digest[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof(record.image); i++)
        record.image[i] = (uint8_t)(255 - i);
    return record;
}

static void ids(void **state)
{
    static const char *const good[] = {"a", "..", ".", "-", "A:b_c.d-9", "0"};
    static const char *const bad[] = {"",     "a/b",  "a b",   "a\n", "\xc3\xa4",
                                      "a%2f", "a\\b", "a\x7f", "*"};
    char longest[SESSION_ID_MAXIMUM + 2];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(session_id_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(session_id_is_valid(bad[i]));
    memset(longest, 'x', sizeof(longest));
    longest[SESSION_ID_MAXIMUM + 1] = '\0';
    assert_false(session_id_is_valid(longest));
    longest[SESSION_ID_MAXIMUM] = '\0';
    assert_true(session_id_is_valid(longest));
}

static void a_record_comes_back(void **state)
{
    const struct session_record record = example();
    struct session_record again;
    (void)state;
    json_t *object = session_record_to_json(&record);
    assert_int_equal(session_record_from_json(&again, object), 0);
    assert_string_equal(again.id, record.id);
    assert_string_equal(again.interpreter, record.interpreter);
    assert_memory_equal(again.digest, record.digest, sizeof(record.digest));
    assert_memory_equal(again.image, record.image, sizeof(record.image));
    assert_int_equal(again.created_ms, record.created_ms);
    assert_int_equal(again.used_ms, record.used_ms);
    assert_int_equal(again.runs, record.runs);
    assert_int_equal(again.size, record.size);
    assert_true(again.duplicate);
    json_decref(object);
}

/* Each field, missing and of each wrong kind. */
static void what_is_wrong_is_refused(void **state)
{
    static const char *const names[] = {"session_id", "interpreter", "interpreter_sha256",
                                        "image",      "created_ms",  "used_ms",
                                        "runs",       "size"};
    static const struct {
        const char *name;
        const char *value;
    } wrong[] = {
        {"session_id", "\"a/b\""},
        {"session_id", "\"\""},
        {"session_id", "5"},
        {"interpreter", "null"},
        {"interpreter_sha256", "\"00\""},
        {"interpreter_sha256",
         "\"ABCDEF00000000000000000000000000000000000000000000000000000000000\""},
        {"image", "\"0x000000000000000000000000000000\""},
        {"image", "\"000000000000000000000000000000000\""},
        {"created_ms", "1.5"},
        {"created_ms", "-1"},
        {"used_ms", "\"1\""},
        {"used_ms", "-9223372036854775808"},
        {"runs", "-1"},
        {"size", "-1"},
        {"size", "true"},
    };
    const struct session_record record = example();
    struct session_record again;
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        json_t *object = session_record_to_json(&record);
        assert_int_equal(json_object_del(object, names[i]), 0);
        assert_int_equal(session_record_from_json(&again, object), -1);
        json_decref(object);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        json_t *object = session_record_to_json(&record);
        json_t *value = json_loads(wrong[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(object, wrong[i].name, value), 0);
        assert_int_equal(session_record_from_json(&again, object), -1);
        json_decref(object);
    }
    json_t *none = json_array();
    assert_int_equal(session_record_from_json(&again, none), -1);
    json_decref(none);
}

static void an_interpreter_s_path_has_a_bound(void **state)
{
    struct session_record record = example();
    struct session_record again;
    (void)state;
    memset(record.interpreter, 'x', SESSION_INTERPRETER_MAXIMUM);
    json_t *object = session_record_to_json(&record);
    assert_int_equal(session_record_from_json(&again, object), 0);
    char longer[SESSION_INTERPRETER_MAXIMUM + 2];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(json_object_set_new(object, "interpreter", json_string(longer)), 0);
    assert_int_equal(session_record_from_json(&again, object), -1);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(an_interpreter_s_path_has_a_bound),
    };
    return cmocka_run_group_tests_name("session_record", tests, NULL, NULL);
}
