/* JSON text to jansson's values and back. Invariant: a message never quotes the input. */
#include "base/json_text.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int json_fault_set(struct json_fault *fault, const char *field, const char *format, ...)
{
    if (fault->error.kind != ERROR_OK)
        return -1;
    char message[sizeof(fault->error.message)];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    error_set(&fault->error, ERROR_INVALID_REQUEST, "%s", message);
    /* Cut at a character's boundary: the name goes into JSON again. */
    size_t size = strnlen(field, sizeof(fault->field) - 1);
    size = text_valid_utf8(field, size);
    memcpy(fault->field, field, size);
    fault->field[size] = '\0';
    return -1;
}

/* Where the scan of a top-level object stands. */
struct scan {
    size_t depth;
    bool expects_name; /* at depth 1: the next string is a name */
    const char *name;  /* of the field that is open; NULL when none */
    size_t name_size;
};

/* The end of the string that begins at bytes[at] (its closing quote), or `size`. */
static size_t string_end(const char *bytes, size_t at, size_t size)
{
    for (at++; at < size && bytes[at] != '"'; at++) {
        if (bytes[at] == '\\')
            at++;
    }
    return at < size ? at : size;
}

static void scan_mark(struct scan *scan, char c)
{
    if (c == '{' || c == '[') {
        scan->depth++;
        scan->expects_name = scan->depth == 1 && c == '{';
    } else if ((c == '}' || c == ']') && scan->depth > 0) {
        if (--scan->depth == 0)
            scan->name = NULL;
    } else if (c == ',' && scan->depth == 1) {
        scan->expects_name = true;
        scan->name = NULL;
    }
}

/* The name of the top-level field that the byte at `position` belongs to, into `field`; "body" when
 * there is none that can be told. */
static void field_at(const char *bytes, size_t position, char *field, size_t field_size)
{
    struct scan scan = {0};
    for (size_t at = 0; at < position; at++) {
        if (bytes[at] != '"') {
            scan_mark(&scan, bytes[at]);
            continue;
        }
        size_t end = string_end(bytes, at, position);
        if (scan.depth == 1 && scan.expects_name) {
            scan.name = bytes + at + 1;
            scan.name_size = end - at - 1;
            scan.expects_name = false;
        }
        at = end;
    }
    (void)snprintf(field, field_size, "body");
    if (scan.name != NULL && scan.name_size > 0 && scan.name_size < field_size) {
        char name[64];
        if (scan.name_size >= sizeof(name))
            return;
        memcpy(name, scan.name, scan.name_size);
        name[scan.name_size] = '\0';
        if (text_is_identifier(name, sizeof(name)))
            (void)snprintf(field, field_size, "%s", name);
    }
}

static const char *describe(enum json_error_code code)
{
    switch (code) {
    case json_error_invalid_utf8:
        return "invalid UTF-8";
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "there is more after the value";
    case json_error_duplicate_key:
        return "the same name twice in one object";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character in a name";
    case json_error_numeric_overflow:
        return "a number that does not fit";
    case json_error_stack_overflow:
        return "nested too deeply";
    default:
        return "invalid JSON";
    }
}

json_t *json_text_parse(const char *bytes, size_t size, struct json_fault *fault)
{
    if (size == 0) {
        json_fault_set(fault, "body", "the body is empty: a JSON object is expected");
        return NULL;
    }
    json_error_t error;
    json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (value != NULL)
        return value;
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_out_of_memory) {
        error_set(&fault->error, ERROR_INTERNAL, "out of memory while reading JSON");
        return NULL;
    }
    size_t position = error.position < 0 ? 0 : (size_t)error.position;
    char field[sizeof(fault->field)];
    field_at(bytes, position < size ? position : size, field, sizeof(field));
    json_fault_set(fault, field, "%s at line %d, column %d", describe(code), error.line,
                   error.column);
    return NULL;
}

/* ---- to text ----
 *
 * Not by jansson where strings are: it formats each escape with printf(3), and megabytes of control
 * characters, which a program may print, would keep everybody waiting for a quarter of a second. */

/* RFC 8259, section 7: how a character below U+0020 is written behind the backslash. */
static size_t write_escape(char *at, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char one = c < sizeof(shorts) ? shorts[c] : (char)c;
    at[0] = '\\';
    at[1] = one != 0 ? one : 'u';
    if (one != 0)
        return 2;
    at[2] = at[3] = '0';
    at[4] = digits[c >> 4];
    at[5] = digits[c & 15];
    return 6;
}

static int append_string(const char *bytes, size_t size, struct buffer *buffer)
{
    static const size_t escape_size = 6;
    size_t at = 0;
    if (text_valid_utf8(bytes, size) != size)
        return -1;
    int result = buffer_append(buffer, "\"", 1);
    while (at < size && result == 0) {
        /* A piece at a time, so that room is made for what is there and not for six times that. */
        size_t end = size - at < 4096 ? size : at + 4096;
        if (buffer_reserve(buffer, (end - at) * escape_size) != 0)
            return -1;
        char *out = buffer->data + buffer->size;
        for (; at < end; at++) {
            unsigned char c = (unsigned char)bytes[at];
            if (c < 0x20 || c == '"' || c == '\\')
                out += write_escape(out, c);
            else
                *out++ = (char)c;
        }
        buffer->size = (size_t)(out - buffer->data);
        *out = '\0';
    }
    return result | buffer_append(buffer, "\"", 1);
}

static int append_dump(const char *bytes, size_t size, void *buffer)
{
    return buffer_append(buffer, bytes, size);
}

static int append_object(const json_t *object, struct buffer *buffer)
{
    const char *name;
    json_t *value;
    const char *before = "{";
    int result = 0;
    json_object_foreach((json_t *)object, name, value)
    {
        result |= buffer_append(buffer, before, 1);
        result |= append_string(name, strlen(name), buffer);
        result |= buffer_append(buffer, ":", 1);
        result |= json_text_append(value, buffer);
        before = ",";
    }
    return result | buffer_append_text(buffer, *before == '{' ? "{}" : "}");
}

static int append_array(const json_t *array, struct buffer *buffer)
{
    int result = buffer_append(buffer, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        result |= i == 0 ? 0 : buffer_append(buffer, ",", 1);
        result |= json_text_append(json_array_get(array, i), buffer);
    }
    return result | buffer_append(buffer, "]", 1);
}

int json_text_append(const json_t *value, struct buffer *buffer)
{
    if (value == NULL)
        return -1;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return append_object(value, buffer);
    case JSON_ARRAY:
        return append_array(value, buffer);
    case JSON_STRING:
        return append_string(json_string_value(value), json_string_length(value), buffer);
    default:
        return json_dump_callback(value, append_dump, buffer, JSON_COMPACT | JSON_ENCODE_ANY);
    }
}

json_t *json_text_from_bytes(const char *bytes, size_t size)
{
    if (text_valid_utf8(bytes, size) == size)
        return json_stringn_nocheck(bytes, size);
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    if (text_append_utf8(&text, bytes, size) != 0)
        return NULL;
    return json_stringn_nocheck(text.data, text.size);
}
