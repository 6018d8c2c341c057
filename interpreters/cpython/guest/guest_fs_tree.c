/*
 * The guest's file system: the archive's index in memory, and the walk along a path through it.
 *
 * Invariant: entries are only reached by numbers that the index itself holds, or 0; make_archive.py
 * writes them right.
 */
#include "guest_fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/libc.h>

/* The archive's top directories and where they appear. The second is CPython's own idea of its
 * library directory. */
static const struct mount {
    const char *name;
    const char *path;
} MOUNTS[GUEST_FS_MOUNTS] = {
    {"dev", "/dev"},
    {"lib", "/usr/local/lib/python3.11"},
};

static struct {
    struct stdlib_archive_entry *entries;
    char *names;
    uint32_t entry_count;
    __wasi_timestamp_t modification_time;
} library;

static _Noreturn void fail(const char *message)
{
    fprintf(stderr, "python: the standard library inside this file cannot be read: %s\n", message);
    abort();
}

static void load_index(void)
{
    struct stdlib_archive_header header;
    stdlib_archive_read(&header, 0, sizeof(header));
    if (header.magic != STDLIB_ARCHIVE_MAGIC || header.version != STDLIB_ARCHIVE_VERSION ||
        header.entry_count == 0)
        fail("not an archive of this version");
    uint32_t entries_size = header.entry_count * (uint32_t)sizeof(struct stdlib_archive_entry);
    library.entries = malloc(entries_size);
    library.names = malloc(header.names_size);
    if (library.entries == NULL || library.names == NULL)
        fail("out of memory");
    stdlib_archive_read(library.entries, sizeof(header), entries_size);
    stdlib_archive_read(library.names, sizeof(header) + entries_size, header.names_size);
    library.entry_count = header.entry_count;
    library.modification_time = header.modification_time;
}

/* The child of `directory` called name[0..length), or -1. */
static int64_t find_child(uint32_t directory, const char *name, size_t length)
{
    const struct stdlib_archive_entry *parent = &library.entries[directory];
    uint32_t low = parent->first;
    uint32_t high = parent->first + parent->stored_size;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct stdlib_archive_entry *entry = &library.entries[middle];
        size_t common = length < entry->name_length ? length : entry->name_length;
        int order = memcmp(name, library.names + entry->name_offset, common);
        if (order == 0)
            order = (length > entry->name_length) - (length < entry->name_length);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

__wasi_errno_t guest_fs_resolve(uint32_t start, const char *path, uint32_t *found,
                                bool *parent_exists)
{
    uint32_t current = start;
    *parent_exists = false;
    if (path[0] == '/')
        return __WASI_ERRNO_NOTCAPABLE;
    if (path[0] == '\0')
        return __WASI_ERRNO_NOENT;
    while (*path != '\0') {
        if (library.entries[current].kind != STDLIB_ARCHIVE_DIRECTORY)
            return __WASI_ERRNO_NOTDIR;
        const char *end = strchrnul(path, '/');
        size_t length = (size_t)(end - path);
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            if (library.entries[current].parent == 0) /* a mount's root */
                return __WASI_ERRNO_NOTCAPABLE;
            current = library.entries[current].parent;
        } else if (length > 0 && !(length == 1 && path[0] == '.')) {
            int64_t child = find_child(current, path, length);
            if (child < 0) {
                *parent_exists = *end == '\0';
                return __WASI_ERRNO_NOENT;
            }
            current = (uint32_t)child;
        }
        if (*end == '/' && library.entries[current].kind != STDLIB_ARCHIVE_DIRECTORY)
            return __WASI_ERRNO_NOTDIR;
        path = *end == '/' ? end + 1 : end;
    }
    *found = current;
    return __WASI_ERRNO_SUCCESS;
}

void guest_fs_mount(void)
{
    load_index();
    for (size_t i = 0; i < GUEST_FS_MOUNTS; i++) {
        int64_t entry = find_child(0, MOUNTS[i].name, strlen(MOUNTS[i].name));
        __wasi_fd_t descriptor;
        if (entry < 0 || guest_fs_open_entry((uint32_t)entry, &descriptor) != __WASI_ERRNO_SUCCESS)
            fail("a top directory is missing");
        if (__wasilibc_register_preopened_fd((int)descriptor, MOUNTS[i].path) != 0)
            fail("out of memory");
    }
}

const struct stdlib_archive_entry *guest_fs_entry(uint32_t number)
{
    return &library.entries[number];
}

const char *guest_fs_name(const struct stdlib_archive_entry *entry)
{
    return library.names + entry->name_offset;
}

__wasi_timestamp_t guest_fs_modification_time(void)
{
    return library.modification_time;
}
