/* Records of sessions. Invariant: a record that was read has a valid id. */
#include "agent_core/session_record.h"

#include <stdio.h>
#include <string.h>

bool session_id_is_valid(const char *id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.-";
    size_t size = strlen(id);
    return size >= 1 && size <= SESSION_ID_MAXIMUM && strspn(id, allowed) == size;
}

static json_t *hexadecimal(const uint8_t *bytes, size_t size)
{
    char text[2 * INTERPRETER_DIGEST_SIZE + 1] = "";
    for (size_t i = 0; i < size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
}

static int from_hexadecimal(const json_t *value, uint8_t *bytes, size_t size)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != 2 * size || strspn(text, "0123456789abcdef") != 2 * size)
        return -1;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        (void)sscanf(text + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    return 0;
}

json_t *session_record_to_json(const struct session_record *record)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:b}", "session_id", record->id,
                     "interpreter", record->interpreter, "interpreter_sha256",
                     hexadecimal(record->digest, sizeof(record->digest)), "image",
                     hexadecimal(record->image, sizeof(record->image)), "created_ms",
                     (json_int_t)record->created_ms, "used_ms", (json_int_t)record->used_ms, "runs",
                     (json_int_t)record->runs, "size", (json_int_t)record->size, "duplicate",
                     (int)record->duplicate);
}

static int take_text(const json_t *object, const char *name, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, name));
    if (value == NULL || strlen(value) >= size)
        return -1;
    (void)strcpy(text, value);
    return 0;
}

int session_record_from_json(struct session_record *record, const json_t *object)
{
    const json_t *created = json_object_get(object, "created_ms");
    const json_t *used = json_object_get(object, "used_ms");
    const json_t *runs = json_object_get(object, "runs");
    const json_t *size = json_object_get(object, "size");
    *record = (struct session_record){0};
    if (take_text(object, "session_id", record->id, sizeof(record->id)) != 0 ||
        !session_id_is_valid(record->id) ||
        take_text(object, "interpreter", record->interpreter, sizeof(record->interpreter)) != 0 ||
        from_hexadecimal(json_object_get(object, "interpreter_sha256"), record->digest,
                         sizeof(record->digest)) != 0 ||
        from_hexadecimal(json_object_get(object, "image"), record->image, sizeof(record->image)) !=
            0 ||
        !json_is_integer(created) || !json_is_integer(used) || !json_is_integer(runs) ||
        !json_is_integer(size) || json_integer_value(created) < 0 || json_integer_value(used) < 0 ||
        json_integer_value(runs) < 0 || json_integer_value(size) < 0)
        return -1;
    record->created_ms = json_integer_value(created);
    record->used_ms = json_integer_value(used);
    record->runs = (uint64_t)json_integer_value(runs);
    record->size = (uint64_t)json_integer_value(size);
    record->duplicate = json_is_true(json_object_get(object, "duplicate"));
    return 0;
}
