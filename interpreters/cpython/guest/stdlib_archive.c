/*
 * The placeholder that tools/embed_archive.py replaces after linking, found by its name. It stands
 * in a file of its own so that no caller's compiler sees a body that cannot work.
 */
#include "stdlib_archive.h"

__attribute__((noinline, used)) void stdlib_archive_read(void *destination, uint32_t offset,
                                                         uint32_t length)
{
    (void)destination;
    (void)offset;
    (void)length;
    __builtin_trap();
}
