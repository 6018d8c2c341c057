/* The WASI preview1 host: what a guest may ask of the world, denied unless granted.
 * Specification: WebAssembly/WASI legacy/preview1 (witx), module wasi_snapshot_preview1.
 *
 * A guest sees three standard descriptors, the preopens its owner granted, and what it opened
 * beneath them. It has no sockets, no processes and no signals. Preopens are folders of the host,
 * or scratch: a file system in this process's memory, of which the host knows nothing.
 *
 * One host belongs to one instance. It is not thread-safe. It may be made before fork(2); a child
 * inherits it with all its descriptors.
 */
#ifndef SHANNON_WASI_WASI_HOST_H
#define SHANNON_WASI_WASI_HOST_H

#include "base/buffer.h"
#include "base/error.h"
#include "engine/import.h"
#include "engine/linear_memory.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Limits that hold whatever the guest asks for. Exceeding one answers the errno in brackets. */
#define WASI_DESCRIPTORS_MAX 1024   /* open at one time, standard and preopens included [nfile] */
#define WASI_PATH_MAX 4096          /* bytes in a path [nametoolong] */
#define WASI_IOVECS_MAX 1024        /* vectors a call [inval] */
#define WASI_SUBSCRIPTIONS_MAX 1024 /* subscriptions a poll_oneoff [inval] */
#define WASI_RANDOM_BYTES_MAX 16777216             /* bytes a random_get [inval] */
#define WASI_SCRATCH_NODES_MAX 65536               /* files and folders in scratch [nospc] */
#define WASI_SCRATCH_FILE_MAX UINT64_C(4294967296) /* bytes in a file there, with holes [fbig] */

struct wasi_host;
struct scratch_node; /* a scratch file that is being visited */

/* A host for guest code that will see `memory` (borrowed; may be NULL and set later by
 * wasi_host_set_memory; while NULL every address answers fault). It starts with nothing: no
 * argument, no variable, no descriptor. NULL when memory is short.
 *
 * Makes the process ignore SIGPIPE and SIGXFSZ, so that a guest writing to a closed pipe or past a
 * file size limit gets an error number instead. */
struct wasi_host *wasi_host_new(struct linear_memory *memory);
void wasi_host_set_memory(struct wasi_host *host, struct linear_memory *memory);

/* Closes every host descriptor the host owns. Accepts NULL. */
void wasi_host_free(struct wasi_host *host);

/* Appends one argument, or one NAME=VALUE, which takes the place of an earlier one of that name;
 * the text is copied. -1 when memory is short, when the total of the list passes 16 MiB, or when a
 * variable has no name or no "=" (ERROR_INVALID_REQUEST). */
int wasi_host_add_argument(struct wasi_host *host, const char *text, struct error *error);
int wasi_host_add_variable(struct wasi_host *host, const char *text, struct error *error);

/* Grants guest descriptor 0, 1 or 2; a second call replaces the grant. `host_fd` is borrowed: the
 * guest closing it only forgets it. A standard descriptor that was not granted answers badf. 0 can
 * only be read, 1 and 2 can only be written, and none can be truncated or have its times set. The
 * status flags of `host_fd` are never changed; it may be nonblocking, the guest does not notice. */
int wasi_host_set_standard(struct wasi_host *host, int guest_fd, int host_fd, struct error *error);

/* What can stand behind a standard descriptor in place of a descriptor of the host. To the guest it
 * is a pipe: always ready, without positions. Runs on the guest's stack: needs little of it. */
struct wasi_stream {
    /* Of 1 and 2: takes all bytes of the vectors. 0, or an errno value of the host. */
    int (*write)(void *argument, const struct iovec *vectors, int count);
    /* Of 0: fills the vectors as far as there are bytes; returns how many, 0 at the end. */
    size_t (*read)(void *argument, const struct iovec *vectors, int count);
    /* Of 1 and 2: the guest is about to wait. May be NULL. */
    void (*before_wait)(void *argument);
    void *argument;
};

/* As wasi_host_set_standard, with a stream, which is copied. */
int wasi_host_set_stream(struct wasi_host *host, int guest_fd, const struct wasi_stream *stream,
                         struct error *error);

/* Grants the streams anew whose descriptors the guest has closed, unless it has opened something
 * else under their numbers: for the next of several programs. */
void wasi_host_renew_streams(struct wasi_host *host);

/* Makes the call in which the guest waits, or the next one in which it would, answer intr, once.
 * From a signal handler of WASI_INTERRUPT_SIGNAL or of SIGXCPU, installed without SA_RESTART, or
 * before the guest runs. Async-signal-safe. */
#define WASI_INTERRUPT_SIGNAL SIGUSR1
void wasi_host_interrupt(struct wasi_host *host);

/* The guest's monotonic clock in nanoseconds, and making it go on from `floor` at least: a guest
 * that moves to another process, perhaps after the machine was started anew, must not see it go
 * back. */
uint64_t wasi_host_monotonic(const struct wasi_host *host);
void wasi_host_set_monotonic_floor(struct wasi_host *host, uint64_t floor);

/* Grants the folder behind `host_fd` (taken over, also on failure) as the preopen `guest_path`,
 * read-only unless `writable`. Everything beneath is reached with openat2(2) RESOLVE_BENEATH |
 * RESOLVE_NO_MAGICLINKS and nothing else; where the kernel has no openat2, or a seccomp filter
 * refuses it, this fails. Only regular files and directories can be opened, and none in procfs.
 *
 * A read-only preopen behaves as a folder on a read-only file system: its descriptors carry the
 * usual rights (programs mask what they ask for with these, so that a missing one would only come
 * to light at the first write), and whatever would change something answers rofs, which Python
 * reports as "Read-only file system". Leading out of the preopen answers notcapable.
 *
 * Preopens take the guest numbers 3, 4, ... in the order they are added. */
