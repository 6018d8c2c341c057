/* Native objects, made once and kept.
 *
 * An object's name says what it was made from: the digests of the module, of the flags and sources
 * that shape it, and of the tools. It is written under a temporary name, hashed, and renamed; its
 * digest stands beside it. It is loaded only when that digest fits, else made again. Where the
 * tools are not installed (a production machine), an object made by any tools will do.
 *
 * The cache is native code that this process will run, so its folder must belong to this user or
 * to root and must not be writable by others.
 *
 * It lies in $SHANNON_CACHE_DIR, else $XDG_CACHE_HOME/shannon, else ~/.cache/shannon.
 */
#ifndef SHANNON_ENGINE_OBJECT_CACHE_H
#define SHANNON_ENGINE_OBJECT_CACHE_H

#include "base/buffer.h"
#include "base/error.h"
#include "engine/import.h"
#include "engine/translate.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends the path of the cache's folder. ERROR_INTERNAL when neither HOME nor another of the
 * variables says where. */
int object_cache_directory(struct buffer *path, struct error *error);

/* Appends the path of a verified object for the module in `wasm_path`, translating it first when
 * there is none (processes that need the same one wait for the first). `imports` are the functions
 * a module may import; see engine/import.h.
 *
 * ERROR_INTERPRETER_NOT_FOUND: no such file. ERROR_INVALID_REQUEST: not a wasm module, or an import
 * outside wasi_snapshot_preview1. ERROR_INTERNAL: no compiler, no disk space, a tool failed.
 * ERROR_KILLED: interruption_pending() says that this process is asked to end. */
int object_cache_get(const char *wasm_path, const struct engine_import *imports,
                     translate_progress *progress, void *argument, struct buffer *path,
                     struct error *error);

/* SHA-256 of the module in `wasm_path`, 32 bytes, remembered in the cache. ERROR_INTERNAL when it
 * cannot be read. */
int object_cache_module_digest(const char *wasm_path, uint8_t digest[32], struct error *error);

/* Whether object_cache_get would answer without translating. Makes no folder. */
bool object_cache_has(const char *wasm_path);

#endif
