/* The translated code's pages, in a process that forks.
 *
 * fork(2) leaves the page table entries of file mappings out, so that each child faults on each
 * page of code that it comes to: for a Python interpreter, a quarter of what a short program costs.
 * Code on anonymous huge pages is inherited with a handful of entries.
 */
#ifndef SHANNON_ENGINE_GUEST_TEXT_H
#define SHANNON_ENGINE_GUEST_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The code of a loaded object: [start, end), and `limit`, up to which the object has reserved the
 * addresses behind it. */
struct guest_text {
    const uint8_t *start;
    const uint8_t *end;
    const uint8_t *limit;
};

/* Finds the code of the object that is loaded at `base` (as in struct link_map). False when it has
 * none. */
bool guest_text_find(struct guest_text *text, uintptr_t base);

/* Puts a copy of the code in its place, on huge pages where the kernel has them; read and execute
 * only, as before. No code of the object may run meanwhile. An object whose code is not aligned for
 * huge pages is left as it is. -1 with ERROR_INTERNAL when the code is gone: the process must end.
 */
int guest_text_copy_to_huge_pages(const struct guest_text *text, struct error *error);

#endif
