/* libFuzzer target: any bytes as the JSON body of a request. Faults must be UTF-8 text again, and
 * what is accepted must come back the same from its own text.
 *
 *     build-fuzz/tests/fuzz/fuzz_json_request -max_total_time=600 CORPUS
 * tests/fuzz/corpus/json_request
 */
#include "base/json_fields.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_fault(const struct json_fault *fault)
{
    size_t size = strnlen(fault->field, sizeof(fault->field));
    require(fault->error.kind == ERROR_INVALID_REQUEST);
    require(size < sizeof(fault->field) && text_valid_utf8(fault->field, size) == size);
    size = strlen(fault->error.message);
    require(size > 0 && text_valid_utf8(fault->error.message, size) == size);
}

static void check_same_again(const json_t *value)
{
    struct json_fault fault = JSON_FAULT_NONE;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    require(json_text_append(value, &text) == 0);
    json_t *again = json_text_parse(text.data, text.size, &fault);
    require(again != NULL && json_equal(value, again));
    json_decref(again);
}

static void check_fields(const json_t *value)
{
    struct json_field_text code = {0};
    struct json_field_text input = {0};
    int64_t limit = 5;
    bool flag = false;
    const json_t *list = NULL;
    const json_t *map = NULL;
    const struct json_field fields[] = {
        {"code", JSON_FIELD_TEXT, .required = true, .minimum = 1, .maximum = 100, .text = &code},
        {"stdin", JSON_FIELD_BYTES, .text = &input},
        {"limit", JSON_FIELD_INTEGER, .minimum = 1, .maximum = 10, .integer = &limit},
        {"flag", JSON_FIELD_BOOLEAN, .boolean = &flag},
        {"argv", JSON_FIELD_TEXT_LIST, .maximum = 3, .value = &list},
        {"env", JSON_FIELD_TEXT_MAP, .maximum = 3, .value = &map},
        {.name = "later", .type = JSON_FIELD_UNSUPPORTED},
    };
    struct json_fault fault = JSON_FAULT_NONE;
    if (json_fields_read(value, fields, sizeof(fields) / sizeof(*fields), &fault) != 0) {
        check_fault(&fault);
        return;
    }
    require(code.size >= 1 && code.size <= 100 && strlen(code.bytes) == code.size);
    require(limit >= 1 && limit <= 10);
    require(list == NULL || json_array_size(list) <= 3);
    require(map == NULL || json_object_size(map) <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *value = json_text_parse((const char *)data, size, &fault);
    if (value == NULL) {
        check_fault(&fault);
        return 0;
    }
    check_same_again(value);
    check_fields(value);
    json_decref(value);
    return 0;
}
