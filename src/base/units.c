/* Durations and sizes as people write them. Invariant: nothing is stored unless the whole text was
 * understood and the result fits. */
#include "base/units.h"

#include <stddef.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000},
};

static const struct unit size_units[] = {
    {"", 1},        {"B", 1},         {"K", 1 << 10}, {"KiB", 1 << 10},
    {"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30},
};

/* Reads the digits at the start of `text`. Returns how many, 0 when there are none or too many. */
static size_t read_digits(const char *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t length = 0;
    for (; text[length] >= '0' && text[length] <= '9'; length++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[length] - '0'), &value))
            return 0;
    }
    *number = value;
    return length;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t count,
                           uint64_t *result)
{
    uint64_t number;
    size_t digits = read_digits(text, &number);
    if (digits == 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + digits, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].factor, result) ? -1 : 0;
    }
    return -1;
}

int units_parse_duration(const char *text, uint64_t *milliseconds, struct error *error)
{
    if (parse_with_unit(text, duration_units, sizeof(duration_units) / sizeof(*duration_units),
                        milliseconds) == 0)
        return 0;
    return error_set(error, ERROR_INVALID_REQUEST,
                     "\"%.100s\" is not a duration: write 500ms, 30s or 2m (a bare number is "
                     "seconds)",
                     text);
}

int units_parse_size(const char *text, uint64_t *bytes, struct error *error)
{
    if (parse_with_unit(text, size_units, sizeof(size_units) / sizeof(*size_units), bytes) == 0)
        return 0;
    return error_set(error, ERROR_INVALID_REQUEST,
                     "\"%.100s\" is not a size: write 256M or 1G (a bare number is bytes)", text);
}

int units_parse_number(const char *text, uint64_t *number)
{
    size_t digits = read_digits(text, number);
    return digits > 0 && text[digits] == '\0' ? 0 : -1;
}
