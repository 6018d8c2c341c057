/* One instance of a translated module in this process: load, instantiate, call.
 *
 * A process has at most one. It may be loaded and instantiated before fork(2); each child then has
 * its own copy. Not thread-safe.
 */
#ifndef SHANNON_ENGINE_GUEST_INSTANCE_H
#define SHANNON_ENGINE_GUEST_INSTANCE_H

#include "base/error.h"
#include "engine/import.h"
#include "engine/linear_memory.h"
#include "engine/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_export; /* guest_object.h */
struct guest_instance;

/* Loads the object at `object_path` (from object_cache_get), binds its imports, reserves its
 * address space and installs the fault handlers; no guest code runs. What comes after needs no
 * system call that a locked-down process lacks. `import_context` is what each import gets as its
 * first argument. NULL with ERROR_INTERNAL when the object cannot be loaded. */
struct guest_instance *guest_instance_load(const char *object_path,
                                           const struct engine_import *imports,
                                           void *import_context, struct error *error);

/* Makes the linear memory accessible, of at most `memory_limit` bytes, and runs the module's start
 * function. ERROR_MEMORY_LIMIT when the module needs more at its start; ERROR_TRAP, naming the
 * trap, when it traps. */
int guest_instance_instantiate(struct guest_instance *instance, uint64_t memory_limit,
                               struct error *error);

/* Makes this process, whose guest has been initialised, cheap to fork: moves the translated code
 * onto huge pages, which fork(2) copies in a few entries and no child faults on, and the linear
 * memory into an image (linear_memory_share). Returns the image's descriptor, the caller's to
 * close, or -1 with ERROR_INTERNAL; the process must then end. Before the process is locked down.
 */
int guest_instance_share(struct guest_instance *instance, struct error *error);

/* Puts another state of linear memory in place of the present one: `image_size` bytes of the memory
 * file `image`, mapped privately, then zeros up to `size`, both multiples of WASM_PAGE_SIZE. For an
 * instance between two calls, whose state is memory alone. -1 with ERROR_MEMORY_LIMIT when `size`
 * is over the limit, ERROR_INTERNAL; the process is then of no use. */
int guest_instance_set_memory(struct guest_instance *instance, int image, uint64_t image_size,
                              uint64_t size, struct error *error);

/* Whether the module's only variable global is its stack pointer, so that between two calls the
 * linear memory alone is its state. */
bool guest_instance_is_memory_only(const struct guest_instance *instance);

/* The linear memory; valid once instantiated. */
struct linear_memory *guest_instance_memory(struct guest_instance *instance);

/* The export called `name`, a function of `parameter_count` i32, or NULL; valid as long as the
 * instance. */
const struct guest_export *guest_instance_find(const struct guest_instance *instance,
                                               const char *name, size_t parameter_count);

/* Calls an export of the instance with as many arguments as it has. `result` (may be NULL) gets its
 * value, 0 when it has none. */
struct guest_outcome guest_instance_call(const struct guest_export *function,
                                         const uint32_t *arguments, uint32_t *result);

#endif
