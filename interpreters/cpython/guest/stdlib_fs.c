/*
 * The standard library as a read-only file system in the guest.
 *
 * wasi-libc reaches the host through the __wasi_* functions. The linker's --wrap sends each of those calls here first:
 * a descriptor of our own range is answered from the archive, every other goes on to the host unchanged. To Python the
 * library is thus a plain directory: os.stat, os.listdir, open, importlib and inspect work on it as on any other.
 *
 * The archive is a passive data segment: it is not in linear memory, so an interpreter that opens no file carries only
 * the index. Invariant: entries are only reached through `library.entries[i]` with i < entry_count, which make_archive.py
 * guarantees and load_index() checks for the root.
 */
#include "stdlib_fs.h"

#include "stdlib_archive.h"


#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>
#include <wasi/libc.h>
#include <zlib.h>

struct library {
    struct stdlib_archive_entry *entries;
    char *names;
    uint32_t entry_count;
    __wasi_timestamp_t modification_time;
};

struct open_file {
    bool used;
    uint32_t entry;
    uint64_t position; /* a file's; a directory is read by cookie */
    uint8_t *inflated; /* the contents of a STDLIB_ARCHIVE_DEFLATED file, once it was read from */
};

static struct library library;
static struct open_file open_files[STDLIB_FS_DESCRIPTORS_MAXIMUM];

static const __wasi_rights_t DIRECTORY_RIGHTS = __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR |
                                                __WASI_RIGHTS_PATH_READLINK | __WASI_RIGHTS_PATH_FILESTAT_GET |
                                                __WASI_RIGHTS_FD_FILESTAT_GET;
static const __wasi_rights_t FILE_RIGHTS = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL |
                                           __WASI_RIGHTS_FD_ADVISE | __WASI_RIGHTS_FD_FILESTAT_GET |
                                           __WASI_RIGHTS_POLL_FD_READWRITE;
static const __wasi_rights_t WRITE_RIGHTS =
    __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE;

/* ---- the index and paths ---- */

static _Noreturn void fail(const char *message)
{
    fprintf(stderr, "python: the standard library inside this file cannot be read: %s\n", message);
    abort();
}

