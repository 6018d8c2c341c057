/* Arithmetic in signs or words, as Python. Invariant: only numbers, parentheses, Python's
 * arithmetic signs and calls of two functions of the module math are ever appended. */
#include "llm_service/arithmetic_expression.h"

#include <string.h>

#define LARGE_NUMBER_DIGITS 4

struct reader {
    struct request_words *words;
    struct buffer *python;
    size_t operations;
    size_t powers;
    size_t factorials;
    size_t depth;
    bool needs_math;
    bool has_large_number;
    bool out_of_memory;
};

static bool read_sum(struct reader *reader);
static bool read_factor(struct reader *reader);
static bool read_atom(struct reader *reader);

static void append(struct reader *reader, const char *text)
{
    if (buffer_append_text(reader->python, text) != 0)
        reader->out_of_memory = true;
}

/* Puts `text` before what was appended since the buffer held `from` bytes. */
static void insert(struct reader *reader, size_t from, const char *text)
{
    size_t tail = reader->python->size - from;
    size_t size = strlen(text);
    append(reader, text);
    if (reader->out_of_memory)
        return;
    memmove(reader->python->data + from + size, reader->python->data + from, tail);
    memcpy(reader->python->data + from, text, size);
}

static bool read_parentheses(struct reader *reader)
{
    append(reader, "(");
    if (!read_sum(reader) || !words_accept(reader->words, ")"))
        return false;
    append(reader, ")");
    return true;
}

static bool read_square_root(struct reader *reader)
{
    reader->operations++;
    reader->needs_math = true;
    append(reader, "math.sqrt");
    if (words_accept(reader->words, "("))
        return read_parentheses(reader);
    append(reader, "(");
    bool read = read_atom(reader);
    append(reader, ")");
    return read;
}

/* "15% of 200". Its parentheses are needed as soon as something stands before it. */
static bool read_percentage(struct reader *reader, size_t from)
{
    reader->operations++;
    if (from > 0)
        insert(reader, from, "(");
    append(reader, " / 100 * ");
    if (!read_factor(reader))
        return false;
    if (from > 0)
        append(reader, ")");
    return true;
}

static bool read_number(struct reader *reader)
{
    size_t from = reader->python->size;
    if (!words_take_number(reader->words, reader->python, NULL))
        return false;
    if (reader->python->size - from >= LARGE_NUMBER_DIGITS)
        reader->has_large_number = true;
    if (words_accept(reader->words, "% of|percent of|per cent of"))
        return read_percentage(reader, from);
    return true;
}

static bool read_atom(struct reader *reader)
{
    if (reader->depth == ARITHMETIC_DEPTH_MAX)
        return false;
    reader->depth++;
    bool read;
    if (words_accept(reader->words, "("))
        read = read_parentheses(reader);
    else if (words_accept(reader->words, "the square root of|square root of|sqrt of|sqrt"))
        read = read_square_root(reader);
    else
        read = read_number(reader);
    reader->depth--;
    return read;
}

/* After "squared" no further power is read: Python would group it from the right. */
static bool read_power(struct reader *reader)
{
    size_t from = reader->python->size;
    if (!read_atom(reader))
        return false;
    while (words_accept(reader->words, "!")) {
        insert(reader, from, "math.factorial(");
        append(reader, ")");
        reader->needs_math = true;
        reader->operations++;
        reader->factorials++;
    }
    bool squared = words_accept(reader->words, "squared");
    if (squared || words_accept(reader->words, "cubed")) {
        append(reader, squared ? "**2" : "**3");
        reader->operations++;
        reader->powers++;
        return true;
    }
    if (words_accept(reader->words, "**|to the power of|raised to the power of|raised to")) {
        append(reader, "**");
        reader->operations++;
        reader->powers++;
        return read_factor(reader);
    }
    return true;
}

static bool read_factor(struct reader *reader)
{
    if (reader->depth == ARITHMETIC_DEPTH_MAX)
        return false;
    reader->depth++;
    bool read;
    if (words_accept(reader->words, "-|minus|negative")) {
        append(reader, "-");
        read = read_factor(reader);
    } else if (words_accept(reader->words, "+")) {
        append(reader, "+");
        read = read_factor(reader);
    } else {
        read = read_power(reader);
    }
    reader->depth--;
    return read;
}

struct operator_phrases {
    const char *phrases;
    const char *python;
};

static const char *accept_operator(struct reader *reader, const struct operator_phrases *operators,
                                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words_accept(reader->words, operators[i].phrases))
            return operators[i].python;
    }
    return NULL;
}

static bool read_product(struct reader *reader)
{
    static const struct operator_phrases operators[] = {
        {"*|x|times|multiplied by", " * "},
        {"//", " // "},
        {"/|divided by", " / "},
        {"%|mod|modulo", " % "},
    };
    if (!read_factor(reader))
        return false;
    const char *python;
    while ((python = accept_operator(reader, operators, 4)) != NULL) {
        append(reader, python);
        reader->operations++;
        if (!read_factor(reader))
            return false;
    }
    return true;
}

static bool read_sum(struct reader *reader)
{
    static const struct operator_phrases operators[] = {{"+|plus", " + "}, {"-|minus", " - "}};
    if (!read_product(reader))
        return false;
    const char *python;
    while ((python = accept_operator(reader, operators, 2)) != NULL) {
        append(reader, python);
        reader->operations++;
        if (!read_product(reader))
            return false;
    }
    return true;
}

bool arithmetic_expression_read(struct request_words *words,
                                struct arithmetic_expression *expression)
{
    *expression = (struct arithmetic_expression){.python = BUFFER_EMPTY};
    struct reader reader = {.words = words, .python = &expression->python};
    bool read = read_sum(&reader);
    expression->operations = reader.operations;
    expression->needs_math = reader.needs_math;
    expression->may_be_huge =
        reader.powers > 1 || (reader.powers + reader.factorials > 0 && reader.has_large_number);
    return read && !reader.out_of_memory;
}

void arithmetic_expression_free(struct arithmetic_expression *expression)
{
    buffer_free(&expression->python);
}
