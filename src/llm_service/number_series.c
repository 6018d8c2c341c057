/* Which numbers a request is about. Invariant: `expression` is a complete Python expression
 * whenever number_series_read returned true. */
#include "llm_service/number_series.h"

#include <inttypes.h>
#include <stdint.h>

enum kind {
    KIND_PLAIN,
    KIND_NATURAL,
    KIND_EVEN,
    KIND_ODD,
    KIND_SQUARE,
    KIND_CUBE,
    KIND_PRIME,
    KIND_FIBONACCI
};

static const struct {
    enum kind kind;
    const char *phrases;
} kinds[] = {
    {KIND_NATURAL, "natural numbers|natural number|positive integers|positive integer|"
                   "positive whole numbers|positive numbers|counting numbers"},
    {KIND_EVEN, "even numbers|even number|even integers|positive even numbers"},
    {KIND_ODD, "odd numbers|odd number|odd integers|positive odd numbers"},
    {KIND_SQUARE, "square numbers|square number|perfect squares|squares"},
    {KIND_CUBE, "cube numbers|cube number|perfect cubes|cubes"},
    {KIND_PRIME, "prime numbers|prime number|primes|prime"},
    {KIND_FIBONACCI,
     "fibonacci numbers|fibonacci number|fibonacci terms|fibonacci sequence numbers|"
     "fibonacci series numbers|terms of the fibonacci sequence|terms of the fibonacci series|"
     "numbers of the fibonacci sequence|numbers of the fibonacci series|"
     "numbers in the fibonacci sequence|numbers in the fibonacci series|"
     "terms in the fibonacci sequence|elements of the fibonacci sequence|"
     "numbers from the fibonacci sequence|fibonacci sequence terms|fibonacci values"},
    {KIND_PLAIN, "whole numbers|integers|numbers"},
};

static const char fibonacci_definition[] = "def first_fibonacci(count):\n"
                                           "    numbers = []\n"
                                           "    a, b = 0, 1\n"
                                           "    for _ in range(count):\n"
                                           "        numbers.append(a)\n"
                                           "        a, b = b, a + b\n"
                                           "    return numbers\n";

static const char fibonacci_limit_definition[] = "def fibonacci_up_to(limit):\n"
                                                 "    numbers = []\n"
                                                 "    a, b = 0, 1\n"
                                                 "    while a <= limit:\n"
                                                 "        numbers.append(a)\n"
                                                 "        a, b = b, a + b\n"
                                                 "    return numbers\n";

static const char first_primes_definition[] =
    "def first_primes(count):\n"
    "    primes = []\n"
    "    candidate = 2\n"
    "    while len(primes) < count:\n"
    "        divisors = itertools.takewhile(lambda p: p * p <= candidate, primes)\n"
    "        if all(candidate % p for p in divisors):\n"
    "            primes.append(candidate)\n"
    "        candidate += 1\n"
    "    return primes\n";

static const char primes_limit_definition[] =
    "def primes_up_to(limit):\n"
    "    sieve = bytearray([1]) * (limit + 1)\n"
    "    for n in range(2, math.isqrt(limit) + 1):\n"
    "        if sieve[n]:\n"
    "            sieve[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))\n"
    "    return [n for n in range(2, limit + 1) if sieve[n]]\n";

