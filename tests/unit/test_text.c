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

/* Appends `bytes` cut behind each byte whose bit is set in `cuts`; the text must be that of the
 * whole. */
static void check_cut(const char *bytes, size_t size, uint32_t cuts)
{
    BUFFER_LOCAL struct buffer whole = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer pieces = BUFFER_EMPTY;
    struct text_stream stream = TEXT_STREAM_EMPTY;
    assert_int_equal(text_append_utf8(&whole, bytes, size), 0);
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        if (i + 1 < size && (cuts >> i & 1) == 0)
            continue;
        assert_int_equal(text_stream_append(&stream, &pieces, bytes + start, i + 1 - start), 0);
        assert_int_equal(text_valid_utf8(buffer_text(&pieces), pieces.size), pieces.size);
        start = i + 1;
    }
    assert_int_equal(text_stream_append(&stream, &pieces, NULL, 0), 0);
    assert_int_equal(text_stream_finish(&stream, &pieces), 0);
    assert_int_equal(pieces.size, whole.size);
    assert_memory_equal(buffer_text(&pieces), buffer_text(&whole), whole.size);
    assert_int_equal(stream.size, 0);
}

static void check_every_cut(const char *bytes, size_t size)
{
    for (uint32_t cuts = 0; cuts < UINT32_C(1) << (size - 1); cuts++)
        check_cut(bytes, size, cuts);
}

/* Of each range of table 3-7 the first and the last byte, and what stands outside of all. */
static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1,
                                      0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5};

static void pieces_are_the_text_of_the_whole(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
        "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",  "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
        "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",  "\xf0\x9f\x98\xf0\x9f\x98\xc3\xf0\x9f",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        for (size_t size = 1; size <= strlen(texts[i]); size++)
            check_every_cut(texts[i], size);
    }
}

static void every_four_edge_bytes_may_be_cut(void **state)
{
    (void)state;
    const size_t count = sizeof(edges);
    for (size_t i = 0; i < count * count * count * count; i++) {
        const char bytes[] = {(char)edges[i % count], (char)edges[i / count % count],
                              (char)edges[i / count / count % count],
                              (char)edges[i / count / count / count]};
        check_every_cut(bytes, sizeof(bytes));
    }
}

static void random_bytes_may_be_cut(void **state)
{
    (void)state;
    uint64_t random = 1; /* the constants are Knuth's MMIX generator's */
    for (int round = 0; round < 200; round++) {
        char bytes[10];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            bytes[i] =
                (char)(round % 2 == 0 ? random >> 56 : edges[(random >> 33) % sizeof(edges)]);
        }
        check_every_cut(bytes, sizeof(bytes));
    }
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
        cmocka_unit_test(pieces_are_the_text_of_the_whole),
        cmocka_unit_test(every_four_edge_bytes_may_be_cut),
        cmocka_unit_test(random_bytes_may_be_cut),
        cmocka_unit_test(identifiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
