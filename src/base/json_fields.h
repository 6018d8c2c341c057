/* Reads the fields of a JSON object by a table: names, types, ranges. What the table does not name
 * is refused, so that a misspelt limit is an error and not a limit that does not hold.
 *
 *     struct json_field_text code = {0};
 *     int64_t timeout_ms = 30000;
 *     const struct json_field fields[] = {
 *         {"code", JSON_FIELD_TEXT, .required = true, .minimum = 1, .maximum = 1 << 20, .text =
 * &code},
 *         {"timeout_ms", JSON_FIELD_INTEGER, .minimum = 1, .maximum = 300000, .integer =
 * &timeout_ms},
 *     };
 *     if (json_fields_read(object, fields, 2, &fault) != 0) ...
 *
 * Results keep their initial value when the field is missing. `null` counts as missing.
 */
#ifndef SHANNON_BASE_JSON_FIELDS_H
#define SHANNON_BASE_JSON_FIELDS_H

#include "base/json_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_field_type {
    JSON_FIELD_TEXT,        /* a string without NUL -> `text` */
    JSON_FIELD_BYTES,       /* a string, NUL allowed -> `text` */
    JSON_FIELD_INTEGER,     /* a whole number (1e3 and 1.0 are not) -> `integer` */
    JSON_FIELD_BOOLEAN,     /* -> `boolean` */
    JSON_FIELD_TEXT_LIST,   /* an array of strings without NUL -> `value` */
    JSON_FIELD_TEXT_MAP,    /* an object of strings without NUL; names are not empty, without '=' ->
                             * `value` */
    JSON_FIELD_OBJECT,      /* any object -> `value` */
    JSON_FIELD_ANY,         /* anything but null -> `value` */
    JSON_FIELD_UNSUPPORTED, /* known, but refused: "not supported by this version" */
};

/* Borrowed from the object that was read. */
struct json_field_text {
    const char *bytes; /* NULL while missing; otherwise NUL-terminated UTF-8 */
    size_t size;
};

struct json_field {
    const char *name;
    enum json_field_type type;
    bool required;
    /* Of an integer: the value. Of a text: bytes. Of a list or a map: the number of items. Both
     * inclusive; `maximum` 0 means no upper limit, except for an integer. */
    int64_t minimum;
    int64_t maximum;
    union {
        struct json_field_text *text;
        int64_t *integer;
        bool *boolean;
        const json_t **value; /* borrowed */
    };
};

/* 0, or -1 with `fault` filled: the value is no object, a field is unknown, missing, of the wrong
 * type or out of range. A text above its maximum sets `fault->too_large`. */
int json_fields_read(const json_t *object, const struct json_field *fields, size_t count,
                     struct json_fault *fault);

#endif
