/* What is known of a path: path_filestat_get, path_filestat_set_times, path_readlink. Invariant:
 * the file is reached by one walk beneath the directory (O_PATH, which opens nothing) and
 * everything is done to what that walk found. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static uint32_t walk(const struct descriptor *directory, const char *path, bool follow, int *found)
{
    *found = resolve_open(directory->host_fd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
    return *found < 0 ? errno_from_resolution(errno) : WASI_ERRNO_SUCCESS;
}

static uint32_t get_status(const struct wasi_host *host, const struct descriptor *directory,
                           const char *path, bool follow, struct stat *status)
{
    if (directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY)
        return scratch_path_status(host, directory, path, status);
    int found;
    uint32_t failure = walk(directory, path, follow, &found);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (fstat(found, status) != 0)
        failure = errno_from_host(errno);
    (void)close(found);
    return failure;
}

uint32_t preview1_path_filestat_get(void *context, uint32_t fd, uint32_t lookup_flags,
                                    uint32_t path, uint32_t size, uint32_t result)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure =
        descriptor_find_directory(host, fd, WASI_RIGHT_PATH_FILESTAT_GET, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(host, result, WASI_FILESTAT_SIZE);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    failure = path_copy_relative(host, path, size, host->path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((lookup_flags & ~WASI_LOOKUPFLAGS_ALL) != 0)
        return WASI_ERRNO_INVAL;
    struct stat status;
    failure = get_status(host, directory, host->path, lookup_flags != 0, &status);
    if (failure == WASI_ERRNO_SUCCESS)
        filestat_store(to, &status);
    return failure;
}

static uint32_t set_times(const struct wasi_host *host, const struct descriptor *directory,
                          const char *path, bool follow, const struct timespec times[2])
{
    if (directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY)
        return scratch_path_set_times(host, directory, path, times);
    int found;
    uint32_t failure = walk(directory, path, follow, &found);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (utimensat(found, "", times, AT_EMPTY_PATH) != 0)
        failure = errno_from_host(errno);
    (void)close(found);
    return failure;
}

uint32_t preview1_path_filestat_set_times(void *context, uint32_t fd, uint32_t lookup_flags,
                                          uint32_t path, uint32_t size, uint64_t accessed,
                                          uint64_t modified, uint32_t flags)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure =
        descriptor_find_directory(host, fd, WASI_RIGHT_PATH_FILESTAT_SET_TIMES, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    failure = path_copy_relative(host, path, size, host->path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    struct timespec times[2];
    failure = times_from_guest(accessed, modified, flags, times);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((lookup_flags & ~WASI_LOOKUPFLAGS_ALL) != 0)
        return WASI_ERRNO_INVAL;
    if (!descriptor_changeable(host, directory))
        return WASI_ERRNO_ROFS;
    return set_times(host, directory, host->path, lookup_flags != 0, times);
}

static uint32_t read_link(int link, uint8_t *to, uint32_t room, uint8_t *used_to)
{
    struct stat status;
    if (fstat(link, &status) != 0)
        return errno_from_host(errno);
    if (!S_ISLNK(status.st_mode) || room == 0)
        return WASI_ERRNO_INVAL;
    if (is_procfs(link))
        return WASI_ERRNO_ACCES;
    ssize_t used = readlinkat(link, "", (char *)to, room);
    if (used < 0)
        return errno_from_host(errno);
    store_u32(used_to, (uint32_t)used);
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_path_readlink(void *context, uint32_t fd, uint32_t path, uint32_t size,
                                uint32_t buffer, uint32_t buffer_size, uint32_t result)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure = descriptor_find_directory(host, fd, WASI_RIGHT_PATH_READLINK, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(host, buffer, buffer_size);
    uint8_t *used_to = guest_at(host, result, sizeof(uint32_t));
    if (to == NULL || used_to == NULL)
        return WASI_ERRNO_FAULT;
    failure = path_copy_relative(host, path, size, host->path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY)
        return scratch_path_readlink(host, directory, host->path);
    int link;
    failure = walk(directory, host->path, false, &link);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    failure = read_link(link, to, buffer_size, used_to);
    (void)close(link);
    return failure;
}
