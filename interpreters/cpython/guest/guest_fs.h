/*
 * The file system inside the guest: the standard library, and /dev/null, which programs expect
 * everywhere.
 *
 * wasi-libc reaches the host through the __wasi_* functions. The linker's --wrap sends each of
 * those calls to guest_fs_read.c or guest_fs_change.c first: a descriptor of our own range is
 * answered from the archive, every other goes on to the host unchanged. To Python the library is
 * thus a plain directory: os.stat, os.listdir, open, importlib and inspect work on it as on any
 * other.
 *
 * The archive is a passive data segment: it is not in linear memory, so an interpreter that opens
 * no file carries only the index. Its layout is in stdlib_archive.h.
 */
#ifndef GUEST_FS_H
#define GUEST_FS_H

#include "stdlib_archive.h"

#include <stdbool.h>
#include <stdint.h>
#include <wasi/api.h>

/*
 * Descriptors from here on are this file system's; all others are the host's. Hosts hand out small
 * numbers, so the two cannot meet; should a host ever give one from this range, open() fails with
 * EMFILE (__wrap___wasi_path_open).
 */
#define GUEST_FS_FIRST_DESCRIPTOR 0x40000000u

/* Files and directories of this file system that can be open at once. */
#define GUEST_FS_DESCRIPTORS_MAXIMUM 1024u

/* The first of them are the mounts: /dev and the library. */
#define GUEST_FS_MOUNTS 2u

struct open_file {
    bool used;
    uint32_t entry;
    uint64_t position; /* a file's; a directory is read by cookie */
    uint8_t *
        inflated; /* the contents of a STDLIB_ARCHIVE_DEFLATED file, once it was read from; owned */
};

static inline bool is_ours(__wasi_fd_t descriptor)
{
    return (uint32_t)descriptor >= GUEST_FS_FIRST_DESCRIPTOR;
}

/* ---- the tree (guest_fs_tree.c) ---- */

/* Reads the archive's index and makes its top directories visible as preopened ones. Ends the
 * program on failure. */
void guest_fs_mount(void);

/* Entry `number` of the archive, and its name (not terminated; entry->name_length bytes). */
const struct stdlib_archive_entry *guest_fs_entry(uint32_t number);
const char *guest_fs_name(const struct stdlib_archive_entry *entry);

/* The modification time of every file, nanoseconds since 1970. */
__wasi_timestamp_t guest_fs_modification_time(void);

/*
 * Walks `path` from the directory `start`; it may not leave the mount it is in. On success *found
 * is the entry. When only the last component is missing, the error is NOENT and *parent_exists is
 * true (what creating a file there needs).
 */
__wasi_errno_t guest_fs_resolve(uint32_t start, const char *path, uint32_t *found,
                                bool *parent_exists);

/* ---- descriptors (guest_fs_descriptors.c) ---- */

/* The open file behind a descriptor of ours, or NULL. */
struct open_file *guest_fs_lookup(__wasi_fd_t descriptor);

/* The open directory behind it: BADF or NOTDIR when there is none. */
__wasi_errno_t guest_fs_lookup_directory(__wasi_fd_t descriptor, struct open_file **directory);

/* Opens `entry`: MFILE when too many are open. */
__wasi_errno_t guest_fs_open_entry(uint32_t entry, __wasi_fd_t *descriptor);

/* Frees what an open file holds, and its descriptor. Mounts stay open: BADF. */
__wasi_errno_t guest_fs_close(struct open_file *file);

#endif
