/* Where interpreters are found. */
#ifndef SHANNON_SANDBOX_INTERPRETER_H
#define SHANNON_SANDBOX_INTERPRETER_H

#include "base/buffer.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define INTERPRETER_DEFAULT "python-3.11"
#define INTERPRETER_FOLDERS_MAX 4

/* The folders in which a name is looked up, in order. Returns their number. */
size_t interpreter_folders(char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX]);

/* Whether `name` may be an interpreter's: 1 to 100 of [A-Za-z0-9._-], not beginning with a dot. */
bool interpreter_name_is_valid(const char *name);

/* The file of the interpreter called `name`, appended to `path`.
 *
 * `name` NULL: the file in PYTHON_WASI_WASM_PATH when that is set (`configured_path`), else
 * INTERPRETER_DEFAULT. A name with a '/' or ending in ".wasm" is a path and taken as it is. Any
 * other name is NAME.wasm in, first found: ./wasm-interpreters, /opt/wasm-interpreters, and, in the
 * folder above the program's own, share/shannon/wasm-interpreters (an installed program) and
 * wasm-interpreters (one in a clone's build folder).
 *
 * ERROR_INTERPRETER_NOT_FOUND with the guide's message and what to do. */
int interpreter_find(const char *name, const char *configured_path, struct buffer *path,
                     struct error *error);

#endif
