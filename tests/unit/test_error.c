/* src/base/error.c */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void first_failure_is_kept(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    assert_int_equal(error_set(&error, ERROR_TIMEOUT, "first %d", 1), -1);
    assert_int_equal(error_set(&error, ERROR_INTERNAL, "second"), -1);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_string_equal(error.message, "first 1");
}

static void errno_is_explained(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    error_set_errno(&error, ERROR_INTERNAL, ENOENT, "open %s", "x");
    assert_string_equal(error.message, "open x: No such file or directory");
}

static void prefix_names_the_place(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    assert_int_equal(error_prefix(&error, "ignored while unset"), -1);
    assert_int_equal(error.kind, ERROR_OK);
    error_set(&error, ERROR_INTERNAL, "cause");
    error_prefix(&error, "place %d", 7);
    assert_string_equal(error.message, "place 7: cause");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    char text[4096];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&error, ERROR_INTERNAL, "%s", text);
    error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int kind = ERROR_OK; kind <= ERROR_INTERNAL; kind++)
        assert_int_equal(error_kind_from_name(error_kind_name((enum error_kind)kind)), kind);
    assert_int_equal(error_kind_from_name("nonsense"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_is_kept),  cmocka_unit_test(errno_is_explained),
        cmocka_unit_test(prefix_names_the_place), cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(names_go_both_ways),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
