/* Loads whose value is dropped, in wasm2c's text. Invariant: when in doubt a load counts as one. */
#include "engine/dropped_load.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Between a load and what takes its value stand the other operands. More lines are doubt, so that
 * no module makes this take time that is the square of its size. */
#define LINES_MAX 64

/* Part of the text; does not end with a NUL. */
struct span {
    const char *text;
    size_t size;
};

/* A variable that wasm2c named after a stack slot. */
struct slot_variable {
    struct span name; /* empty: none */
    unsigned slot;
};

enum fate {
    FATE_OPEN, /* still on the stack, for all that this line says */
    FATE_TAKEN,
    FATE_DROPPED, /* or nobody knows */
};

static bool starts_with(struct span span, const char *prefix)
{
    size_t size = strlen(prefix);
    return span.size >= size && memcmp(span.text, prefix, size) == 0;
}

static struct span without(struct span span, size_t count)
{
    return (struct span){span.text + count, span.size - count};
}

/* The line at `text`, without its indentation and its newline; `next` is behind it. */
static struct span read_line(const char *text, const char *end, const char **next)
{
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = newline == NULL ? end : newline;
    *next = newline == NULL ? end : newline + 1;
    while (text < line_end && *text == ' ')
        text++;
    return (struct span){text, (size_t)(line_end - text)};
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t name_size(struct span span)
{
    size_t size = 0;
    while (size < span.size && is_name_character(span.text[size]))
        size++;
    return size;
}

static bool mentions(struct span span, struct span name)
{
    while (span.size >= name.size) {
        const char *found = memmem(span.text, span.size, name.text, name.size);
        if (found == NULL)
            return false;
        span = without(span, (size_t)(found - span.text) + name.size);
        if (span.size == 0 || !is_name_character(*span.text))
            return true;
    }
    return false;
}

/* Reads "w2c_X = VALUE" where X is a letter of a type and a slot's number, perhaps with a suffix
 * that tells it from another name ("w2c_f1_0"). `value` is the rest of the line. */
static struct slot_variable read_assignment(struct span line, struct span *value)
{
    struct slot_variable variable = {{line.text, name_size(line)}, 0};
    if (!starts_with(line, "w2c_") || variable.name.size < 6 ||
        memchr("ijfdre", line.text[4], 6) == NULL ||
        !starts_with(without(line, variable.name.size), " = "))
        return (struct slot_variable){0};
    size_t digits = 0;
    for (size_t i = 5; line.text[i] >= '0' && line.text[i] <= '9' && digits < 9; i++, digits++)
        variable.slot = variable.slot * 10 + (unsigned)(line.text[i] - '0');
    *value = without(line, variable.name.size + 3);
    return digits == 0 ? (struct slot_variable){0} : variable;
}

/* "i32_load8_u(...": how long the name is, or 0. A function may be called "w2c__load", after an
 * export. */
static size_t load_name_size(struct span value)
{
    bool load =
        value.size > 8 && (value.text[0] == 'i' || value.text[0] == 'f') &&
        (starts_with(without(value, 1), "32_load") || starts_with(without(value, 1), "64_load"));
    return load ? name_size(value) : 0;
}

/* Whether control may leave or reach this line other than from one line to the next. */
static bool is_jump(struct span line)
{
    size_t name = name_size(line);
    return (name > 0 && name < line.size && line.text[name] == ':') ||
           memmem(line.text, line.size, "goto ", 5) != NULL || starts_with(line, "}") ||
           starts_with(line, "return") || starts_with(line, "UNREACHABLE");
}

static enum fate look_at(struct span line, const struct slot_variable *loaded)
{
    struct span value;
    if (starts_with(line, "if (") || starts_with(line, "switch (")) {
        const char *end = memchr(line.text, '{', line.size);
        struct span condition = {line.text, end == NULL ? 0 : (size_t)(end - line.text)};
        return mentions(condition, loaded->name) ? FATE_TAKEN : FATE_DROPPED;
    }
    if (starts_with(line, "return ") && mentions(line, loaded->name))
        return FATE_TAKEN;
    if (is_jump(line))
        return FATE_DROPPED;
    struct slot_variable assigned = read_assignment(line, &value);
    if (assigned.name.size == 0)
        return mentions(line, loaded->name) ? FATE_TAKEN : FATE_OPEN;
    if (mentions(value, loaded->name))
        return FATE_TAKEN;
    return assigned.slot <= loaded->slot ? FATE_DROPPED : FATE_OPEN;
}

static bool is_dropped(const struct slot_variable *loaded, const char *rest, const char *end)
{
    for (unsigned i = 0; i < LINES_MAX && rest < end; i++) {
        enum fate fate = look_at(read_line(rest, end, &rest), loaded);
        if (fate != FATE_OPEN)
            return fate == FATE_DROPPED;
    }
    return true;
}

int dropped_load_append(const struct buffer *function, struct buffer *target)
{
    const char *copied = function->data;
    const char *end = function->data + function->size;
    for (const char *next = copied; next < end;) {
        struct span value;
        struct slot_variable variable = read_assignment(read_line(next, end, &next), &value);
        size_t size = variable.name.size == 0 ? 0 : load_name_size(value);
        if (size == 0 || !is_dropped(&variable, next, end))
            continue;
        const char *name_end = value.text + size;
        if (buffer_append(target, copied, (size_t)(name_end - copied)) != 0 ||
            buffer_append_text(target, "_kept") != 0)
            return -1;
        copied = name_end;
    }
    return buffer_append(target, copied, (size_t)(end - copied));
}
