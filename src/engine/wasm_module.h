/* What the engine must know of a WebAssembly file before it is translated: imports, exports, memory
 * and data segments. Specification: WebAssembly core 2.0, section 5 (binary format).
 *
 * This is a reader of structure, not a validator of code: wasm2c validates the functions. Every
 * length is checked against the file before it is used, so any bytes may be given.
 */
#ifndef SHANNON_ENGINE_WASM_MODULE_H
#define SHANNON_ENGINE_WASM_MODULE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function type: one letter a value (i, I, f, F as in engine/import.h; V v128, r funcref, e
 * externref). A module with any other type is not read. */
struct wasm_function_type {
    char *parameters;
    char *results;
    uint32_t canonical; /* index of the first type of this module that is equal */
};

struct wasm_import {
    char *module; /* UTF-8, as all names */
    char *name;
    uint32_t type; /* index into types */
};

struct wasm_export {
    char *name;
    uint8_t kind; /* 0 function, 1 table, 2 memory, 3 global */
    uint32_t index;
};

struct wasm_data_segment {
    const uint8_t *bytes; /* inside the module's bytes */
    uint32_t size;
};

struct wasm_module {
    const uint8_t *bytes; /* borrowed */
    size_t size;
    struct wasm_function_type *types;
    size_t type_count;
    struct wasm_import *imports; /* functions only: any other import is refused */
    size_t import_count;
    uint32_t *functions; /* type index of each function the module defines */
    size_t function_count;
    struct wasm_export *exports;
    size_t export_count;
    struct wasm_data_segment *data_segments;
    size_t data_segment_count;
    uint32_t variable_global_count; /* globals that can change */
    bool has_memory;
    uint32_t memory_minimum_pages;
    uint32_t memory_maximum_pages; /* 65536 when the module states none */
};

/* Reads `size` bytes, which must outlive the module. `name` is for messages. ERROR_INVALID_REQUEST
 * when it is not a wasm module, imports anything but functions, or has no exported memory called
 * "memory". Release with wasm_module_free, also after a failure. */
int wasm_module_read(struct wasm_module *module, const void *bytes, size_t size, const char *name,
                     struct error *error);

/* The export called `name` of `kind`, or NULL. */
const struct wasm_export *wasm_module_export(const struct wasm_module *module, const char *name,
                                             uint8_t kind);

/* The type of function `index` (imports count first), or NULL. */
const struct wasm_function_type *wasm_module_function_type(const struct wasm_module *module,
                                                           uint32_t index);

void wasm_module_free(struct wasm_module *module);

#define WASM_NAME_SHOWN 80

/* A name for a message, into `text`: cut, without control characters, which could make a terminal
 * obey a module. Returns `text`. */
const char *wasm_name_shown(const char *name, char text[WASM_NAME_SHOWN]);

#endif
