/* JSON text to jansson's values and back, strictly.
 *
 * What RFC 8259 does not allow is refused, and so is what it leaves open and readers differ about:
 * duplicate names, numbers that do not fit, invalid UTF-8, lone surrogates, a byte order mark, more
 * than one value, nesting deeper than jansson's limit (2048). The text must be an object or an
 * array.
 */
#ifndef SHANNON_BASE_JSON_TEXT_H
#define SHANNON_BASE_JSON_TEXT_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What is wrong with an input, and in which field of it. */
struct json_fault {
    struct error error; /* ERROR_INVALID_REQUEST, or ERROR_INTERNAL when memory is short */
    char field[64];     /* name of the top-level field; "body" when the fault is in none of them */
    bool too_large;     /* a size limit was exceeded: HTTP 413 rather than 400 */
};

#define JSON_FAULT_NONE ((struct json_fault){.error = {.kind = ERROR_OK}})

/* Parses `size` bytes. Strings may hold NUL (\u0000); names may not. A new reference, or NULL with
 * `fault` filled (its message gives line and column). */
json_t *json_text_parse(const char *bytes, size_t size, struct json_fault *fault);

/* Appends `value` as compact JSON text. 0, or -1 when memory is short or a string is not UTF-8,
 * with a part of it appended. */
int json_text_append(const json_t *value, struct buffer *buffer);

/* A JSON string of bytes that somebody else wrote: what is not UTF-8 becomes U+FFFD. A new
 * reference, or NULL when memory is short. */
json_t *json_text_from_bytes(const char *bytes, size_t size);

/* Sets `fault` unless it is set already; the kind is ERROR_INVALID_REQUEST. Returns -1. */
int json_fault_set(struct json_fault *fault, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
