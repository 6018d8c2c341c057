/* Reads the fields of a JSON object by a table. Invariant: a result is written only from a value
 * whose type and range were checked. */
#include "base/json_fields.h"

#include <inttypes.h>
#include <string.h>

static bool holds_nul(const json_t *text)
{
    return strlen(json_string_value(text)) != json_string_length(text);
}

static int read_text(const json_t *value, const struct json_field *field, struct json_fault *fault)
{
    if (!json_is_string(value))
        return json_fault_set(fault, field->name, "%s must be a text", field->name);
    size_t size = json_string_length(value);
    if (field->maximum > 0 && size > (uint64_t)field->maximum) {
        fault->too_large = true;
        return json_fault_set(fault, field->name,
                              "%s is %zu bytes long; at most %" PRId64 " are accepted", field->name,
                              size, field->maximum);
    }
    if ((int64_t)size < field->minimum)
        return json_fault_set(fault, field->name,
                              size == 0 ? "%s must not be empty" : "%s is too short", field->name);
    if (field->type == JSON_FIELD_TEXT && holds_nul(value))
        return json_fault_set(fault, field->name, "%s must not hold a NUL character", field->name);
    field->text->bytes = json_string_value(value);
    field->text->size = size;
    return 0;
}

static int read_integer(const json_t *value, const struct json_field *field,
                        struct json_fault *fault)
{
    if (!json_is_integer(value) || json_integer_value(value) < field->minimum ||
        json_integer_value(value) > field->maximum)
        return json_fault_set(fault, field->name,
                              "%s must be a whole number from %" PRId64 " to %" PRId64, field->name,
                              field->minimum, field->maximum);
    *field->integer = json_integer_value(value);
    return 0;
}

static int check_count(size_t count, const struct json_field *field, struct json_fault *fault)
{
    if ((int64_t)count < field->minimum || (field->maximum > 0 && (int64_t)count > field->maximum))
        return json_fault_set(fault, field->name, "%s must have %" PRId64 " to %" PRId64 " items",
                              field->name, field->minimum, field->maximum);
    return 0;
}

static int read_list(const json_t *value, const struct json_field *field, struct json_fault *fault)
{
    if (!json_is_array(value))
        return json_fault_set(fault, field->name, "%s must be a list of texts", field->name);
    if (check_count(json_array_size(value), field, fault) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item) || holds_nul(item))
            return json_fault_set(fault, field->name,
                                  "%s must be a list of texts without NUL; item %zu is not",
                                  field->name, i);
    }
    *field->value = value;
    return 0;
}

static int read_map(json_t *value, const struct json_field *field, struct json_fault *fault)
{
    if (!json_is_object(value))
        return json_fault_set(fault, field->name, "%s must be an object of texts", field->name);
    if (check_count(json_object_size(value), field, fault) != 0)
        return -1;
    const char *name;
    json_t *item;
    json_object_foreach(value, name, item)
    {
        if (name[0] == '\0' || strchr(name, '=') != NULL)
            return json_fault_set(fault, field->name, "a name in %s is empty or holds '='",
                                  field->name);
        if (!json_is_string(item) || holds_nul(item))
            return json_fault_set(fault, field->name, "each value in %s must be a text without NUL",
                                  field->name);
    }
    *field->value = value;
    return 0;
}

static int read_field(json_t *value, const struct json_field *field, struct json_fault *fault)
{
    switch (field->type) {
    case JSON_FIELD_TEXT:
    case JSON_FIELD_BYTES:
        return read_text(value, field, fault);
    case JSON_FIELD_INTEGER:
        return read_integer(value, field, fault);
    case JSON_FIELD_BOOLEAN:
        if (!json_is_boolean(value))
            return json_fault_set(fault, field->name, "%s must be true or false", field->name);
        *field->boolean = json_is_true(value);
        return 0;
    case JSON_FIELD_TEXT_LIST:
        return read_list(value, field, fault);
    case JSON_FIELD_TEXT_MAP:
        return read_map(value, field, fault);
    case JSON_FIELD_OBJECT:
        if (!json_is_object(value))
            return json_fault_set(fault, field->name, "%s must be an object", field->name);
        *field->value = value;
        return 0;
    case JSON_FIELD_ANY:
        *field->value = value;
        return 0;
    case JSON_FIELD_UNSUPPORTED:
        break;
    }
    return json_fault_set(fault, field->name, "%s is not supported by this version", field->name);
}

static const struct json_field *find(const struct json_field *fields, size_t count,
                                     const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static int fail_unknown(const char *name, const struct json_field *fields, size_t count,
                        struct json_fault *fault)
{
    BUFFER_LOCAL struct buffer known = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type != JSON_FIELD_UNSUPPORTED)
            (void)buffer_append_format(&known, "%s%s", known.size == 0 ? "" : ", ", fields[i].name);
    }
    return json_fault_set(fault, name, "unknown field; the fields are %s", buffer_text(&known));
}

int json_fields_read(const json_t *object, const struct json_field *fields, size_t count,
                     struct json_fault *fault)
{
    if (!json_is_object(object))
        return json_fault_set(fault, "body", "the body must be a JSON object");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (find(fields, count, name) == NULL)
            return fail_unknown(name, fields, count, fault);
    }
    for (size_t i = 0; i < count; i++) {
        value = json_object_get(object, fields[i].name);
        if (value == NULL || json_is_null(value)) {
            if (fields[i].required)
                return json_fault_set(fault, fields[i].name, "%s is required", fields[i].name);
        } else if (read_field(value, &fields[i], fault) != 0) {
            return -1;
        }
    }
    return 0;
}
