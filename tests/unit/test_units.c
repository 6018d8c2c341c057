/* src/base/units.c */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void durations_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t milliseconds;
    } cases[] = {{"500ms", 500}, {"30s", 30000},  {"30", 30000},
                 {"2m", 120000}, {"1h", 3600000}, {"0", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct error error = ERROR_NONE;
        uint64_t milliseconds = 1;
        assert_int_equal(units_parse_duration(cases[i].text, &milliseconds, &error), 0);
        assert_int_equal(milliseconds, cases[i].milliseconds);
    }
}

static void sizes_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"256M", 268435456}, {"1G", 1073741824}, {"1GiB", 1073741824},
                 {"64K", 65536},      {"4096", 4096},     {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct error error = ERROR_NONE;
        uint64_t bytes = 1;
        assert_int_equal(units_parse_size(cases[i].text, &bytes, &error), 0);
        assert_true(bytes == cases[i].bytes);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.5s",
                                        "s",
                                        "ms",
                                        "0x10s",
                                        "1M2",
                                        "1e3",
                                        "1sec",
                                        "30 s",
                                        "99999999999999999999",
                                        "18446744073709551615h"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct error error = ERROR_NONE;
        uint64_t amount;
        assert_int_equal(units_parse_duration(texts[i], &amount, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        assert_non_null(strstr(error.message, "500ms, 30s or 2m"));
    }
    uint64_t amount;
    assert_int_equal(units_parse_size("17179869184G", &amount, NULL), -1);
    assert_int_equal(units_parse_size("1T", &amount, NULL), -1);
}

static void numbers_are_digits_only(void **state)
{
    (void)state;
    uint64_t number;
    assert_int_equal(units_parse_number("0050051", &number), 0);
    assert_int_equal(number, 50051);
    assert_int_equal(units_parse_number("18446744073709551616", &number), -1);
    assert_int_equal(units_parse_number("-1", &number), -1);
    assert_int_equal(units_parse_number("1 ", &number), -1);
    assert_int_equal(units_parse_number("", &number), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_with_units),
        cmocka_unit_test(sizes_with_units),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(numbers_are_digits_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
