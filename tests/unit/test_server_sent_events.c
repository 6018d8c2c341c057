/* src/base/server_sent_events.c */
#include "base/server_sent_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_event_is_three_lines_and_an_empty_one(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    json_t *data = json_pack("{s:s, s:i}", "text", "a", "n", 1);
    assert_int_equal(server_sent_events_append(&buffer, "output.stdout", "x-7", data), 0);
    assert_int_equal(server_sent_events_append(&buffer, "end_of.it", NULL, data), 0);
    assert_string_equal(buffer.data,
                        "event: output.stdout\nid: x-7\ndata: {\"text\":\"a\",\"n\":1}\n\n"
                        "event: end_of.it\ndata: {\"text\":\"a\",\"n\":1}\n\n");
    json_decref(data);
}

/* Every way that section 9.2.6 knows to end a line, and what ends a string in C. */
static void no_value_can_forge_a_line(void **state)
{
    (void)state;
    static const char text[] = "\n\ndata: 1\r\rid: 2\r\n\r\n\0\xe2\x80\xa8";
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    json_t *data = json_pack("{s:s%}", "a\nb", text, sizeof(text) - 1);
    assert_int_equal(server_sent_events_append(&buffer, "x", NULL, data), 0);
    assert_string_equal(buffer.data, "event: x\ndata: {\"a\\nb\":\"\\n\\ndata: 1\\r\\rid: 2"
                                     "\\r\\n\\r\\n\\u0000\xe2\x80\xa8\"}\n\n");
    assert_int_equal(buffer.size, strlen(buffer.data));
    json_decref(data);
}

static void values_that_are_no_object_are_data_too(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    json_t *data = json_string("");
    assert_int_equal(server_sent_events_append(&buffer, "x", NULL, data), 0);
    assert_string_equal(buffer.data, "event: x\ndata: \"\"\n\n");
    json_decref(data);
}

static void what_is_refused_leaves_no_trace(void **state)
{
    (void)state;
    static const char *const names[] = {"", "A", "a b", "a\n", "a:b", "a-b", "a1", "\xc3\xa4"};
    static const char *const ids[] = {"", "a b", "1\n", "1\r", "\xc3\xa4"};
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    json_t *data = json_object();
    assert_int_equal(server_sent_events_append(&buffer, "", NULL, data), -1);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer_append_text(&buffer, "before"), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(server_sent_events_append(&buffer, names[i], NULL, data), -1);
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        assert_int_equal(server_sent_events_append(&buffer, "x", ids[i], data), -1);
    assert_int_equal(server_sent_events_append(&buffer, "x", NULL, NULL), -1);
    /* Only now does it show that this value is no JSON: nothing of the event must stay. */
    json_t *broken = json_pack("[o]", json_string_nocheck("\xff"));
    assert_int_equal(server_sent_events_append(&buffer, "x", "1", broken), -1);
    assert_string_equal(buffer.data, "before");
    assert_int_equal(buffer.size, strlen("before"));
    json_decref(broken);
    json_decref(data);
}

static void a_heartbeat_is_a_comment(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    assert_int_equal(server_sent_events_append_heartbeat(&buffer), 0);
    assert_string_equal(buffer.data, ":\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_three_lines_and_an_empty_one),
        cmocka_unit_test(no_value_can_forge_a_line),
        cmocka_unit_test(values_that_are_no_object_are_data_too),
        cmocka_unit_test(what_is_refused_leaves_no_trace),
        cmocka_unit_test(a_heartbeat_is_a_comment),
    };
    return cmocka_run_group_tests_name("server_sent_events", tests, NULL, NULL);
}
