/* A wasm file that may be run here: mapped, its structure read, its imports checked. */
#ifndef SHANNON_ENGINE_MODULE_FILE_H
#define SHANNON_ENGINE_MODULE_FILE_H

#include "base/error.h"
#include "engine/import.h"
#include "engine/wasm_module.h"

#include <stddef.h>

struct module_file {
    struct wasm_module module; /* points into `bytes` */
    void *bytes;               /* the mapped file, NULL when it is empty */
    size_t size;
};

/* Maps the file at `path` and checks that it is a module that imports nothing but functions of
 * `imports`, each with the signature it has there. ERROR_INTERPRETER_NOT_FOUND: no such file.
 * ERROR_INVALID_REQUEST: not such a module. ERROR_INTERNAL: the file cannot be read. Release with
 * module_file_close unless it failed. */
int module_file_open(struct module_file *file, const char *path,
                     const struct engine_import *imports, struct error *error);

void module_file_close(struct module_file *file);

#endif