static void load_index(void)
{
    struct stdlib_archive_header header;
    stdlib_archive_read(&header, 0, sizeof(header));
    if (header.magic != STDLIB_ARCHIVE_MAGIC || header.version != STDLIB_ARCHIVE_VERSION || header.entry_count == 0)
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

/* After wasi-libc has registered the host's preopens (its constructor has priority 50). */
__attribute__((constructor(60))) static void mount_standard_library(void)
{
    load_index();
    open_files[0] = (struct open_file){.used = true, .entry = 0};
    if (__wasilibc_register_preopened_fd(STDLIB_FS_FIRST_DESCRIPTOR, STDLIB_FS_MOUNT) != 0)
        fail("out of memory");
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

/*
 * Walks `path` from the directory `start`. On success *found is the entry. When only the last component is missing,
 * the error is NOENT and *parent_exists is true (what creating a file there would need).
 */
static __wasi_errno_t resolve(uint32_t start, const char *path, uint32_t *found, bool *parent_exists)
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
            if (current == 0)
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

/* ---- descriptors ---- */

static bool is_ours(__wasi_fd_t descriptor)
{
    return descriptor >= STDLIB_FS_FIRST_DESCRIPTOR;
}

/* NULL when the descriptor is not open. */
static struct open_file *lookup(__wasi_fd_t descriptor)
{
    uint32_t slot = (uint32_t)descriptor - STDLIB_FS_FIRST_DESCRIPTOR;
    if (slot >= STDLIB_FS_DESCRIPTORS_MAXIMUM || !open_files[slot].used)
        return NULL;
    return &open_files[slot];
}

static const struct stdlib_archive_entry *entry_of(const struct open_file *file)
{
    return &library.entries[file->entry];
}

static bool is_directory(const struct open_file *file)
{
    return entry_of(file)->kind == STDLIB_ARCHIVE_DIRECTORY;
}

/* Finds an open directory for a path_* function. */
static __wasi_errno_t lookup_directory(__wasi_fd_t descriptor, struct open_file **directory)
{
    *directory = lookup(descriptor);
    if (*directory == NULL)
        return __WASI_ERRNO_BADF;
    return is_directory(*directory) ? __WASI_ERRNO_SUCCESS : __WASI_ERRNO_NOTDIR;
}

/* What every attempt to change something through an open descriptor answers. */
static __wasi_errno_t refuse_change(__wasi_fd_t descriptor)
{
    return lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_ROFS;
}

static void fill_filestat(uint32_t entry_number, __wasi_filestat_t *status)
{
    const struct stdlib_archive_entry *entry = &library.entries[entry_number];
    bool directory = entry->kind == STDLIB_ARCHIVE_DIRECTORY;
    *status = (__wasi_filestat_t){
        .dev = STDLIB_ARCHIVE_MAGIC,
        .ino = (__wasi_inode_t)entry_number + 1,
        .filetype = directory ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
        .nlink = 1,
        .size = directory ? 0 : entry->size,
        .atim = library.modification_time,
        .mtim = library.modification_time,
        .ctim = library.modification_time,
    };
}

__wasi_errno_t __real___wasi_fd_close(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_close(__wasi_fd_t descriptor)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_close(descriptor);
    struct open_file *file = lookup(descriptor);
    if (file == NULL || file == &open_files[0]) /* the mount itself stays */
        return __WASI_ERRNO_BADF;
    free(file->inflated);
    *file = (struct open_file){0};
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_fdstat_get(__wasi_fd_t, __wasi_fdstat_t *);
__wasi_errno_t __wrap___wasi_fd_fdstat_get(__wasi_fd_t descriptor, __wasi_fdstat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_fdstat_get(descriptor, status);
    const struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    *status = (__wasi_fdstat_t){
        .fs_filetype = is_directory(file) ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
        .fs_rights_base = is_directory(file) ? DIRECTORY_RIGHTS : FILE_RIGHTS,
        .fs_rights_inheriting = is_directory(file) ? DIRECTORY_RIGHTS | FILE_RIGHTS : 0,
    };
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_filestat_get(__wasi_fd_t, __wasi_filestat_t *);
__wasi_errno_t __wrap___wasi_fd_filestat_get(__wasi_fd_t descriptor, __wasi_filestat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_filestat_get(descriptor, status);
    const struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    fill_filestat(file->entry, status);
    return __WASI_ERRNO_SUCCESS;
}

/* ---- reading files ---- */

/* Makes the contents of a deflated file present in file->inflated. */
static __wasi_errno_t inflate_file(struct open_file *file)
{
    const struct stdlib_archive_entry *entry = entry_of(file);
    if (file->inflated != NULL)
        return __WASI_ERRNO_SUCCESS;
    uint8_t *stored = malloc(entry->stored_size);
    uint8_t *inflated = malloc(entry->size > 0 ? entry->size : 1);
    __wasi_errno_t result = __WASI_ERRNO_NOMEM;
    if (stored != NULL && inflated != NULL) {
        uLongf size = entry->size;
        stdlib_archive_read(stored, entry->first, entry->stored_size);
        int status = uncompress(inflated, &size, stored, entry->stored_size);
        if (status == Z_OK && size == entry->size) {
            file->inflated = inflated;
            inflated = NULL;
            result = __WASI_ERRNO_SUCCESS;
        } else if (status != Z_MEM_ERROR) {
            result = __WASI_ERRNO_IO;
        }
    }
    free(stored);
    free(inflated);
    return result;
}

static __wasi_errno_t read_at(struct open_file *file, const __wasi_iovec_t *buffers, size_t buffer_count,
                              uint64_t position, __wasi_size_t *read_count)
{
    const struct stdlib_archive_entry *entry = entry_of(file);
    if (entry->kind == STDLIB_ARCHIVE_DIRECTORY)
        return __WASI_ERRNO_ISDIR;
    if (entry->kind == STDLIB_ARCHIVE_DEFLATED) {
        __wasi_errno_t error = inflate_file(file);
        if (error != __WASI_ERRNO_SUCCESS)
            return error;
    }
    uint32_t offset = position < entry->size ? (uint32_t)position : entry->size;
    uint32_t total = 0;
    for (size_t i = 0; i < buffer_count && offset < entry->size; i++) {
        uint32_t left = entry->size - offset;
        uint32_t length = buffers[i].buf_len < left ? (uint32_t)buffers[i].buf_len : left;
        if (entry->kind == STDLIB_ARCHIVE_STORED)
            stdlib_archive_read(buffers[i].buf, entry->first + offset, length);
        else
            memcpy(buffers[i].buf, file->inflated + offset, length);
        offset += length;
        total += length;
    }
    *read_count = total;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_read(__wasi_fd_t, const __wasi_iovec_t *, size_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_read(__wasi_fd_t descriptor, const __wasi_iovec_t *buffers, size_t buffer_count,
                                     __wasi_size_t *read_count)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_read(descriptor, buffers, buffer_count, read_count);
    struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    __wasi_errno_t error = read_at(file, buffers, buffer_count, file->position, read_count);
    if (error == __WASI_ERRNO_SUCCESS)
        file->position += *read_count;
    return error;
}

__wasi_errno_t __real___wasi_fd_pread(__wasi_fd_t, const __wasi_iovec_t *, size_t, __wasi_filesize_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_pread(__wasi_fd_t descriptor, const __wasi_iovec_t *buffers, size_t buffer_count,
                                      __wasi_filesize_t offset, __wasi_size_t *read_count)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_pread(descriptor, buffers, buffer_count, offset, read_count);
    struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    return read_at(file, buffers, buffer_count, offset, read_count);
}

__wasi_errno_t __real___wasi_fd_seek(__wasi_fd_t, __wasi_filedelta_t, __wasi_whence_t, __wasi_filesize_t *);
__wasi_errno_t __wrap___wasi_fd_seek(__wasi_fd_t descriptor, __wasi_filedelta_t delta, __wasi_whence_t whence,
                                     __wasi_filesize_t *position)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_seek(descriptor, delta, whence, position);
    struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    if (is_directory(file))
        return __WASI_ERRNO_ISDIR;
    int64_t base = 0;
    if (whence == __WASI_WHENCE_CUR)
        base = (int64_t)file->position;
    else if (whence == __WASI_WHENCE_END)
        base = entry_of(file)->size;
    int64_t target;
    if (__builtin_add_overflow(base, delta, &target) || target < 0)
        return __WASI_ERRNO_INVAL;
    file->position = (uint64_t)target;
    *position = file->position;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_tell(__wasi_fd_t, __wasi_filesize_t *);
__wasi_errno_t __wrap___wasi_fd_tell(__wasi_fd_t descriptor, __wasi_filesize_t *position)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_tell(descriptor, position);
    const struct open_file *file = lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    *position = file->position;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_advise(__wasi_fd_t, __wasi_filesize_t, __wasi_filesize_t, __wasi_advice_t);
__wasi_errno_t __wrap___wasi_fd_advise(__wasi_fd_t descriptor, __wasi_filesize_t offset, __wasi_filesize_t length,
                                       __wasi_advice_t advice)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_advise(descriptor, offset, length, advice);
    return lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS;
}

/* ---- directories ---- */

/* Cookies: 0 is ".", 1 is "..", 2 + i is child i. */
static void directory_item(const struct open_file *directory, uint64_t cookie, __wasi_dirent_t *head, const char **name)
{
    const struct stdlib_archive_entry *entry = entry_of(directory);
    uint32_t number = directory->entry;
    if (cookie < 2) {
        *name = "..";
        head->d_namlen = (__wasi_dirnamlen_t)cookie + 1;
        if (cookie == 1)
            number = entry->parent;
    } else {
        number = entry->first + (uint32_t)(cookie - 2);
        *name = library.names + library.entries[number].name_offset;
        head->d_namlen = library.entries[number].name_length;
    }
    head->d_next = cookie + 1;
    head->d_ino = (__wasi_inode_t)number + 1;
    head->d_type = library.entries[number].kind == STDLIB_ARCHIVE_DIRECTORY ? __WASI_FILETYPE_DIRECTORY
                                                                            : __WASI_FILETYPE_REGULAR_FILE;
}

/* Appends as much of data[0..length) as fits, which is how preview1 says "there is more". */
static void append(uint8_t *buffer, __wasi_size_t size, __wasi_size_t *used, const void *data, size_t length)
{
    size_t room = size - *used;
    size_t count = length < room ? length : room;
    memcpy(buffer + *used, data, count);
    *used += (__wasi_size_t)count;
}

__wasi_errno_t __real___wasi_fd_readdir(__wasi_fd_t, uint8_t *, __wasi_size_t, __wasi_dircookie_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_readdir(__wasi_fd_t descriptor, uint8_t *buffer, __wasi_size_t size,
                                        __wasi_dircookie_t cookie, __wasi_size_t *used)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_readdir(descriptor, buffer, size, cookie, used);
    struct open_file *directory;
    __wasi_errno_t error = lookup_directory(descriptor, &directory);
    if (error != __WASI_ERRNO_SUCCESS)
        return error;
    uint64_t end = (uint64_t)entry_of(directory)->stored_size + 2;
    *used = 0;
    for (; cookie < end && *used < size; cookie++) {
        __wasi_dirent_t head = {0};
        const char *name;
        directory_item(directory, cookie, &head, &name);
        append(buffer, size, used, &head, sizeof(head));
        append(buffer, size, used, name, head.d_namlen);
    }
    return __WASI_ERRNO_SUCCESS;
}

/* ---- paths ---- */

static __wasi_errno_t take_descriptor(uint32_t entry, __wasi_fd_t *descriptor)
{
    for (uint32_t slot = 1; slot < STDLIB_FS_DESCRIPTORS_MAXIMUM; slot++) {
        if (open_files[slot].used)
            continue;
        open_files[slot] = (struct open_file){.used = true, .entry = entry};
        *descriptor = (__wasi_fd_t)(STDLIB_FS_FIRST_DESCRIPTOR + slot);
        return __WASI_ERRNO_SUCCESS;
    }
    return __WASI_ERRNO_MFILE;
}

static __wasi_errno_t open_path(__wasi_fd_t descriptor, const char *path, __wasi_oflags_t flags, __wasi_rights_t rights,
                                __wasi_fd_t *opened)
{
    struct open_file *directory;
    __wasi_errno_t error = lookup_directory(descriptor, &directory);
    if (error != __WASI_ERRNO_SUCCESS)
        return error;
    uint32_t entry;
    bool parent_exists;
    error = resolve(directory->entry, path, &entry, &parent_exists);
    if (error == __WASI_ERRNO_NOENT && parent_exists && (flags & __WASI_OFLAGS_CREAT))
        return __WASI_ERRNO_ROFS;
    if (error != __WASI_ERRNO_SUCCESS)
        return error;
    if ((flags & __WASI_OFLAGS_CREAT) && (flags & __WASI_OFLAGS_EXCL))
        return __WASI_ERRNO_EXIST;
    bool is_folder = library.entries[entry].kind == STDLIB_ARCHIVE_DIRECTORY;
    if ((flags & __WASI_OFLAGS_DIRECTORY) && !is_folder)
        return __WASI_ERRNO_NOTDIR;
    /* A directory is opened with every right wasi-libc can think of; that is no wish to write to it. */
    if (!is_folder && ((rights & WRITE_RIGHTS) || (flags & __WASI_OFLAGS_TRUNC)))
        return __WASI_ERRNO_ROFS;
    if (is_folder && (rights & __WASI_RIGHTS_FD_WRITE) && !(flags & __WASI_OFLAGS_DIRECTORY))
        return __WASI_ERRNO_ISDIR;
    return take_descriptor(entry, opened);
}

__wasi_errno_t __real___wasi_path_open(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_oflags_t,
                                       __wasi_rights_t, __wasi_rights_t, __wasi_fdflags_t, __wasi_fd_t *);
__wasi_errno_t __wrap___wasi_path_open(__wasi_fd_t descriptor, __wasi_lookupflags_t lookup_flags, const char *path,
                                       __wasi_oflags_t flags, __wasi_rights_t rights, __wasi_rights_t inherited,
                                       __wasi_fdflags_t descriptor_flags, __wasi_fd_t *opened)
{
    if (is_ours(descriptor))
        return open_path(descriptor, path, flags, rights, opened);
    __wasi_errno_t error = __real___wasi_path_open(descriptor, lookup_flags, path, flags, rights, inherited,
                                                   descriptor_flags, opened);
    if (error == __WASI_ERRNO_SUCCESS && is_ours(*opened)) {
        error = __real___wasi_fd_close(*opened);
        return __WASI_ERRNO_MFILE;
    }
    return error;
}

__wasi_errno_t __real___wasi_path_filestat_get(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_filestat_t *);
__wasi_errno_t __wrap___wasi_path_filestat_get(__wasi_fd_t descriptor, __wasi_lookupflags_t flags, const char *path,
                                               __wasi_filestat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_filestat_get(descriptor, flags, path, status);
    struct open_file *directory;
    uint32_t entry;
    bool parent_exists;
    __wasi_errno_t error = lookup_directory(descriptor, &directory);
    if (error == __WASI_ERRNO_SUCCESS)
        error = resolve(directory->entry, path, &entry, &parent_exists);
    if (error == __WASI_ERRNO_SUCCESS)
        fill_filestat(entry, status);
    return error;
}

__wasi_errno_t __real___wasi_path_readlink(__wasi_fd_t, const char *, uint8_t *, __wasi_size_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_path_readlink(__wasi_fd_t descriptor, const char *path, uint8_t *buffer,
                                           __wasi_size_t size, __wasi_size_t *used)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_readlink(descriptor, path, buffer, size, used);
    struct open_file *directory;
    uint32_t entry;
    bool parent_exists;
    __wasi_errno_t error = lookup_directory(descriptor, &directory);
    if (error == __WASI_ERRNO_SUCCESS)
        error = resolve(directory->entry, path, &entry, &parent_exists);
    return error == __WASI_ERRNO_SUCCESS ? __WASI_ERRNO_INVAL : error; /* there are no links here */
}

/* ---- waiting ---- */

/*
 * A file of the archive is always ready. When one is among the subscriptions, those are answered at once and the rest
 * not waited for: their turn comes with the caller's next call.
 */
__wasi_errno_t __real___wasi_poll_oneoff(const __wasi_subscription_t *, __wasi_event_t *, __wasi_size_t,
                                         __wasi_size_t *);
__wasi_errno_t __wrap___wasi_poll_oneoff(const __wasi_subscription_t *subscriptions, __wasi_event_t *events,
                                         __wasi_size_t count, __wasi_size_t *event_count)
{
    __wasi_size_t ready = 0;
    for (__wasi_size_t i = 0; i < count; i++) {
        const __wasi_subscription_t *subscription = &subscriptions[i];
        if (subscription->u.tag == __WASI_EVENTTYPE_CLOCK)
            continue;
        __wasi_fd_t descriptor = subscription->u.u.fd_read.file_descriptor;
        if (!is_ours(descriptor))
            continue;
        const struct open_file *file = lookup(descriptor);
        events[ready] = (__wasi_event_t){
            .userdata = subscription->userdata,
            .error = file == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS,
            .type = subscription->u.tag,
        };
        if (file != NULL && !is_directory(file) && file->position < entry_of(file)->size)
            events[ready].fd_readwrite.nbytes = entry_of(file)->size - file->position;
        ready++;
    }
    if (ready == 0)
        return __real___wasi_poll_oneoff(subscriptions, events, count, event_count);
    *event_count = ready;
    return __WASI_ERRNO_SUCCESS;
}

/* ---- everything that would change something ---- */

__wasi_errno_t __real___wasi_fd_write(__wasi_fd_t, const __wasi_ciovec_t *, size_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_write(__wasi_fd_t descriptor, const __wasi_ciovec_t *buffers, size_t buffer_count,
                                      __wasi_size_t *written)
{
    return is_ours(descriptor) ? __WASI_ERRNO_BADF /* never open for writing */
                               : __real___wasi_fd_write(descriptor, buffers, buffer_count, written);
}

__wasi_errno_t __real___wasi_fd_pwrite(__wasi_fd_t, const __wasi_ciovec_t *, size_t, __wasi_filesize_t,
                                       __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_pwrite(__wasi_fd_t descriptor, const __wasi_ciovec_t *buffers, size_t buffer_count,
                                       __wasi_filesize_t offset, __wasi_size_t *written)
{
    return is_ours(descriptor) ? __WASI_ERRNO_BADF
                               : __real___wasi_fd_pwrite(descriptor, buffers, buffer_count, offset, written);
}

__wasi_errno_t __real___wasi_fd_allocate(__wasi_fd_t, __wasi_filesize_t, __wasi_filesize_t);
__wasi_errno_t __wrap___wasi_fd_allocate(__wasi_fd_t descriptor, __wasi_filesize_t offset, __wasi_filesize_t length)
{
    return is_ours(descriptor) ? refuse_change(descriptor) : __real___wasi_fd_allocate(descriptor, offset, length);
}

__wasi_errno_t __real___wasi_fd_sync(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_sync(__wasi_fd_t descriptor)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_sync(descriptor);
    return lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_datasync(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_datasync(__wasi_fd_t descriptor)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_datasync(descriptor);
    return lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_fdstat_set_flags(__wasi_fd_t, __wasi_fdflags_t);
__wasi_errno_t __wrap___wasi_fd_fdstat_set_flags(__wasi_fd_t descriptor, __wasi_fdflags_t flags)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_fdstat_set_flags(descriptor, flags);
    return lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS; /* no flag changes a plain read */
}

__wasi_errno_t __real___wasi_fd_filestat_set_size(__wasi_fd_t, __wasi_filesize_t);
__wasi_errno_t __wrap___wasi_fd_filestat_set_size(__wasi_fd_t descriptor, __wasi_filesize_t size)
{
    return is_ours(descriptor) ? refuse_change(descriptor) : __real___wasi_fd_filestat_set_size(descriptor, size);
}

__wasi_errno_t __real___wasi_fd_filestat_set_times(__wasi_fd_t, __wasi_timestamp_t, __wasi_timestamp_t,
                                                   __wasi_fstflags_t);
__wasi_errno_t __wrap___wasi_fd_filestat_set_times(__wasi_fd_t descriptor, __wasi_timestamp_t accessed,
                                                   __wasi_timestamp_t modified, __wasi_fstflags_t flags)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_fd_filestat_set_times(descriptor, accessed, modified, flags);
}

/* A descriptor cannot move between the two worlds, and within ours nothing needs it to. */
__wasi_errno_t __real___wasi_fd_renumber(__wasi_fd_t, __wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_renumber(__wasi_fd_t from, __wasi_fd_t to)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_fd_renumber(from, to);
    if (is_ours(from) && lookup(from) == NULL)
        return __WASI_ERRNO_BADF;
    return __WASI_ERRNO_NOTSUP;
}

__wasi_errno_t __real___wasi_path_create_directory(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_create_directory(__wasi_fd_t descriptor, const char *path)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_create_directory(descriptor, path);
    __wasi_filestat_t status;
    if (__wrap___wasi_path_filestat_get(descriptor, 0, path, &status) == __WASI_ERRNO_SUCCESS)
        return __WASI_ERRNO_EXIST;
    return refuse_change(descriptor);
}

__wasi_errno_t __real___wasi_path_filestat_set_times(__wasi_fd_t, __wasi_lookupflags_t, const char *,
                                                     __wasi_timestamp_t, __wasi_timestamp_t, __wasi_fstflags_t);
__wasi_errno_t __wrap___wasi_path_filestat_set_times(__wasi_fd_t descriptor, __wasi_lookupflags_t lookup_flags,
                                                     const char *path, __wasi_timestamp_t accessed,
                                                     __wasi_timestamp_t modified, __wasi_fstflags_t flags)
{
    return is_ours(descriptor)
               ? refuse_change(descriptor)
               : __real___wasi_path_filestat_set_times(descriptor, lookup_flags, path, accessed, modified, flags);
}

/* A link or a rename that touches our side crosses file systems or changes ours; the former is what the two sides have
 * in common, so that shutil.move falls back to copying. */
__wasi_errno_t __real___wasi_path_link(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_link(__wasi_fd_t from, __wasi_lookupflags_t flags, const char *old_path,
                                       __wasi_fd_t to, const char *new_path)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_path_link(from, flags, old_path, to, new_path);
    return is_ours(from) && is_ours(to) ? __WASI_ERRNO_ROFS : __WASI_ERRNO_XDEV;
}

__wasi_errno_t __real___wasi_path_rename(__wasi_fd_t, const char *, __wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_rename(__wasi_fd_t from, const char *old_path, __wasi_fd_t to, const char *new_path)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_path_rename(from, old_path, to, new_path);
    return is_ours(from) && is_ours(to) ? __WASI_ERRNO_ROFS : __WASI_ERRNO_XDEV;
}

__wasi_errno_t __real___wasi_path_symlink(const char *, __wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_symlink(const char *old_path, __wasi_fd_t descriptor, const char *new_path)
{
    return is_ours(descriptor) ? refuse_change(descriptor) : __real___wasi_path_symlink(old_path, descriptor, new_path);
}

__wasi_errno_t __real___wasi_path_remove_directory(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_remove_directory(__wasi_fd_t descriptor, const char *path)
{
    return is_ours(descriptor) ? refuse_change(descriptor) : __real___wasi_path_remove_directory(descriptor, path);
}

__wasi_errno_t __real___wasi_path_unlink_file(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_unlink_file(__wasi_fd_t descriptor, const char *path)
{
    return is_ours(descriptor) ? refuse_change(descriptor) : __real___wasi_path_unlink_file(descriptor, path);
}
