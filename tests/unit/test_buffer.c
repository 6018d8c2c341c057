/* src/base/buffer.c */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    assert_string_equal(buffer_text(&buffer), "");
    buffer_free(&buffer);
}

static void bytes_are_kept_across_growth(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    for (int i = 0; i < 10000; i++) {
        char byte = (char)(i % 251);
        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
    }
    assert_int_equal(buffer.size, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal((unsigned char)buffer.data[i], i % 251);
    assert_int_equal(buffer.data[buffer.size], 0);
}

static void formatted_text_is_appended(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    assert_int_equal(buffer_append_text(&buffer, "a"), 0);
    assert_int_equal(buffer_append_format(&buffer, "%s-%05d", "b", 42), 0);
    assert_string_equal(buffer_text(&buffer), "ab-00042");
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
}

static void formatted_text_grows_the_buffer(void **state)
{
    (void)state;
    static const char as[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (int size = 0; size < 600; size++) {
        BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&buffer, "%*s", size, ""), 0);
        assert_int_equal(buffer.size, size);
        assert_int_equal(buffer_append_format(&buffer, "%s", as), 0);
        assert_int_equal(buffer_append_format(&buffer, "%s", ""), 0);
        assert_int_equal(strspn(buffer.data, " "), size);
        assert_string_equal(buffer.data + size, as);
        assert_int_equal(buffer.size, strlen(buffer.data));
    }
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer buffer = BUFFER_EMPTY;
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -1);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX / 2), -1);
    assert_int_equal(buffer.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_is_an_empty_string),
        cmocka_unit_test(bytes_are_kept_across_growth),
        cmocka_unit_test(formatted_text_is_appended),
        cmocka_unit_test(formatted_text_grows_the_buffer),
        cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
