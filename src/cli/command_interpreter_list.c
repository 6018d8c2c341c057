/* `shannon interpreter list`: which interpreters there are. */
#include "cli/command_interpreter_actions.h"
#include "cli/interpreter_catalog.h"
#include "cli/options.h"
#include "engine/object_cache.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void print_text(const struct catalog_entry *entry, const char *digest, bool translated)
{
    (void)printf("%s%s\n  file        %s\n  size        %" PRIu64
                 " bytes\n  sha256      %s\n  translated  %s\n",
                 entry->name, entry->is_default ? " (default)" : "", entry->path, entry->size_bytes,
                 digest, translated ? "yes" : "no; its first run does it");
}

static json_t *entry_json(const struct catalog_entry *entry, const char *digest, bool translated)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(entry->name));
    json_object_set_new(object, "path", json_string(entry->path));
    json_object_set_new(object, "size_bytes", json_integer((json_int_t)entry->size_bytes));
    json_object_set_new(object, "sha256", json_string(digest));
    json_object_set_new(object, "translated", json_boolean(translated));
    json_object_set_new(object, "default", json_boolean(entry->is_default));
    return object;
}

static int print_catalog(const struct interpreter_catalog *catalog, bool json, struct error *error)
{
    json_t *list = json_array();
    int result = 0;
    for (size_t i = 0; i < catalog->count && result == 0; i++) {
        const struct catalog_entry *entry = &catalog->entries[i];
        char digest[FILE_DIGEST_SIZE];
        result = interpreter_catalog_digest(entry, digest, error);
        if (result != 0)
            break;
        bool translated = object_cache_has(entry->path);
        if (json)
            json_array_append_new(list, entry_json(entry, digest, translated));
        else
            print_text(entry, digest, translated);
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "interpreters", list);
    char *text = json && result == 0 ? json_dumps(answer, 0) : NULL;
    if (text != NULL)
        (void)puts(text);
    else if (result == 0 && catalog->count == 0)
        (void)puts("There is no interpreter yet. Run ./scripts/setup_python_wasi.sh or `make "
                   "interpreter`, or add one with shannon interpreter add NAME FILE.");
    free(text);
    json_decref(answer);
    return result;
}

int interpreter_action_list(int argc, char **argv)
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
        "interpreter list", "[OPTION...]",
        "Lists the interpreters in ./wasm-interpreters, /opt/wasm-interpreters and beside the\n"
        "program, and the file that PYTHON_WASI_WASM_PATH names.",
        rows, NULL};
    struct error error = ERROR_NONE;
    struct interpreter_catalog catalog = {0};
    size_t count;
    int status = options_parse_words(&table, argc, argv, NULL, 0, &count, &error);
    if (status == 1)
        return 0;
    struct config *config = status == 0 ? config_load(file, &error) : NULL;
    if (config == NULL || interpreter_catalog_read(config, &catalog, &error) != 0 ||
        print_catalog(&catalog, json, &error) != 0)
        status = -1;
    interpreter_catalog_free(&catalog);
    config_free(config);
    return status != 0 ? options_fail("interpreter list", &error) : 0;
}
