/* The table of all keys, as the configuration itself sees it. Private to the configuration. */
#ifndef SHANNON_BASE_CONFIG_KEYS_H
#define SHANNON_BASE_CONFIG_KEYS_H

#include "base/config.h"

struct config_key_row {
    struct config_key_info info;
    const char *default_text; /* of a number or text; NULL: none, or found by the configuration */
    /* What is wrong with a text (or an item of a list or map), as the end of "must ..."; NULL when
     * nothing is. May be absent. */
    const char *(*check)(const char *text);
};

extern const struct config_key_row config_keys[CONFIG_KEY_COUNT];

#endif