static bool take_kind(struct request_words *words, enum kind *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (words_accept(words, kinds[i].phrases)) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static bool define(struct number_series *series, const char *definition)
{
    return buffer_append_text(&series->definitions, definition) == 0;
}

/* The first `count` numbers of a kind. False for those that have no certain first one. */
static bool write_first(struct number_series *series, enum kind kind, uint64_t count)
{
    struct buffer *expression = &series->expression;
    series->names_kind = true;
    series->is_list = kind >= KIND_SQUARE;
    switch (kind) {
    case KIND_PLAIN:
        return false;
    case KIND_NATURAL:
        return buffer_append_format(expression, "range(1, %" PRIu64 " + 1)", count) == 0;
    case KIND_EVEN:
        return buffer_append_format(expression, "range(2, 2 * %" PRIu64 " + 1, 2)", count) == 0;
    case KIND_ODD:
        return buffer_append_format(expression, "range(1, 2 * %" PRIu64 ", 2)", count) == 0;
    case KIND_SQUARE:
        return buffer_append_format(expression, "[n**2 for n in range(1, %" PRIu64 " + 1)]",
                                    count) == 0;
    case KIND_CUBE:
        return buffer_append_format(expression, "[n**3 for n in range(1, %" PRIu64 " + 1)]",
                                    count) == 0;
    case KIND_PRIME:
        series->needs_itertools = true;
        return define(series, first_primes_definition) &&
               buffer_append_format(expression, "first_primes(%" PRIu64 ")", count) == 0;
    case KIND_FIBONACCI:
        return define(series, fibonacci_definition) &&
               buffer_append_format(expression, "first_fibonacci(%" PRIu64 ")", count) == 0;
    }
    return false;
}

static bool write_filtered_range(struct number_series *series, const char *filter, uint64_t least,
                                 uint64_t most)
{
    series->is_list = true;
    return buffer_append_format(&series->expression,
                                "[n for n in range(%" PRIu64 ", %" PRIu64 " + 1) if %s]", least,
                                most, filter) == 0;
}

/* The numbers of a kind from `least` to `most`, both included. False for those whose bounds can be
 * understood in two ways. */
static bool write_between(struct number_series *series, enum kind kind, uint64_t least,
                          uint64_t most)
{
    struct buffer *expression = &series->expression;
    bool from_start = least <= 1;
    series->names_kind = kind != KIND_PLAIN;
    switch (kind) {
    case KIND_PLAIN:
    case KIND_NATURAL:
        return buffer_append_format(expression, "range(%" PRIu64 ", %" PRIu64 " + 1)", least,
                                    most) == 0;
    case KIND_EVEN:
        return write_filtered_range(series, "n % 2 == 0", least, most);
    case KIND_ODD:
        return write_filtered_range(series, "n % 2 == 1", least, most);
    case KIND_SQUARE:
    case KIND_CUBE:
        return false; /* bounds of the squares, or of what is squared? */
    case KIND_PRIME:
    case KIND_FIBONACCI:
        break;
    }
    bool prime = kind == KIND_PRIME;
    series->is_list = true;
    series->needs_math = prime;
    if (!define(series, prime ? primes_limit_definition : fibonacci_limit_definition))
        return false;
    const char *function = prime ? "primes_up_to" : "fibonacci_up_to";
    if (from_start && (prime || least == 0))
        return buffer_append_format(expression, "%s(%" PRIu64 ")", function, most) == 0;
    return buffer_append_format(expression, "[n for n in %s(%" PRIu64 ") if n >= %" PRIu64 "]",
                                function, most, least) == 0;
}

/* "up to B", "below B" */
static bool take_upper_bound(struct request_words *words, uint64_t *most)
{
    if (words_accept(words, "up to and including|up to|less than or equal to|at most|no more than|"
                            "not exceeding|no greater than"))
        return words_take_count(words, most);
    if (!words_accept(words, "below|under|less than|smaller than") ||
        !words_take_count(words, most) || *most == 0)
        return false;
    *most -= 1;
    return true;
}

/* "between A and B", "from A to B", "A to B" */
static bool take_both_bounds(struct request_words *words, uint64_t *least, uint64_t *most)
{
    const char *middle = words_accept(words, "between") ? "and" : "to|through|up to";
    (void)words_accept(words, "from");
    return words_take_count(words, least) && words_accept(words, middle) &&
           words_take_count(words, most) && *least <= *most;
}

/* Either; `least` keeps its value when only an upper bound is given. */
static bool take_bounds(struct request_words *words, uint64_t *least, uint64_t *most)
{
    size_t before = words->position;
    if (take_upper_bound(words, most))
        return true;
    words->position = before;
    return take_both_bounds(words, least, most);
}

/* After "the Fibonacci sequence": "up to 100", "up to 10 terms", "with 10 terms", "below 100". */
static bool read_fibonacci_bounds(struct request_words *words, struct number_series *series)
{
    static const char terms[] = "terms|numbers|elements|values|term|number";
    uint64_t count;
    if (words_accept(words, "of length"))
        return words_take_count(words, &count) && write_first(series, KIND_FIBONACCI, count);
    if (words_accept(words, "with|of|for"))
        return words_take_count(words, &count) && words_accept(words, terms) &&
               write_first(series, KIND_FIBONACCI, count);
    if (words_accept(words, "up to")) {
        if (!words_take_count(words, &count))
            return false;
        return words_accept(words, terms) ? write_first(series, KIND_FIBONACCI, count)
                                          : write_between(series, KIND_FIBONACCI, 0, count);
    }
    uint64_t least = 0;
    return take_bounds(words, &least, &count) &&
           write_between(series, KIND_FIBONACCI, least, count);
}

static bool read_first(struct request_words *words, struct number_series *series)
{
    uint64_t count;
    enum kind kind;
    if (!words_accept(words, "first") || !words_take_count(words, &count))
        return false;
    if (take_kind(words, &kind))
        return write_first(series, kind, count);
    return words_accept(words, "fibonacci") && write_first(series, KIND_FIBONACCI, count);
}

/* "10 prime numbers": for these two kinds nothing but the first ones can be meant. */
static bool read_counted(struct request_words *words, struct number_series *series)
{
    uint64_t count;
    enum kind kind;
    return words_take_count(words, &count) && take_kind(words, &kind) && kind >= KIND_PRIME &&
           write_first(series, kind, count);
}

static bool read_kind_between(struct request_words *words, struct number_series *series)
{
    enum kind kind;
    if (!take_kind(words, &kind))
        return false;
    (void)words_accept(words, "are there|there are|that are|which are|are|in the range");
    uint64_t least = kind == KIND_FIBONACCI ? 0 : kind == KIND_EVEN ? 2 : 1;
    uint64_t most;
    return take_bounds(words, &least, &most) && write_between(series, kind, least, most);
}

static bool read_fibonacci_sequence(struct request_words *words, struct number_series *series)
{
    return words_accept(words, "fibonacci sequence|fibonacci series|fibonacci") &&
           read_fibonacci_bounds(words, series);
}

/* "1 to 100", "from 1 to 100", "between 1 and 100" */
static bool read_range(struct request_words *words, struct number_series *series)
{
    uint64_t least;
    uint64_t most;
    return take_both_bounds(words, &least, &most) && write_between(series, KIND_PLAIN, least, most);
}

/* Takes back what was appended after the first `size` bytes. */
static void truncate_to(struct buffer *buffer, size_t size)
{
    buffer->size = size;
    buffer->data[size] = '\0';
}

/* One number of a list, with a sign that belongs to it and not to a difference. */
static bool read_item(struct request_words *words, struct number_series *series)
{
    size_t before = words->position;
    size_t size = series->expression.size;
    const struct request_word *sign = words_peek(words);
    bool whole = true;
    if (sign != NULL && words_accept(words, "-|+")) {
        const struct request_word *number = words_peek(words);
        bool after_bracket = before > 0 && words->words[before - 1].kind == WORD_SIGN;
        if (number == NULL || !number->glued || (sign->glued && !after_bracket) ||
            buffer_append(&series->expression, sign->text, *sign->text == '-' ? 1 : 0) != 0) {
            words->position = before;
            return false;
        }
    }
    if (!words_take_number(words, &series->expression, &whole)) {
        words->position = before;
        truncate_to(&series->expression, size);
        return false;
    }
    series->all_whole = series->all_whole && whole;
    series->literal_count++;
    return true;
}

static bool read_literal(struct request_words *words, struct number_series *series)
{
    (void)words_accept(words,
                       "all of the following|all of these|the following|following|these|this|"
                       "all the|all|the|my|a");
    (void)words_accept(words, "list of numbers|list of integers|numbers in the list|"
                              "values in the list|elements in the list|array of numbers|numbers|"
                              "number|integers|values|list|array|data|elements|sequence|set");
    (void)words_accept(words, ":");
    const char *close = words_accept(words, "[")   ? "]"
                        : words_accept(words, "(") ? ")"
                        : words_accept(words, "{") ? "}"
                                                   : NULL;
    struct buffer *expression = &series->expression;
    series->is_list = true;
    series->is_literal = true;
    series->all_whole = true;
    if (buffer_append_text(expression, "[") != 0 || !read_item(words, series))
        return false;
    for (;;) {
        size_t before = words->position;
        size_t size = expression->size;
        (void)words_accept(words, ", and|,|and|&|;");
        if (buffer_append_text(expression, ", ") != 0)
            return false;
        if (!read_item(words, series)) {
            words->position = before;
            truncate_to(expression, size);
            break;
        }
    }
    if (close != NULL && !words_accept(words, close))
        return false;
    return buffer_append_text(expression, "]") == 0;
}

typedef bool series_form(struct request_words *words, struct number_series *series);

static bool try_form(series_form *form, struct request_words *words, struct number_series *series)
{
    size_t before = words->position;
    if (form(words, series))
        return true;
    words->position = before;
    number_series_free(series);
    return false;
}

bool number_series_read(struct request_words *words, struct number_series *series)
{
    static series_form *const rules[] = {read_first, read_counted, read_kind_between,
                                         read_fibonacci_sequence, read_range};
    *series = (struct number_series){.all_whole = true};
    size_t before = words->position;
    (void)words_accept(words, "all of the|all the|all|the|a|every");
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (try_form(rules[i], words, series)) {
            series->all_whole = true;
            (void)words_accept(words, "inclusive|( inclusive )");
            return true;
        }
    }
    words->position = before;
    return try_form(read_literal, words, series);
}

void number_series_free(struct number_series *series)
{
    buffer_free(&series->definitions);
    buffer_free(&series->expression);
    *series = (struct number_series){0};
}
