/* Calling a preview1 function by its entry in the import table. */
#ifndef SHANNON_TEST_WASI_CALL_H
#define SHANNON_TEST_WASI_CALL_H

#include "engine/import.h"

#include <stdint.h>

struct wasi_host;

/* `arguments` has one value for each letter of import->parameters. 0 for a function without a
 * result. */
uint32_t guest_call(struct wasi_host *host, const struct engine_import *import,
                    const uint64_t *arguments);

#endif
