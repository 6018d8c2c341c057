/* libFuzzer target: any bytes as a configuration file ('y' first), as .env ('e' first) or as one
 * value of the environment. Whatever is refused must say where.
 *
 *     build-fuzz/tests/fuzz/fuzz_config_sources -max_total_time=600 CORPUS
 * tests/fuzz/corpus/config_sources
 */
#include "base/buffer.h"
#include "base/config_dotenv.h"
#include "base/config_yaml.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_value(const struct yaml_value *value)
{
    require((value->shape == YAML_TEXT) == (value->text != NULL));
    require(value->shape == YAML_LIST || value->shape == YAML_MAP || value->item_count == 0);
    for (size_t i = 0; i < value->item_count; i++)
        require(value->shape == YAML_LIST || strchr(value->items[i], '=') > value->items[i]);
}

static int on_yaml_entry(void *argument, const char *key, struct yaml_value *value,
                         struct error *error)
{
    (void)argument;
    require(strchr(key, '.') != NULL && value->line > 0);
    check_value(value);
    /* Some are refused, and some taken out, as the configuration does. */
    if (strcmp(key, "a.refused") == 0)
        return error_set(error, ERROR_INVALID_REQUEST, "a.refused");
    free(value->text);
    value->text = NULL;
    return 0;
}

static int on_dotenv_entry(void *argument, const char *name, const char *value, size_t line,
                           struct error *error)
{
    (void)argument;
    (void)error;
    require(name[0] != '\0' && strpbrk(name, "= \t\"'#") == NULL && line > 0);
    require(text_valid_utf8(value, strlen(value)) == strlen(value));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct error error = ERROR_NONE;
    const char *bytes = (const char *)data + 1;
    int result;
    if (data[0] == 'y') {
        result = config_yaml_read(bytes, size - 1, "FILE", on_yaml_entry, NULL, &error);
        require(result == 0 || strncmp(error.message, "FILE:", 5) == 0);
    } else if (data[0] == 'e') {
        result = config_dotenv_read(bytes, size - 1, "FILE", on_dotenv_entry, NULL, &error);
        require(result == 0 || strncmp(error.message, "FILE:", 5) == 0);
    } else {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        struct yaml_value value;
        (void)buffer_append(&text, data, size);
        result = config_yaml_value(text.data, &value, &error);
        if (result == 0)
            check_value(&value);
        yaml_value_free(&value);
    }
    require((result == 0) == (error.kind == ERROR_OK));
    return 0;
}
