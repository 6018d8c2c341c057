/* Reads a .env file, line by line. Invariant: no message holds any part of a value. */
#include "base/config_dotenv.h"

#include "base/buffer.h"
#include "base/config_yaml.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/* What is left of the current line. */
struct rest {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct rest *rest)
{
    while (rest->at < rest->end && is_blank(*rest->at))
        rest->at++;
}

static bool is_name_character(char c, bool first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!first && c >= '0' && c <= '9');
}

/* NULL, or what is wrong. */
static const char *read_name(struct rest *rest, struct buffer *name)
{
    const char *begin = rest->at;
    while (rest->at < rest->end && is_name_character(*rest->at, rest->at == begin))
        rest->at++;
    if (rest->at == begin)
        return "expected NAME=VALUE";
    return buffer_append(name, begin, (size_t)(rest->at - begin)) == 0 ? NULL : "out of memory";
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '$':
        return c;
    default:
        return '\0';
    }
}

/* Reads a value in quotes, up to the end of the line. NULL, or what is wrong. */
static const char *read_quoted(struct rest *rest, struct buffer *value)
{
    char quote = *rest->at++;
    for (; rest->at < rest->end && *rest->at != quote; rest->at++) {
        char c = *rest->at;
        if (quote == '"' && c == '\\') {
            rest->at++;
            c = rest->at < rest->end ? unescape(*rest->at) : '\0';
            if (c == '\0')
                return "unknown escape in a quoted value: use single quotes for a literal text";
        }
        if (buffer_append(value, &c, 1) != 0)
            return "out of memory";
    }
    if (rest->at == rest->end)
        return "the closing quote is missing";
    rest->at++;
    skip_blanks(rest);
    if (rest->at < rest->end && *rest->at != '#')
        return "text after the closing quote";
    return NULL;
}

static const char *read_unquoted(struct rest *rest, struct buffer *value)
{
    const char *end = rest->at;
    for (const char *p = rest->at; p < rest->end; p++) {
        if (*p == '#' && (p == rest->at || is_blank(p[-1])))
            break;
        if (!is_blank(*p))
            end = p + 1;
    }
    return buffer_append(value, rest->at, (size_t)(end - rest->at)) == 0 ? NULL : "out of memory";
}

/* Reads one line that is not blank. NULL, or what is wrong. */
static const char *read_line(struct rest *rest, struct buffer *name, struct buffer *value)
{
    static const char export[] = "export";
    size_t length = sizeof(export) - 1;
    if ((size_t)(rest->end - rest->at) > length && memcmp(rest->at, export, length) == 0 &&
        is_blank(rest->at[length])) {
        rest->at += length;
        skip_blanks(rest);
    }
    const char *wrong = read_name(rest, name);
    if (wrong != NULL)
        return wrong;
    skip_blanks(rest);
    if (rest->at == rest->end || *rest->at != '=')
        return "expected NAME=VALUE";
    rest->at++;
    skip_blanks(rest);
    /* An empty value must still be a text. */
    if (buffer_append(value, "", 0) != 0)
        return "out of memory";
    if (rest->at < rest->end && (*rest->at == '"' || *rest->at == '\''))
        return read_quoted(rest, value);
    return read_unquoted(rest, value);
}

int config_dotenv_read(const char *bytes, size_t size, const char *file, config_dotenv_entry *entry,
                       void *argument, struct error *error)
{
    if (size > CONFIG_SOURCE_MAXIMUM)
        return error_set(error, ERROR_INVALID_REQUEST, "%s: larger than %zu bytes", file,
                         CONFIG_SOURCE_MAXIMUM);
    static const char mark[] = "\xef\xbb\xbf";
    const char *end = bytes + size;
    const char *at = size >= 3 && memcmp(bytes, mark, 3) == 0 ? bytes + 3 : bytes;
    BUFFER_LOCAL struct buffer name = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer value = BUFFER_EMPTY;
    for (size_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct rest rest = {.at = at, .end = newline == NULL ? end : newline};
        at = newline == NULL ? end : newline + 1;
        if (rest.end > rest.at && rest.end[-1] == '\r')
            rest.end--;
        size_t length = (size_t)(rest.end - rest.at);
        if (text_valid_utf8(rest.at, length) != length || memchr(rest.at, '\0', length) != NULL)
            return error_set(error, ERROR_INVALID_REQUEST, "%s:%zu: not UTF-8 text", file, line);
        skip_blanks(&rest);
        if (rest.at == rest.end || *rest.at == '#')
            continue;
        buffer_clear(&name);
        buffer_clear(&value);
        const char *wrong = read_line(&rest, &name, &value);
        if (wrong != NULL)
            return error_set(error, ERROR_INVALID_REQUEST, "%s:%zu: %s", file, line, wrong);
        if (entry(argument, name.data, value.data, line, error) != 0)
            return error_prefix(error, "%s:%zu", file, line);
    }
    return 0;
}