int wasi_host_add_preopen(struct wasi_host *host, int host_fd, const char *guest_path,
                          bool writable, struct error *error);

/* The host's own descriptors behind preopens, up to `maximum` of them, into `descriptors`. Returns
 * their number. */
size_t wasi_host_descriptors(const struct wasi_host *host, int *descriptors, size_t maximum);

/* Grants scratch: two preopens, "/tmp" and "/workspace", that take the next two numbers. They are
 * two folders of one writable file system in memory, empty at first; names can be moved between
 * them. It has no links (perm).
 *
 * `limit_bytes` is the most it may take of the host's memory: the blocks of its files and a fixed
 * sum for each file and folder. At the limit, and where linear memory and scratch together would
 * pass the guest's memory limit, a guest is answered nospc; what it deletes it gets back. 0 makes
 * scratch read-only for the guest, which is answered rofs as beneath a read-only preopen.
 *
 * A path from "/tmp" or "/workspace" down is at most WASI_PATH_MAX bytes long, a name in it 255.
 * The memory that the host has or is given later is charged until the host is freed and must live
 * as long. ERROR_MEMORY_LIMIT, ERROR_INTERNAL; ERROR_INVALID_REQUEST when there are no two numbers
 * left. */
int wasi_host_add_scratch(struct wasi_host *host, uint64_t limit_bytes, struct error *error);

/* This and the following functions on scratch need it to have been granted.
 *
 * Grants the folder "/workspace" once more: as `guest_path`. "." is the folder of relative paths in
 * a program that cannot change its working directory. ERROR_INVALID_REQUEST, ERROR_INTERNAL. */
int wasi_host_add_workspace(struct wasi_host *host, const char *guest_path, struct error *error);

/* Changes the limit: a forked child has its own. One below what is in use only forbids that more is
 * taken. */
void wasi_host_set_scratch_limit(struct wasi_host *host, uint64_t limit_bytes);

/* Puts a file of `size` bytes at `path`, which is relative to "/workspace" and not terminated.
 * Makes the folders on the way; takes the place of a file of that name, of which an open descriptor
 * keeps the former content. Counts as a change. A scratch limit of 0 does not forbid it: then only
 * the memory limit holds. After a failure no file was changed, though folders may have been made.
 *
 * ERROR_INVALID_REQUEST for a path that is absolute, empty or too long, has a NUL or a component
 * that is empty, "." or "..", leads through a file or to a folder, and for one file too many;
 * ERROR_MEMORY_LIMIT when a limit would be passed; ERROR_INTERNAL. */
int wasi_host_scratch_put(struct wasi_host *host, const char *path, size_t path_size,
                          const void *bytes, size_t size, struct error *error);

/* Remembers this moment: only what changes later counts as changed. Until the first mark everything
 * does. */
void wasi_host_scratch_mark(struct wasi_host *host);

/* Gets a changed file: its path relative to "/workspace", NUL-terminated, in bytes that the guest
 * chose: anything but NUL, and slashes only between components; no ".", ".." or empty component.
 * `size` counts holes, which take no memory in scratch, so that the sum over all files may be far
 * above any limit: the visitor must have one of its own. `path` and `file` are valid until it
 * returns; it must not change scratch. Returns 0 to go on. */
typedef int wasi_scratch_visit(void *argument, const char *path, size_t path_size, uint64_t size,
                               const struct scratch_node *file);

/* Visits each regular file beneath "/workspace" whose content was made or changed since the mark:
 * written, cut, extended, put, or brought to its path by a rename of itself or of a folder above
 * it. In the order of the paths as bytes. Returns the first result of `visit` that is not 0, or 0.
 */
int wasi_host_scratch_visit_changed(struct wasi_host *host, wasi_scratch_visit *visit,
                                    void *argument);

/* Copies up to `size` bytes of a visited file from `offset` on; returns how many there were. */
size_t wasi_scratch_read(const struct scratch_node *file, uint64_t offset, void *to, size_t size);

/* Appends to `state` what the guest sees of this host and what wasi_host_restore makes again of it
 * in another process: scratch with all it holds, and the descriptor table. Arguments and variables
 * are not part of it, nor the content of host files.
 *
 * Room is made once for all of it. Where a filter does not allow mremap(2), pass an empty buffer:
 * the C library may move a large one by that. ERROR_INTERNAL when memory is short. */
int wasi_host_save(const struct wasi_host *host, struct buffer *state, struct error *error);

/* Makes again what wasi_host_save saved, in a host that was given the same grants in the same order
 * and has done nothing since. The limits that hold are this host's. A descriptor of a host file is
 * opened anew at the path where it was opened first, beneath the same preopen; if that cannot be
 * done its number is closed. No descriptor gets more than the grants of this host allow.
 *
 * The bytes need not be trusted. ERROR_INVALID_REQUEST when they are damaged, of another version,
 * or were saved with other grants; ERROR_MEMORY_LIMIT when scratch does not fit; ERROR_INTERNAL.
 * After a failure the host is fit only to be freed. */
int wasi_host_restore(struct wasi_host *host, const void *bytes, size_t size, struct error *error);

/* All functions of wasi_snapshot_preview1, for the engine to link a module against. Their context
 * is the struct wasi_host. The table is static and ends with a NULL name. */
extern const struct engine_import wasi_preview1_imports[];

#endif
