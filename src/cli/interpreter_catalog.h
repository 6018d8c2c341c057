/* Which interpreters there are: every NAME.wasm in the folders in which names are looked up, and
 * the file that PYTHON_WASI_WASM_PATH names. */
#ifndef SHANNON_CLI_INTERPRETER_CATALOG_H
#define SHANNON_CLI_INTERPRETER_CATALOG_H

#include "base/config.h"
#include "base/error.h"
#include "engine/file_digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog_entry {
    char *name; /* without ".wasm" */
    char *path;
    uint64_t size_bytes;
    bool is_default; /* what runs when none is named */
};

struct interpreter_catalog {
    struct catalog_entry *entries; /* sorted by name within a folder; a name stands once */
    size_t count;
};

/* Reads the folders. A configured file that does not exist is left out. Release with
 * interpreter_catalog_free, also after a failure. ERROR_INTERNAL when memory is short. */
int interpreter_catalog_read(const struct config *config, struct interpreter_catalog *catalog,
                             struct error *error);
void interpreter_catalog_free(struct interpreter_catalog *catalog);

/* The SHA-256 of an entry's file, remembered in the cache. */
int interpreter_catalog_digest(const struct catalog_entry *entry, char digest[FILE_DIGEST_SIZE],
                               struct error *error);

#endif
