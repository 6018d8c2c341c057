/* src/base/log.c */
#include "base/log.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs one LOG call with standard error in a pipe and returns what was written. */
static const char *logged(bool json, enum log_level least, const char *event, const char *value)
{
    static char line[4096];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_configure("unit", least, json);
    LOG(LOG_INFO, event, log_text("key", value), log_number("count", -3));
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t size = read(ends[0], line, sizeof(line) - 1);
    close(ends[0]);
    assert_true(size >= 0);
    line[size] = '\0';
    return line;
}

static void hostile_values_stay_on_their_line(void **state)
{
    (void)state;
    const char *line = logged(false, LOG_INFO, "event", "a\nforged \x1b[31m\"\xc2\x9b");
    assert_non_null(
        strstr(line, "info unit event key=\"a\\nforged \\u001b[31m\\\"\\u009b\" count=-3\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_null(strchr(line, '\x1b'));
}

static void json_lines_parse(void **state)
{
    (void)state;
    const char *line = logged(true, LOG_INFO, "an event", "a\n\"b\"\\");
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "key")), "a\n\"b\"\\");
    assert_string_equal(json_string_value(json_object_get(object, "event")), "an event");
    assert_int_equal(json_integer_value(json_object_get(object, "count")), -3);
    json_decref(object);
}

static void lower_levels_are_silent(void **state)
{
    (void)state;
    assert_string_equal(logged(false, LOG_WARNING, "event", "x"), "");
}

static void level_names_are_known(void **state)
{
    (void)state;
    assert_int_equal(log_level_from_name("warning"), LOG_WARNING);
    assert_int_equal(log_level_from_name("loud"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_values_stay_on_their_line),
        cmocka_unit_test(json_lines_parse),
        cmocka_unit_test(lower_levels_are_silent),
        cmocka_unit_test(level_names_are_known),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
