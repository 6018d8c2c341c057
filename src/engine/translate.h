/* Runs the translators: wasm2c and clang make a native object of a module.
 *
 * The tools are looked for in PATH under their Debian names: wasm2c (package wabt); clang-19, else
 * clang, of which 14 or newer is needed. They run as child processes with no shell between, which
 * die with this process.
 */
#ifndef SHANNON_ENGINE_TRANSLATE_H
#define SHANNON_ENGINE_TRANSLATE_H

#include "base/buffer.h"
#include "base/error.h"
#include "engine/wasm_module.h"

#include <stdbool.h>
#include <stddef.h>

/* Told about each step and, while it lasts, about once a second. `elapsed_ms` counts from the start
 * of the translation. May be NULL. */
typedef void translate_progress(void *argument, const char *step, unsigned elapsed_ms);

struct translate_tools {
    char wasm2c[4096];
    char clang[4096];
};

/* Finds a program in the absolute folders of PATH. */
bool translate_find_program(const char *name, char *path, size_t size);

/* Finds the tools. ERROR_INTERNAL, naming the packages to install, when one is missing. */
int translate_find_tools(struct translate_tools *tools, struct error *error);

/* The flags that shape the object, for the cache key. Static. */
const char *translate_flags(void);

/* Translates the module in the file `wasm_path`, already read into `module`, inside the empty
 * folder `directory`, and leaves the object there as "object.so". Uses up to `jobs` processors. On
 * failure names the step; "translate.log" in the folder has what the tools said. ERROR_KILLED when
 * interruption_pending() says that this process is asked to end. */
int translate_module(const struct translate_tools *tools, const char *wasm_path,
                     const struct wasm_module *module, const char *directory, unsigned jobs,
                     translate_progress *progress, void *argument, struct error *error);

#endif
