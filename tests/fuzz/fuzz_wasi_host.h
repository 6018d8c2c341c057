/* What the fuzz targets of the WASI host share: a host over a small memory with standard
 * descriptors that never wait, a writable and a read-only folder, and scratch; and what must hold
 * afterwards.
 */
#ifndef SHANNON_FUZZ_WASI_HOST_H
#define SHANNON_FUZZ_WASI_HOST_H

#include "wasi/wasi_host.h"

#include <setjmp.h>
#include <stdbool.h>

/* Where proc_exit of the guest goes. */
extern jmp_buf after_exit;

extern struct linear_memory memory;

/* Aborts with a message unless `condition` holds. */
void require(bool condition, const char *what);

/* Makes the memory and the folders, which are removed when the process ends. */
void fuzz_host_prepare(void);

/* Before and after each input: the folders are as at first, and nothing may be left over or changed
 * outside the writable one. */
void fuzz_host_begin(void);
void fuzz_host_end(void);

/* A host with its grants. */
struct wasi_host *fuzz_host_new(void);

/* Saves the host and frees it, and does so again with the one that is restored from that; returns a
 * third. The second and the third must give the same bytes. */
struct wasi_host *fuzz_host_move(struct wasi_host *host);

#endif
