/* What is known of a descriptor and what of that can be set: fd_fdstat_*, fd_filestat_*,
 * fd_prestat_*. Invariant: every record is written whole, its padding zero. */
#include "base/file_status.h"
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)
#define SYNC_FLAGS (WASI_FDFLAGS_DSYNC | WASI_FDFLAGS_RSYNC | WASI_FDFLAGS_SYNC)

uint8_t filetype_from_mode(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFBLK:
        return WASI_FILETYPE_BLOCK_DEVICE;
    case S_IFCHR:
        return WASI_FILETYPE_CHARACTER_DEVICE;
    case S_IFDIR:
        return WASI_FILETYPE_DIRECTORY;
    case S_IFREG:
        return WASI_FILETYPE_REGULAR_FILE;
    case S_IFLNK:
        return WASI_FILETYPE_SYMBOLIC_LINK;
    case S_IFSOCK:
        return WASI_FILETYPE_SOCKET_STREAM;
    default:
        return WASI_FILETYPE_UNKNOWN;
    }
}

uint64_t nanoseconds_from(struct timespec time)
{
    uint64_t nanoseconds;
    if (time.tv_sec < 0)
        return 0;
    if (__builtin_mul_overflow((uint64_t)time.tv_sec, NANOSECONDS_PER_SECOND, &nanoseconds) ||
        __builtin_add_overflow(nanoseconds, (uint64_t)time.tv_nsec, &nanoseconds))
        return UINT64_MAX;
    return nanoseconds;
}

void filestat_store(uint8_t *to, const struct stat *status)
{
    uint8_t record[WASI_FILESTAT_SIZE] = {0};
    store_u64(record, status->st_dev);
    store_u64(record + 8, status->st_ino);
    record[16] = filetype_from_mode(status->st_mode);
    store_u64(record + 24, status->st_nlink);
    store_u64(record + 32, (uint64_t)status->st_size);
    store_u64(record + 40, nanoseconds_from(status->st_atim));
    store_u64(record + 48, nanoseconds_from(status->st_mtim));
    store_u64(record + 56, nanoseconds_from(status->st_ctim));
    memcpy(to, record, sizeof(record));
}

static uint32_t time_from_guest(uint64_t value, bool set, bool now, struct timespec *time)
{
    if (set && now)
        return WASI_ERRNO_INVAL;
    *time = (struct timespec){.tv_nsec = now ? UTIME_NOW : UTIME_OMIT};
    if (set)
        *time = (struct timespec){.tv_sec = (time_t)(value / NANOSECONDS_PER_SECOND),
                                  .tv_nsec = (long)(value % NANOSECONDS_PER_SECOND)};
    return WASI_ERRNO_SUCCESS;
}

uint32_t times_from_guest(uint64_t accessed, uint64_t modified, uint32_t flags,
                          struct timespec times[2])
{
    if ((flags & ~WASI_FSTFLAGS_ALL) != 0)
        return WASI_ERRNO_INVAL;
    uint32_t failure = time_from_guest(accessed, (flags & WASI_FSTFLAGS_ATIM) != 0,
                                       (flags & WASI_FSTFLAGS_ATIM_NOW) != 0, &times[0]);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return time_from_guest(modified, (flags & WASI_FSTFLAGS_MTIM) != 0,
                           (flags & WASI_FSTFLAGS_MTIM_NOW) != 0, &times[1]);
}

