/* The C text that gives a native object its one entry, struct guest_object: the functions that
 * wasm2c's code imports, forwarded through struct guest_host, and callers for the module's exports.
 */
#ifndef SHANNON_ENGINE_OBJECT_GLUE_H
#define SHANNON_ENGINE_OBJECT_GLUE_H

#include "base/buffer.h"
#include "engine/wasm_module.h"

/* Appends the text for `module`, whose imports have been checked. -1 when memory is short. */
int object_glue_append(const struct wasm_module *module, struct buffer *glue);

#endif
