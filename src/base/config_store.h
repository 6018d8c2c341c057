/* How a configuration is kept, and the checks that every value passes. Private to the
 * configuration. */
#ifndef SHANNON_BASE_CONFIG_STORE_H
#define SHANNON_BASE_CONFIG_STORE_H

#include "base/config.h"
#include "base/config_yaml.h"

enum config_origin {
    ORIGIN_DEFAULT,
    ORIGIN_FILE,
    ORIGIN_ENVIRONMENT,
    ORIGIN_FLAG,
};

struct config_setting {
    enum config_origin origin;
    char *source; /* the file, the variable or the flag */
    size_t line;  /* in the file */
    uint64_t number;
    char *text;
    char **items;
    size_t item_count;
};

struct config {
    struct config_setting settings[CONFIG_KEY_COUNT];
    char *derived[CONFIG_KEY_COUNT]; /* of texts that follow from others while not set */
};

/* Checks `value` against the row of `key` and stores it with its origin; takes text or items out of
 * `value`. `source` is the file, variable or flag (copied; NULL for a default), `line` is in the
 * file. 0, or -1 with a message that names the key; the old value then stays. */
int config_store(struct config *config, enum config_key key, enum config_origin origin,
                 const char *source, size_t line, struct yaml_value *value, struct error *error);

/* The same for a value written as in the environment: a list or map in YAML's short form, anything
 * else as it is. */
int config_store_text(struct config *config, enum config_key key, enum config_origin origin,
                      const char *source, size_t line, const char *text, struct error *error);

/* Fills what follows from other settings. To be called after any change. */
int config_derive(struct config *config, struct error *error);

/* Releases a setting's memory, after overwriting it when it is secret. */
void config_setting_free(struct config_setting *setting, bool secret);

/* Releases a text, after overwriting it when it is secret. Accepts NULL. */
void config_free_text(char *text, bool secret);

#endif
