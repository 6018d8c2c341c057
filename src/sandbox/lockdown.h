/* The kernel's wall around a guest process: what it gives up before any guest code of a request
 * runs. In two steps: what a process and all that it forks can share (namespaces, once a zygote),
 * and what each guest process must do for itself. The order inside each is part of the contract;
 * the reasons stand there.
 *
 * The wall holds although it is not needed: a guest that stays inside WebAssembly can make no
 * system call at all. It is for the day when the translation or the WASI host has a hole.
 */
#ifndef SHANNON_SANDBOX_LOCKDOWN_H
#define SHANNON_SANDBOX_LOCKDOWN_H

#include "base/error.h"
#include "sandbox/walls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lockdown;

struct lockdown_options {
    const char *const *readable_paths; /* folders that Landlock lets be read */
    size_t readable_path_count;
    uint32_t processor_seconds; /* a backstop beyond the caller's own limits */
    uint64_t memory_bytes;      /* the same, of linear memory and scratch files */
    uint64_t file_bytes; /* the largest file that may be written; UINT64_MAX: no limit. A session's
                          * state is a memory file */
    wall_set without;    /* walls to leave out, for tests of the others */
};

/* Compiles the system call filter and the Landlock rules, which takes too long to be done for each
 * execution. Before fork(2); children use it. Release with lockdown_free. NULL with ERROR_INTERNAL
 * when the kernel or libseccomp cannot do it: then nothing may run; ERROR_INVALID_REQUEST when a
 * folder cannot be opened. */
struct lockdown *lockdown_prepare(const struct lockdown_options *options, struct error *error);
void lockdown_free(struct lockdown *lockdown);

/* Puts this process into namespaces of its own, as far as the kernel permits, with an empty
 * read-only root: files can no longer be opened by path, descriptors that are open stay. What is
 * not permitted is left out of lockdown_active. The process is killed when its parent dies; it may
 * have died just before, which the caller must look for. Not in a process with threads. -1 with
 * ERROR_INTERNAL when a step failed half way: the process must exit. */
int lockdown_confine(struct lockdown *lockdown, struct error *error);

/* fork(2), into a process namespace of the child's own where that is permitted; the child's parent
 * is this process, or with `for_parent` this one's own parent. In a process with one thread and
 * without fork handlers: glibc's are not run. The child's number as this process sees it, 0 in the
 * child, -1 with errno. */
pid_t lockdown_fork(struct lockdown *lockdown, bool for_parent);

/* For a guest process that is not forked from a confined one: fork(2) into new user and process
 * namespaces where that is permitted. The child goes on with lockdown_confine. */
pid_t lockdown_fork_confined(struct lockdown *lockdown);

/* Gives up all capabilities, as lockdown_enter does, before it: what is opened afterwards is opened
 * by a process without any. */
int lockdown_drop_capabilities(const struct lockdown *lockdown, struct error *error);

/* Locks this process down for good:
 *  - it is killed when its parent dies;
 *  - it holds no descriptor but the `kept_count` ones in `kept` (which is sorted);
 *  - it has no capability, and under Landlock reads granted folders and nothing else;
 *  - resource limits; no core dump, not dumpable;
 *  - no_new_privs, and a filter that kills the process at any system call but the listed ones (see
 *    syscall_filter.c).
 * On failure the process must exit. */
int lockdown_enter(const struct lockdown *lockdown, int *kept, size_t kept_count,
                   struct error *error);

/* The walls that hold in a process after lockdown_enter. */
wall_set lockdown_active(const struct lockdown *lockdown);

/* Opens a file of this process in procfs, such as "pagemap": also after lockdown_confine, before
 * lockdown_enter. -1 when there is no procfs. */
int lockdown_open_own(const struct lockdown *lockdown, const char *name);

#endif
