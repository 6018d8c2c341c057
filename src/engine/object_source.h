/* From wasm2c's one C file to the sources of a native object: several C files of about the same
 * size that can be compiled at the same time, the data segments as bytes beside them, and the glue
 * that gives the object its one entry, struct guest_object.
 */
#ifndef SHANNON_ENGINE_OBJECT_SOURCE_H
#define SHANNON_ENGINE_OBJECT_SOURCE_H

#include "base/buffer.h"
#include "base/error.h"
#include "engine/wasm_module.h"

#include <stddef.h>

#define OBJECT_SOURCE_CHUNKS_MAX 16

/* The module name given to wasm2c (-n): its identifiers begin with Z_guest. */
#define OBJECT_SOURCE_MODULE_NAME "guest"

/* Rewrites `directory`/wasm2c.c and wasm2c.h (made by wasm2c --no-debug-names -n guest) into
 * chunk0.c ... chunkN.c, guest_prelude.h, guest_glue.c, guest_runtime.c, guest_access.h,
 * guest_object.h, data.s and data.bin in the same folder, N < chunks <= OBJECT_SOURCE_CHUNKS_MAX.
 * The instance becomes static data: an object holds one.
 *
 * ERROR_INTERNAL when the text is not laid out as this version of wasm2c does it, or a file cannot
 * be written (a full disk, say). */
int object_source_write(const char *directory, const struct wasm_module *module, size_t chunks,
                        struct error *error);

/* A digest of everything in this step that shapes the object, for the cache key: appended to `text`
 * as hexadecimal. -1 when memory is short. */
int object_source_fingerprint(struct buffer *text);

#endif
