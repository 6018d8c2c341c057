/*
 * The layout of the standard library archive, which tools/make_archive.py writes,
 * tools/embed_archive.py puts into the module as a passive data segment, and the guest's file
 * system (guest_fs.h) reads. All numbers are little endian.
 *
 * - header: struct stdlib_archive_header.
 * - entries: entry_count times struct stdlib_archive_entry. Entry 0 is the root directory, whose
 *   children "dev" and "lib" are what is mounted. The children of a directory stand side by side,
 *   sorted by name (as unsigned bytes).
 * - names: names_size bytes; the entries point into them.
 * - contents: the files' bytes, at the offsets the entries give (from the start of the archive).
 */
#ifndef STDLIB_ARCHIVE_H
#define STDLIB_ARCHIVE_H

#include <stdint.h>

#define STDLIB_ARCHIVE_MAGIC 0x53464853u /* "SHFS" */
#define STDLIB_ARCHIVE_VERSION 1u

struct stdlib_archive_header {
    uint32_t magic;
    uint32_t version;
    uint32_t entry_count;
    uint32_t names_size;
    uint64_t modification_time; /* of every file, nanoseconds since 1970 */
};

enum stdlib_archive_kind {
    STDLIB_ARCHIVE_DIRECTORY = 0,
    STDLIB_ARCHIVE_STORED = 1,      /* a file, as it is */
    STDLIB_ARCHIVE_DEFLATED = 2,    /* a file, as a zlib stream */
    STDLIB_ARCHIVE_NULL_DEVICE = 3, /* /dev/null */
};

struct stdlib_archive_entry {
    uint32_t name_offset; /* into the names */
    uint16_t name_length; /* bytes */
    uint16_t kind;        /* enum stdlib_archive_kind */
    uint32_t parent;      /* entry number of the directory that holds it; the root's is itself */
    uint32_t first; /* a directory's first child (entry number), or a file's first byte (offset) */
    uint32_t stored_size; /* a directory's number of children, or a file's size in the archive */
    uint32_t size;        /* a file's size when read */
};

/*
 * Copies `length` bytes of the archive, from `offset` on, to `destination`. The module is linked
 * with a body that traps; tools/embed_archive.py replaces it by one memory.init instruction on the
 * embedded segment.
 */
void stdlib_archive_read(void *destination, uint32_t offset, uint32_t length);

#endif