uint32_t preview1_fd_fdstat_get(void *context, uint32_t fd, uint32_t result)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, 0, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(context, result, WASI_FDSTAT_SIZE);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    uint8_t record[WASI_FDSTAT_SIZE] = {0};
    record[0] = descriptor->filetype;
    store_u16(record + 2, descriptor->flags);
    store_u64(record + 8, descriptor->rights);
    store_u64(record + 16, descriptor->inheriting);
    memcpy(to, record, sizeof(record));
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_fdstat_set_flags(void *context, uint32_t fd, uint32_t flags)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((flags & ~WASI_FDFLAGS_ALL) != 0)
        return WASI_ERRNO_INVAL;
    uint32_t changed = flags ^ descriptor->flags;
    /* Linux cannot change the sync flags of an open file; see fcntl(2), F_SETFL. */
    if ((changed & SYNC_FLAGS) != 0)
        return WASI_ERRNO_NOTSUP;
    if ((changed & WASI_FDFLAGS_APPEND) != 0 && descriptor->kind != DESCRIPTOR_FILE &&
        descriptor->kind != DESCRIPTOR_SCRATCH_FILE)
        return WASI_ERRNO_NOTSUP;
    /* A file that is open for reading only has no use for it, and beneath a read-only preopen a
     * seccomp filter may not allow it. Of a file in scratch the kernel knows nothing. */
    if (descriptor->node == NULL && (changed & WASI_FDFLAGS_APPEND) != 0 &&
        descriptor->changeable) {
        int append = (flags & WASI_FDFLAGS_APPEND) != 0 ? O_APPEND : 0;
        if (fcntl(descriptor->host_fd, F_SETFL, append | O_NONBLOCK) != 0)
            return errno_from_host(errno);
    }
    descriptor->flags = (uint16_t)flags;
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_filestat_get(void *context, uint32_t fd, uint32_t result)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_FILESTAT_GET, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(context, result, WASI_FILESTAT_SIZE);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    struct stat status = {.st_mode = S_IFIFO, .st_nlink = 1}; /* of a stream */
    if (descriptor->node != NULL)
        scratch_status(descriptor->node, &status);
    else if (descriptor->kind != DESCRIPTOR_STREAM &&
             file_status(descriptor->host_fd, &status) != 0)
        return errno_from_host(errno);
    filestat_store(to, &status);
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_filestat_set_size(void *context, uint32_t fd, uint64_t size)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_FILESTAT_SET_SIZE, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (!descriptor_changeable(context, descriptor))
        return WASI_ERRNO_ROFS;
    if (size > INT64_MAX)
        return WASI_ERRNO_INVAL;
    if (descriptor->kind == DESCRIPTOR_SCRATCH_FILE)
        return scratch_set_size(context, descriptor, size);
    int result;
    do
        result = ftruncate(descriptor->host_fd, (off_t)size);
    while (result != 0 && errno == EINTR);
    return result == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(errno);
}

uint32_t preview1_fd_filestat_set_times(void *context, uint32_t fd, uint64_t accessed,
                                        uint64_t modified, uint32_t flags)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_FILESTAT_SET_TIMES, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    struct timespec times[2];
    failure = times_from_guest(accessed, modified, flags, times);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (!descriptor_changeable(context, descriptor))
        return WASI_ERRNO_ROFS;
    if (descriptor->node != NULL)
        scratch_set_times(descriptor->node, times);
    else if (futimens(descriptor->host_fd, times) != 0)
        return errno_from_host(errno);
    return WASI_ERRNO_SUCCESS;
}

/* wasi-libc and others count preopens upwards from 3 and stop at badf. */
static uint32_t find_preopen(struct wasi_host *host, uint32_t fd, struct descriptor **preopen)
{
    uint32_t failure = descriptor_find(host, fd, 0, preopen);
    if (failure == WASI_ERRNO_SUCCESS && (*preopen)->preopen_path == NULL)
        return WASI_ERRNO_BADF;
    return failure;
}

uint32_t preview1_fd_prestat_get(void *context, uint32_t fd, uint32_t result)
{
    struct descriptor *preopen;
    uint32_t failure = find_preopen(context, fd, &preopen);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(context, result, WASI_PRESTAT_SIZE);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    uint8_t record[WASI_PRESTAT_SIZE] = {WASI_PREOPENTYPE_DIR};
    store_u32(record + 4, (uint32_t)strlen(preopen->preopen_path));
    memcpy(to, record, sizeof(record));
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_prestat_dir_name(void *context, uint32_t fd, uint32_t path, uint32_t size)
{
    struct descriptor *preopen;
    uint32_t failure = find_preopen(context, fd, &preopen);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(context, path, size);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    size_t length = strlen(preopen->preopen_path);
    if (length > size)
        return WASI_ERRNO_NAMETOOLONG;
    memcpy(to, preopen->preopen_path, length);
    return WASI_ERRNO_SUCCESS;
}
