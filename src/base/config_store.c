/* The checks that every value passes before it is kept. Invariant: a value that fails a check
 * leaves the configuration as it was. */
#include "base/config_store.h"

#include "base/config_keys.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void config_free_text(char *text, bool secret)
{
    if (text != NULL && secret)
        explicit_bzero(text, strlen(text));
    free(text);
}

void config_setting_free(struct config_setting *setting, bool secret)
{
    free(setting->source);
    config_free_text(setting->text, secret);
    for (size_t i = 0; i < setting->item_count; i++)
        free(setting->items[i]);
    free(setting->items);
    *setting = (struct config_setting){0};
}

/* Whether a plain YAML text is a number, a truth value or the like (YAML 1.2.2, section 10.3.2):
 * given for a text it is a mistake more often than not. */
static bool is_other_type(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    char *end;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* Whether `text` is one of the words in `choices`, which are separated by '|'. */
static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *choice = choices;; choice++) {
        size_t size = strcspn(choice, "|");
        if (size == length && memcmp(choice, text, size) == 0)
            return true;
        choice += size;
        if (*choice == '\0')
            return false;
    }
}

static int take_number(const struct config_key_info *info, const struct yaml_value *value,
                       struct config_setting *setting, struct error *error)
{
    bool right = value->shape == YAML_TEXT && !value->quoted &&
                 units_parse_number(value->text, &setting->number) == 0 &&
                 setting->number >= info->minimum && setting->number <= info->maximum;
    if (right)
        return 0;
    const char *quote = value->shape == YAML_TEXT ? "\"" : "";
    const char *shown = value->shape == YAML_TEXT   ? value->text
                        : value->shape == YAML_LIST ? "a list"
                        : value->shape == YAML_MAP  ? "a map"
                                                    : "nothing";
    return error_set(error, ERROR_INVALID_REQUEST,
                     "%s: must be a whole number from %" PRIu64 " to %" PRIu64 ", not %s%.60s%s",
                     info->name, info->minimum, info->maximum, quote, shown, quote);
}

static int take_text(const struct config_key_row *row, struct yaml_value *value,
                     struct config_setting *setting, struct error *error)
{
    const struct config_key_info *info = &row->info;
    if (value->shape != YAML_TEXT || (!value->quoted && is_other_type(value->text)))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s: must be a text (in quotes when it looks like a number)", info->name);
    if (info->type == CONFIG_CHOICE && !is_choice(info->choices, value->text))
        return error_set(error, ERROR_INVALID_REQUEST, "%s: must be one of %s, not \"%.60s\"",
                         info->name, info->choices, value->text);
    const char *wrong = row->check == NULL ? NULL : row->check(value->text);
    if (wrong != NULL)
        return error_set(error, ERROR_INVALID_REQUEST, "%s: must %s", info->name, wrong);
    setting->text = value->text;
    value->text = NULL;
    return 0;
}

static int take_items(const struct config_key_row *row, struct yaml_value *value,
                      struct config_setting *setting, struct error *error)
{
    bool list = row->info.type == CONFIG_LIST;
    if (value->shape != YAML_NOTHING && value->shape != (list ? YAML_LIST : YAML_MAP))
        return error_set(error, ERROR_INVALID_REQUEST, "%s: must be %s", row->info.name,
                         list ? "a list, such as [/data]" : "a map, such as {NAME: value}");
    for (size_t i = 0; i < value->item_count && row->check != NULL; i++) {
        const char *wrong = row->check(value->items[i]);
        if (wrong != NULL)
            return error_set(error, ERROR_INVALID_REQUEST, "%s: \"%.100s\" must %s", row->info.name,
                             value->items[i], wrong);
    }
    setting->items = value->items;
    setting->item_count = value->item_count;
    value->items = NULL;
    value->item_count = 0;
    return 0;
}

int config_store(struct config *config, enum config_key key, enum config_origin origin,
                 const char *source, size_t line, struct yaml_value *value, struct error *error)
{
    const struct config_key_row *row = &config_keys[key];
    struct config_setting setting = {.origin = origin, .line = line};
    int result;
    if (row->info.type == CONFIG_NUMBER)
        result = take_number(&row->info, value, &setting, error);
    else if (row->info.type == CONFIG_LIST || row->info.type == CONFIG_MAP)
        result = take_items(row, value, &setting, error);
    else
        result = take_text(row, value, &setting, error);
    if (result == 0 && source != NULL && (setting.source = strdup(source)) == NULL)
        result = error_set(error, ERROR_INTERNAL, "%s: out of memory", row->info.name);
    if (result != 0) {
        config_setting_free(&setting, row->info.secret);
        return -1;
    }
    config_setting_free(&config->settings[key], row->info.secret);
    config->settings[key] = setting;
    return 0;
}

int config_store_text(struct config *config, enum config_key key, enum config_origin origin,
                      const char *source, size_t line, const char *text, struct error *error)
{
    const struct config_key_info *info = &config_keys[key].info;
    struct yaml_value value = {.shape = YAML_TEXT, .quoted = info->type != CONFIG_NUMBER};
    if (info->type == CONFIG_LIST || info->type == CONFIG_MAP) {
        if (config_yaml_value(text, &value, error) != 0)
            return error_prefix(error, "%s", info->name);
    } else if ((value.text = strdup(text)) == NULL) {
        return error_set(error, ERROR_INTERNAL, "%s: out of memory", info->name);
    }
    int result = config_store(config, key, origin, source, line, &value, error);
    if (info->secret && value.text != NULL)
        explicit_bzero(value.text, strlen(value.text));
    yaml_value_free(&value);
    return result;
}
