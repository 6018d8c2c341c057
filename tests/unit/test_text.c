/* src/base/text.c */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void well_formed_text_is_valid(void **state)
{
    (void)state;
    static const char text[] = "a\0\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    assert_int_equal(text_valid_utf8(text, sizeof(text) - 1), sizeof(text) - 1);
    assert_int_equal(text_valid_utf8("", 0), 0);
}

/* Each is "ab" and then something ill-formed. */
static void ill_formed_text_ends_where_it_breaks(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ab\x80",             /* a continuation alone */
        "ab\xc0\xaf",         /* overlong '/' */
        "ab\xc1\xbf",         /* overlong */
        "ab\xe0\x9f\xbf",     /* overlong */
        "ab\xed\xa0\x80",     /* a surrogate */
        "ab\xf0\x8f\xbf\xbf", /* overlong */
        "ab\xf4\x90\x80\x80", /* above U+10FFFF */
        "ab\xf5\x80\x80\x80",
        "ab\xff",
        "ab\xe2\x82", /* cut short */
        "ab\xf0\x9f\x98",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_int_equal(text_valid_utf8(texts[i], strlen(texts[i])), 2);
}

static void check_shown(const char *bytes, const char *expected)
{
    BUFFER_LOCAL struct buffer shown = BUFFER_EMPTY;
    assert_int_equal(text_append_utf8(&shown, bytes, strlen(bytes)), 0);
    assert_string_equal(buffer_text(&shown), expected);
    assert_int_equal(text_valid_utf8(buffer_text(&shown), shown.size), shown.size);
}

#define R "\xef\xbf\xbd"

/* The first is the example of The Unicode Standard 15.0, table 3-8 to 3-11. */
static void each_ill_formed_part_is_replaced_once(void **state)
{
    (void)state;
    check_shown("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A");
    check_shown("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A");
    check_shown("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B");
    check_shown("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A");
    check_shown("ok \xe2\x82", "ok " R);
    check_shown("", "");
}

static void identifiers(void **state)
{
    (void)state;
    assert_true(text_is_identifier("python-3.11_x", 64));
    assert_true(text_is_identifier("abc", 3));
    assert_false(text_is_identifier("abcd", 3));
    assert_false(text_is_identifier("", 3));
    assert_false(text_is_identifier("a/b", 64));
    assert_false(text_is_identifier("a b", 64));
    assert_false(text_is_identifier("a\r\nb", 64));
    assert_false(text_is_identifier("\xc3\xa4", 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_valid),
        cmocka_unit_test(ill_formed_text_ends_where_it_breaks),
        cmocka_unit_test(each_ill_formed_part_is_replaced_once),
        cmocka_unit_test(identifiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
