/* The kernel's wall around a guest process: what the process gives up before any guest code of a
 * request runs. The order inside lockdown_enter is part of the contract; the reasons stand there.
 *
 * The wall holds although it is not needed: a guest that stays inside WebAssembly can make no
 * system call at all. It is for the day when the translation or the WASI host has a hole.
 */
#ifndef SHANNON_SANDBOX_LOCKDOWN_H
#define SHANNON_SANDBOX_LOCKDOWN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lockdown;

/* Compiles the system call filter, which takes too long to be done for each execution. Before
 * fork(2); children use it. Release with lockdown_free. NULL with ERROR_INTERNAL when the kernel or
 * libseccomp cannot do it: then nothing may run. */
struct lockdown *lockdown_prepare(struct error *error);
void lockdown_free(struct lockdown *lockdown);

/* Closes every descriptor from `first` on. */
int lockdown_close_descriptors(unsigned first, struct error *error);

/* Locks this process down for good:
 *  - it is killed when `parent` dies (fails when `parent` is gone already);
 *  - no core dump, not dumpable, no more than `processor_seconds` of processor time (a backstop
 *    beyond the caller's own limit), no process, no file growth;
 *  - no_new_privs, and a filter that kills the process at any system call but the listed ones
 *    (see lockdown.c).
 * On failure the process must exit. */
int lockdown_enter(const struct lockdown *lockdown, pid_t parent, uint32_t processor_seconds,
                   struct error *error);

/* One kernel wall and whether this kernel has it, for `shannon doctor` and the log. */
struct lockdown_wall {
    const char *name;
    bool available;
    const char *meaning; /* one line */
};

/* Fills `walls` with up to `maximum` entries and returns their number. */
size_t lockdown_walls(struct lockdown_wall *walls, size_t maximum);

#endif
