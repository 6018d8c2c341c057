/* From a guest path to a file beneath a directory. Invariant: every walk along a path is one
 * openat2(2) with RESOLVE_BENEATH; a call that acts on a name gets that name alone, without a slash
 * and never "." or "..", in a parent that was reached that way, and follows no link. */
#include "wasi/guest_memory.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* openat2(2): EAGAIN when ".." was walked while something was renamed. A program in the host that
 * renames without end must not hold the guest here. */
#define ATTEMPTS 32

int resolve_open(int directory, const char *path, int flags, unsigned mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        fd = syscall(SYS_openat2, directory, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}

uint32_t path_copy(const struct wasi_host *host, uint32_t address, uint32_t size, char *path)
{
    const char *bytes = guest_at(host, address, size);
    if (bytes == NULL)
        return WASI_ERRNO_FAULT;
    if (size > WASI_PATH_MAX)
        return WASI_ERRNO_NAMETOOLONG;
    if (size == 0)
        return WASI_ERRNO_NOENT;
    if (memchr(bytes, '\0', size) != NULL)
        return WASI_ERRNO_INVAL;
    memcpy(path, bytes, size);
    path[size] = '\0';
    return WASI_ERRNO_SUCCESS;
}

uint32_t path_copy_relative(const struct wasi_host *host, uint32_t address, uint32_t size,
                            char *path)
{
    uint32_t failure = path_copy(host, address, size, path);
    if (failure == WASI_ERRNO_SUCCESS && path[0] == '/')
        failure = WASI_ERRNO_NOTCAPABLE;
    return failure;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The answer for a path that ends in "." or "..": first of all whether it stays beneath. */
static uint32_t refuse_dots(const struct descriptor *directory, const char *path, uint32_t dots)
{
    int fd = resolve_open(directory->host_fd, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return errno_from_resolution(errno);
    (void)close(fd);
    return dots;
}

uint32_t place_find(const struct descriptor *directory, char *path, uint32_t dots,
                    struct place *place)
{
    size_t length = strlen(path);
    size_t end = length;
    while (end > 1 && path[end - 1] == '/')
        end--;
    path[end] = '\0';
    char *slash = strrchr(path, '/');
    char *name = slash == NULL ? path : slash + 1;
    if (is_dots(name))
        return refuse_dots(directory, path, dots);
    *place = (struct place){
        .parent = directory->host_fd,
        .name = name,
        .slash = end < length,
    };
    if (slash == NULL)
        return WASI_ERRNO_SUCCESS;
    *slash = '\0';
    place->parent = resolve_open(directory->host_fd, path, O_PATH | O_DIRECTORY, 0);
    if (place->parent < 0)
        return errno_from_resolution(errno);
    place->parent_owned = true;
    return WASI_ERRNO_SUCCESS;
}

void place_close(struct place *place)
{
    if (place->parent_owned)
        (void)close(place->parent);
    place->parent_owned = false;
}

bool is_procfs(int host_fd)
{
    struct statfs file_system;
    return fstatfs(host_fd, &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC;
}
