/*
 * The guest's file system: opening, reading, listing and describing. See guest_fs.h.
 *
 * Each __wrap___wasi_NAME stands before the host's NAME, which is __real___wasi_NAME here. What the
 * functions mean is in the WASI preview1 witx (wasi_snapshot_preview1).
 */
#include "guest_fs.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const __wasi_rights_t DIRECTORY_RIGHTS =
    __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_PATH_READLINK |
    __WASI_RIGHTS_PATH_FILESTAT_GET | __WASI_RIGHTS_FD_FILESTAT_GET;
static const __wasi_rights_t FILE_RIGHTS =
    __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL |
    __WASI_RIGHTS_FD_ADVISE | __WASI_RIGHTS_FD_FILESTAT_GET | __WASI_RIGHTS_POLL_FD_READWRITE;
static const __wasi_rights_t WRITE_RIGHTS =
    __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE;

/* What a directory hands on. wasi-libc asks for no more than this, so a wish to write must be in it
 * to be refused. */
static const __wasi_rights_t ALL_RIGHTS = ~(__wasi_rights_t)0;

static const struct stdlib_archive_entry *entry_of(const struct open_file *file)
{
    return guest_fs_entry(file->entry);
}

static bool is_directory(const struct open_file *file)
{
    return entry_of(file)->kind == STDLIB_ARCHIVE_DIRECTORY;
}

static bool is_null_device(const struct open_file *file)
{
    return entry_of(file)->kind == STDLIB_ARCHIVE_NULL_DEVICE;
}

static __wasi_filetype_t filetype_of(const struct stdlib_archive_entry *entry)
{
    switch (entry->kind) {
    case STDLIB_ARCHIVE_DIRECTORY:
        return __WASI_FILETYPE_DIRECTORY;
    case STDLIB_ARCHIVE_NULL_DEVICE:
        return __WASI_FILETYPE_CHARACTER_DEVICE;
    default:
        return __WASI_FILETYPE_REGULAR_FILE;
    }
}

static void fill_filestat(uint32_t entry_number, __wasi_filestat_t *status)
{
    const struct stdlib_archive_entry *entry = guest_fs_entry(entry_number);
    *status = (__wasi_filestat_t){
        .dev = STDLIB_ARCHIVE_MAGIC,
        .ino = (__wasi_inode_t)entry_number + 1,
        .filetype = filetype_of(entry),
        .nlink = 1,
        .size = entry->size,
        .atim = guest_fs_modification_time(),
        .mtim = guest_fs_modification_time(),
        .ctim = guest_fs_modification_time(),
    };
}

__wasi_errno_t __real___wasi_fd_close(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_close(__wasi_fd_t descriptor)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_close(descriptor);
    struct open_file *file = guest_fs_lookup(descriptor);
    return file == NULL ? __WASI_ERRNO_BADF : guest_fs_close(file);
}

