/* Reads YAML as configuration uses it: sections of keys, whose values are texts, lists of texts or
 * maps of texts. Private to the configuration (and its tests).
 *
 * Refused: anchors and aliases, tags, several documents, names twice in a map, deeper nesting, more
 * than CONFIG_SOURCE_MAXIMUM bytes.
 */
#ifndef SHANNON_BASE_CONFIG_YAML_H
#define SHANNON_BASE_CONFIG_YAML_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The largest configuration file or .env that is read, in bytes. */
#define CONFIG_SOURCE_MAXIMUM ((size_t)1 << 20)

enum yaml_shape {
    YAML_NOTHING, /* null */
    YAML_TEXT,
    YAML_LIST,
    YAML_MAP,
};

struct yaml_value {
    enum yaml_shape shape;
    size_t line; /* counted from 1 */
    char *text;  /* of a YAML_TEXT, NUL-terminated; never holds NUL */
    bool quoted; /* the text was written in quotes, or as a block: not a number in disguise */
    char **items;
    size_t item_count; /* of a list: texts; of a map: "NAME=VALUE" */
};

/* `key` is dotted ("wasi.interpreter"). The text or the items may be taken out of `value`, with
 * NULL (and 0) left behind. 0, or -1 with the error set to end the reading; file and line are put
 * before its message. */
typedef int config_yaml_entry(void *argument, const char *key, struct yaml_value *value,
                              struct error *error);

/* Reads a whole file's `bytes`; `file` is its name in messages. 0, or -1 with
 * ERROR_INVALID_REQUEST. */
int config_yaml_read(const char *bytes, size_t size, const char *file, config_yaml_entry *entry,
                     void *argument, struct error *error);

/* Reads one value ("[/data, /srv]"). 0, or -1 with ERROR_INVALID_REQUEST. Release with
 * yaml_value_free. */
int config_yaml_value(const char *text, struct yaml_value *value, struct error *error);

void yaml_value_free(struct yaml_value *value);

#endif
