/* `shannon config show`: every setting, its value, and where it came from. */
#include "base/config.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *setting_json(const struct buffer *value, const struct buffer *origin,
                            const char *description)
{
    json_t *setting = json_object();
    json_object_set_new(setting, "value", json_text_from_bytes(buffer_text(value), value->size));
    json_object_set_new(setting, "origin", json_text_from_bytes(buffer_text(origin), origin->size));
    json_object_set_new(setting, "description", json_string(description));
    return setting;
}

static int show(const struct config *config, json_t *settings, struct error *error)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = config_key_info((enum config_key)key);
        BUFFER_LOCAL struct buffer value = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer origin = BUFFER_EMPTY;
        if (config_describe(config, (enum config_key)key, &value) != 0 ||
            config_describe_origin(config, (enum config_key)key, &origin) != 0)
            return error_set(error, ERROR_INTERNAL, "out of memory");
        if (settings != NULL)
            json_object_set_new(settings, info->name,
                                setting_json(&value, &origin, info->description));
        else
            (void)printf("%s: %s\n    %s (%s)\n", info->name, buffer_text(&value),
                         info->description, buffer_text(&origin));
    }
    return 0;
}

static void print_json(json_t *settings)
{
    char *text = json_dumps(settings, 0);
    if (text != NULL)
        (void)puts(text);
    free(text);
}

int command_config(int argc, char **argv)
{
    bool json = false;
    const char *file = NULL;
    const struct option rows[] = {
        {"--json", OPTION_FLAG, &json, NULL, "print one JSON object"},
        {"--config", OPTION_TEXT, &file, "FILE",
         "configuration file (default: config/shannon.yaml)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "config", "show [OPTION...]",
        "Shows every setting with its value, what it is for, and where the value came from: a\n"
        "file and its line, the environment, or the default. Secrets are shown as ***.",
        rows, NULL};
    struct error error = ERROR_NONE;
    const char *words[1] = {""};
    size_t count;
    int status = options_parse_words(&table, argc, argv, words, 1, &count, &error);
    if (status == 1)
        return 0;
    if (status == 0 && strcmp(words[0], "show") != 0)
        status = error_set(&error, ERROR_INVALID_REQUEST, "the only action is show");
    struct config *config = status == 0 ? config_load(file, &error) : NULL;
    json_t *settings = json ? json_object() : NULL;
    if (config == NULL || show(config, settings, &error) != 0)
        status = -1;
    else if (json)
        print_json(settings);
    json_decref(settings);
    config_free(config);
    return status != 0 ? options_fail("config", &error) : 0;
}