__wasi_errno_t __real___wasi_fd_fdstat_get(__wasi_fd_t, __wasi_fdstat_t *);
__wasi_errno_t __wrap___wasi_fd_fdstat_get(__wasi_fd_t descriptor, __wasi_fdstat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_fdstat_get(descriptor, status);
    const struct open_file *file = guest_fs_lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    *status = (__wasi_fdstat_t){
        .fs_filetype = filetype_of(entry_of(file)),
        .fs_rights_base = is_directory(file) ? DIRECTORY_RIGHTS : FILE_RIGHTS,
        .fs_rights_inheriting = is_directory(file) ? ALL_RIGHTS : 0,
    };
    if (is_null_device(file))
        status->fs_rights_base |= __WASI_RIGHTS_FD_WRITE;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_filestat_get(__wasi_fd_t, __wasi_filestat_t *);
__wasi_errno_t __wrap___wasi_fd_filestat_get(__wasi_fd_t descriptor, __wasi_filestat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_filestat_get(descriptor, status);
    const struct open_file *file = guest_fs_lookup(descriptor);
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

static __wasi_errno_t read_at(struct open_file *file, const __wasi_iovec_t *buffers,
                              size_t buffer_count, uint64_t position, __wasi_size_t *read_count)
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
__wasi_errno_t __wrap___wasi_fd_read(__wasi_fd_t descriptor, const __wasi_iovec_t *buffers,
                                     size_t buffer_count, __wasi_size_t *read_count)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_read(descriptor, buffers, buffer_count, read_count);
    struct open_file *file = guest_fs_lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    __wasi_errno_t error = read_at(file, buffers, buffer_count, file->position, read_count);
    if (error == __WASI_ERRNO_SUCCESS)
        file->position += *read_count;
    return error;
}

__wasi_errno_t __real___wasi_fd_pread(__wasi_fd_t, const __wasi_iovec_t *, size_t,
                                      __wasi_filesize_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_pread(__wasi_fd_t descriptor, const __wasi_iovec_t *buffers,
                                      size_t buffer_count, __wasi_filesize_t offset,
                                      __wasi_size_t *read_count)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_pread(descriptor, buffers, buffer_count, offset, read_count);
    struct open_file *file = guest_fs_lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    return read_at(file, buffers, buffer_count, offset, read_count);
}

__wasi_errno_t __real___wasi_fd_seek(__wasi_fd_t, __wasi_filedelta_t, __wasi_whence_t,
                                     __wasi_filesize_t *);
__wasi_errno_t __wrap___wasi_fd_seek(__wasi_fd_t descriptor, __wasi_filedelta_t delta,
                                     __wasi_whence_t whence, __wasi_filesize_t *position)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_seek(descriptor, delta, whence, position);
    struct open_file *file = guest_fs_lookup(descriptor);
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
    file->position = is_null_device(file) ? 0 : (uint64_t)target;
    *position = file->position;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_tell(__wasi_fd_t, __wasi_filesize_t *);
__wasi_errno_t __wrap___wasi_fd_tell(__wasi_fd_t descriptor, __wasi_filesize_t *position)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_tell(descriptor, position);
    const struct open_file *file = guest_fs_lookup(descriptor);
    if (file == NULL)
        return __WASI_ERRNO_BADF;
    *position = file->position;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_advise(__wasi_fd_t, __wasi_filesize_t, __wasi_filesize_t,
                                       __wasi_advice_t);
__wasi_errno_t __wrap___wasi_fd_advise(__wasi_fd_t descriptor, __wasi_filesize_t offset,
                                       __wasi_filesize_t length, __wasi_advice_t advice)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_advise(descriptor, offset, length, advice);
    return guest_fs_lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS;
}

/* ---- directories ---- */

/* Cookies: 0 is ".", 1 is "..", 2 + i is child i. */
static void directory_item(const struct open_file *directory, uint64_t cookie,
                           __wasi_dirent_t *head, const char **name)
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
        *name = guest_fs_name(guest_fs_entry(number));
        head->d_namlen = guest_fs_entry(number)->name_length;
    }
    head->d_next = cookie + 1;
    head->d_ino = (__wasi_inode_t)number + 1;
    head->d_type = filetype_of(guest_fs_entry(number));
}

/* Appends as much of data[0..length) as fits, which is how preview1 says "there is more". */
static void append(uint8_t *buffer, __wasi_size_t size, __wasi_size_t *used, const void *data,
                   size_t length)
{
    size_t room = size - *used;
    size_t count = length < room ? length : room;
    memcpy(buffer + *used, data, count);
    *used += (__wasi_size_t)count;
}

