/*
 * The guest's file system: everything that would change something. Files of the library are never
 * open for writing, so writing to one is EBADF; changing a name or an attribute is EROFS. See
 * guest_fs.h.
 */
#include "guest_fs.h"

/* What every attempt to change an attribute through an open descriptor answers. */
static __wasi_errno_t refuse_change(__wasi_fd_t descriptor)
{
    return guest_fs_lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_ROFS;
}

/* Writing to /dev/null succeeds and does nothing. */
static __wasi_errno_t write_nowhere(__wasi_fd_t descriptor, const __wasi_ciovec_t *buffers,
                                    size_t buffer_count, __wasi_size_t *written)
{
    const struct open_file *file = guest_fs_lookup(descriptor);
    if (file == NULL || guest_fs_entry(file->entry)->kind != STDLIB_ARCHIVE_NULL_DEVICE)
        return __WASI_ERRNO_BADF;
    *written = 0;
    for (size_t i = 0; i < buffer_count; i++)
        *written += buffers[i].buf_len;
    return __WASI_ERRNO_SUCCESS;
}

/* Flags, and flushing to a disk: nothing of it matters to a plain read. */
static __wasi_errno_t accept_without_effect(__wasi_fd_t descriptor)
{
    return guest_fs_lookup(descriptor) == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_write(__wasi_fd_t, const __wasi_ciovec_t *, size_t,
                                      __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_write(__wasi_fd_t descriptor, const __wasi_ciovec_t *buffers,
                                      size_t buffer_count, __wasi_size_t *written)
{
    return is_ours(descriptor) ? write_nowhere(descriptor, buffers, buffer_count, written)
                               : __real___wasi_fd_write(descriptor, buffers, buffer_count, written);
}

__wasi_errno_t __real___wasi_fd_pwrite(__wasi_fd_t, const __wasi_ciovec_t *, size_t,
                                       __wasi_filesize_t, __wasi_size_t *);
__wasi_errno_t __wrap___wasi_fd_pwrite(__wasi_fd_t descriptor, const __wasi_ciovec_t *buffers,
                                       size_t buffer_count, __wasi_filesize_t offset,
                                       __wasi_size_t *written)
{
    return is_ours(descriptor)
               ? write_nowhere(descriptor, buffers, buffer_count, written)
               : __real___wasi_fd_pwrite(descriptor, buffers, buffer_count, offset, written);
}

__wasi_errno_t __real___wasi_fd_allocate(__wasi_fd_t, __wasi_filesize_t, __wasi_filesize_t);
__wasi_errno_t __wrap___wasi_fd_allocate(__wasi_fd_t descriptor, __wasi_filesize_t offset,
                                         __wasi_filesize_t length)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_fd_allocate(descriptor, offset, length);
}

__wasi_errno_t __real___wasi_fd_sync(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_sync(__wasi_fd_t descriptor)
{
    return is_ours(descriptor) ? accept_without_effect(descriptor)
                               : __real___wasi_fd_sync(descriptor);
}

__wasi_errno_t __real___wasi_fd_datasync(__wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_datasync(__wasi_fd_t descriptor)
{
    return is_ours(descriptor) ? accept_without_effect(descriptor)
                               : __real___wasi_fd_datasync(descriptor);
}

__wasi_errno_t __real___wasi_fd_fdstat_set_flags(__wasi_fd_t, __wasi_fdflags_t);
__wasi_errno_t __wrap___wasi_fd_fdstat_set_flags(__wasi_fd_t descriptor, __wasi_fdflags_t flags)
{
    return is_ours(descriptor) ? accept_without_effect(descriptor)
                               : __real___wasi_fd_fdstat_set_flags(descriptor, flags);
}

__wasi_errno_t __real___wasi_fd_filestat_set_size(__wasi_fd_t, __wasi_filesize_t);
__wasi_errno_t __wrap___wasi_fd_filestat_set_size(__wasi_fd_t descriptor, __wasi_filesize_t size)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_fd_filestat_set_size(descriptor, size);
}

__wasi_errno_t __real___wasi_fd_filestat_set_times(__wasi_fd_t, __wasi_timestamp_t,
                                                   __wasi_timestamp_t, __wasi_fstflags_t);
__wasi_errno_t __wrap___wasi_fd_filestat_set_times(__wasi_fd_t descriptor,
                                                   __wasi_timestamp_t accessed,
                                                   __wasi_timestamp_t modified,
                                                   __wasi_fstflags_t flags)
{
    return is_ours(descriptor)
               ? refuse_change(descriptor)
               : __real___wasi_fd_filestat_set_times(descriptor, accessed, modified, flags);
}

/* A descriptor cannot move between the two worlds, and within ours nothing needs it to. */
__wasi_errno_t __real___wasi_fd_renumber(__wasi_fd_t, __wasi_fd_t);
__wasi_errno_t __wrap___wasi_fd_renumber(__wasi_fd_t from, __wasi_fd_t to)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_fd_renumber(from, to);
    if (is_ours(from) && guest_fs_lookup(from) == NULL)
        return __WASI_ERRNO_BADF;
    return __WASI_ERRNO_NOTSUP;
}

__wasi_errno_t __real___wasi_path_create_directory(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_create_directory(__wasi_fd_t descriptor, const char *path)
{
    if (!is_ours(descriptor))
        return __real___wasi_path_create_directory(descriptor, path);
    struct open_file *directory;
    uint32_t entry;
    bool parent_exists;
    __wasi_errno_t error = guest_fs_lookup_directory(descriptor, &directory);
    if (error == __WASI_ERRNO_SUCCESS)
        error = guest_fs_resolve(directory->entry, path, &entry, &parent_exists);
    if (error == __WASI_ERRNO_SUCCESS)
        return __WASI_ERRNO_EXIST; /* so that os.makedirs(exist_ok=True) is content */
    return error == __WASI_ERRNO_NOENT && parent_exists ? __WASI_ERRNO_ROFS : error;
}

__wasi_errno_t __real___wasi_path_filestat_set_times(__wasi_fd_t, __wasi_lookupflags_t,
                                                     const char *, __wasi_timestamp_t,
                                                     __wasi_timestamp_t, __wasi_fstflags_t);
__wasi_errno_t __wrap___wasi_path_filestat_set_times(__wasi_fd_t descriptor,
                                                     __wasi_lookupflags_t lookup_flags,
                                                     const char *path, __wasi_timestamp_t accessed,
                                                     __wasi_timestamp_t modified,
                                                     __wasi_fstflags_t flags)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_path_filestat_set_times(
                                     descriptor, lookup_flags, path, accessed, modified, flags);
}

/* A link or a rename that touches our side crosses file systems or changes ours; the former is what
 * the two sides have in common, so that shutil.move falls back to copying. */
__wasi_errno_t __real___wasi_path_link(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_fd_t,
                                       const char *);
__wasi_errno_t __wrap___wasi_path_link(__wasi_fd_t from, __wasi_lookupflags_t flags,
                                       const char *old_path, __wasi_fd_t to, const char *new_path)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_path_link(from, flags, old_path, to, new_path);
    return is_ours(from) && is_ours(to) ? __WASI_ERRNO_ROFS : __WASI_ERRNO_XDEV;
}

__wasi_errno_t __real___wasi_path_rename(__wasi_fd_t, const char *, __wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_rename(__wasi_fd_t from, const char *old_path, __wasi_fd_t to,
                                         const char *new_path)
{
    if (!is_ours(from) && !is_ours(to))
        return __real___wasi_path_rename(from, old_path, to, new_path);
    return is_ours(from) && is_ours(to) ? __WASI_ERRNO_ROFS : __WASI_ERRNO_XDEV;
}

__wasi_errno_t __real___wasi_path_symlink(const char *, __wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_symlink(const char *old_path, __wasi_fd_t descriptor,
                                          const char *new_path)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_path_symlink(old_path, descriptor, new_path);
}

__wasi_errno_t __real___wasi_path_remove_directory(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_remove_directory(__wasi_fd_t descriptor, const char *path)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_path_remove_directory(descriptor, path);
}

__wasi_errno_t __real___wasi_path_unlink_file(__wasi_fd_t, const char *);
__wasi_errno_t __wrap___wasi_path_unlink_file(__wasi_fd_t descriptor, const char *path)
{
    return is_ours(descriptor) ? refuse_change(descriptor)
                               : __real___wasi_path_unlink_file(descriptor, path);
}