__wasi_errno_t __real___wasi_fd_readdir(__wasi_fd_t, uint8_t *, __wasi_size_t, __wasi_dircookie_t,
                                        __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_readdir(__wasi_fd_t descriptor, uint8_t *buffer, __wasi_size_t size,
                                        __wasi_dircookie_t cookie, __wasi_size_t *used)
{
    if (!is_ours(descriptor))
        return __real___wasi_fd_readdir(descriptor, buffer, size, cookie, used);
    struct open_file *directory;
    __wasi_errno_t error = guest_fs_lookup_directory(descriptor, &directory);
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

static __wasi_errno_t open_path(__wasi_fd_t descriptor, const char *path, __wasi_oflags_t flags,
                                __wasi_rights_t rights, __wasi_fd_t *opened)
{
    struct open_file *directory;
    __wasi_errno_t error = guest_fs_lookup_directory(descriptor, &directory);
    if (error != __WASI_ERRNO_SUCCESS)
        return error;
    uint32_t entry;
    bool parent_exists;
    error = guest_fs_resolve(directory->entry, path, &entry, &parent_exists);
    if (error == __WASI_ERRNO_NOENT && parent_exists && (flags & __WASI_OFLAGS_CREAT))
        return __WASI_ERRNO_ROFS;
    if (error != __WASI_ERRNO_SUCCESS)
        return error;
    if ((flags & __WASI_OFLAGS_CREAT) && (flags & __WASI_OFLAGS_EXCL))
        return __WASI_ERRNO_EXIST;
    uint16_t kind = guest_fs_entry(entry)->kind;
    bool is_folder = kind == STDLIB_ARCHIVE_DIRECTORY;
    if ((flags & __WASI_OFLAGS_DIRECTORY) && !is_folder)
        return __WASI_ERRNO_NOTDIR;
    /* A directory is opened with every right wasi-libc can think of; that alone is no wish to write
     * to it. */
    if (is_folder && (rights & __WASI_RIGHTS_FD_WRITE) && !(flags & __WASI_OFLAGS_DIRECTORY))
        return __WASI_ERRNO_ISDIR;
    if (!is_folder && kind != STDLIB_ARCHIVE_NULL_DEVICE &&
        ((rights & WRITE_RIGHTS) || (flags & __WASI_OFLAGS_TRUNC)))
        return __WASI_ERRNO_ROFS;
    return guest_fs_open_entry(entry, opened);
}

__wasi_errno_t __real___wasi_path_open(__wasi_fd_t, __wasi_lookupflags_t, const char *,
                                       __wasi_oflags_t, __wasi_rights_t, __wasi_rights_t,
                                       __wasi_fdflags_t, __wasi_fd_t *);
__wasi_errno_t __wrap___wasi_path_open(__wasi_fd_t descriptor, __wasi_lookupflags_t lookup_flags,
                                       const char *path, __wasi_oflags_t flags,
                                       __wasi_rights_t rights, __wasi_rights_t inherited,
                                       __wasi_fdflags_t descriptor_flags, __wasi_fd_t *opened)
{
    if (is_ours(descriptor))
        return open_path(descriptor, path, flags, rights, opened);
    __wasi_errno_t error = __real___wasi_path_open(descriptor, lookup_flags, path, flags, rights,
                                                   inherited, descriptor_flags, opened);
    if (error == __WASI_ERRNO_SUCCESS && is_ours(*opened)) {
        (void)!__real___wasi_fd_close(*opened);
        return __WASI_ERRNO_MFILE;
    }
    return error;
}

__wasi_errno_t __real___wasi_path_filestat_get(__wasi_fd_t, __wasi_lookupflags_t, const char *,
                                               __wasi_filestat_t *);
__wasi_errno_t __wrap___wasi_path_filestat_get(__wasi_fd_t descriptor, __wasi_lookupflags_t flags,
                                               const char *path, __wasi_filestat_t *status)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_filestat_get(descriptor, flags, path, status);
    struct open_file *directory;
    uint32_t entry;
    bool parent_exists;
    __wasi_errno_t error = guest_fs_lookup_directory(descriptor, &directory);
    if (error == __WASI_ERRNO_SUCCESS)
        error = guest_fs_resolve(directory->entry, path, &entry, &parent_exists);
    if (error == __WASI_ERRNO_SUCCESS)
        fill_filestat(entry, status);
    return error;
}

__wasi_errno_t __real___wasi_path_readlink(__wasi_fd_t, const char *, uint8_t *, __wasi_size_t,
                                           __wasi_size_t *);
__wasi_errno_t __wrap___wasi_path_readlink(__wasi_fd_t descriptor, const char *path,
                                           uint8_t *buffer, __wasi_size_t size, __wasi_size_t *used)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_readlink(descriptor, path, buffer, size, used);
    struct open_file *directory;
    uint32_t entry;
    bool parent_exists;
    __wasi_errno_t error = guest_fs_lookup_directory(descriptor, &directory);
    if (error == __WASI_ERRNO_SUCCESS)
        error = guest_fs_resolve(directory->entry, path, &entry, &parent_exists);
    return error == __WASI_ERRNO_SUCCESS ? __WASI_ERRNO_INVAL : error; /* there are no links here */
}

/* ---- waiting ---- */

/*
 * A file of the archive is always ready. When one is among the subscriptions, those are answered at
 * once and the rest not waited for: their turn comes with the caller's next call.
 */
__wasi_errno_t __real___wasi_poll_oneoff(const __wasi_subscription_t *, __wasi_event_t *,
                                         __wasi_size_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_poll_oneoff(const __wasi_subscription_t *subscriptions,
                                         __wasi_event_t *events, __wasi_size_t count,
                                         __wasi_size_t *event_count)
{
    __wasi_size_t ready = 0;
    for (__wasi_size_t i = 0; i < count; i++) {
        const __wasi_subscription_t *subscription = &subscriptions[i];
        if (subscription->u.tag == __WASI_EVENTTYPE_CLOCK)
            continue;
        __wasi_fd_t descriptor = subscription->u.u.fd_read.file_descriptor;
        if (!is_ours(descriptor))
            continue;
        const struct open_file *file = guest_fs_lookup(descriptor);
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
