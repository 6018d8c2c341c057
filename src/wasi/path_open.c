/* path_open. Invariant: the new descriptor is a regular file or a directory beneath the given one,
 * has no right that the given one does not pass on, and nothing was created, truncated or opened
 * for writing unless it lies beneath a writable preopen. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CREATE_MODE 0666u

/* Only fd_write makes an open one for writing. Programs ask for fd_allocate and
 * fd_filestat_set_size too when they only mean to read (Go does); those rights do not apply to a
 * file that is not open for writing and are left out then. */
static void prepare_request(struct open_request *request)
{
    request->read = (request->rights & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)) != 0;
    request->write =
        (request->rights & WASI_RIGHT_FD_WRITE) != 0 || open_wants(request, WASI_OFLAGS_TRUNC);
}

static uint64_t rights_needed(const struct open_request *request)
{
    uint64_t needed = WASI_RIGHT_PATH_OPEN;
    if (open_wants(request, WASI_OFLAGS_CREAT))
        needed |= WASI_RIGHT_PATH_CREATE_FILE;
    if (open_wants(request, WASI_OFLAGS_TRUNC))
        needed |= WASI_RIGHT_PATH_FILESTAT_SET_SIZE;
    return needed;
}

static uint64_t inheriting_needed(const struct open_request *request)
{
    uint64_t needed = request->rights | request->inheriting;
    if ((request->fd_flags & WASI_FDFLAGS_DSYNC) != 0)
        needed |= WASI_RIGHT_FD_DATASYNC;
    if ((request->fd_flags & (WASI_FDFLAGS_RSYNC | WASI_FDFLAGS_SYNC)) != 0)
        needed |= WASI_RIGHT_FD_SYNC;
    return needed;
}

/* Opening a FIFO could wait or wake another, opening a device could do anything: neither is opened.
 * procfs holds files that reach into this very process and others. */
static uint32_t check_kind(int host_fd, uint8_t *filetype)
{
    struct stat status;
    if (fstat(host_fd, &status) != 0)
        return errno_from_host(errno);
    *filetype = filetype_from_mode(status.st_mode);
    if (*filetype == WASI_FILETYPE_SYMBOLIC_LINK)
        return WASI_ERRNO_LOOP;
    if ((*filetype != WASI_FILETYPE_REGULAR_FILE && *filetype != WASI_FILETYPE_DIRECTORY) ||
        is_procfs(host_fd))
        return WASI_ERRNO_ACCES;
    return WASI_ERRNO_SUCCESS;
}

/* Looks at what lies at the path without opening it. `exists` is false when nothing does. */
static uint32_t look(const struct descriptor *directory, const char *path,
                     const struct open_request *request, bool *exists)
{
    int flags = O_PATH | (request->follow ? 0 : O_NOFOLLOW) |
                (open_wants(request, WASI_OFLAGS_DIRECTORY) ? O_DIRECTORY : 0);
    int fd = resolve_open(directory->host_fd, path, flags, 0);
    *exists = fd >= 0;
    if (fd < 0)
        return errno == ENOENT && open_wants(request, WASI_OFLAGS_CREAT)
                   ? WASI_ERRNO_SUCCESS
                   : errno_from_resolution(errno);
    uint8_t filetype = WASI_FILETYPE_UNKNOWN;
    uint32_t failure = check_kind(fd, &filetype);
    (void)close(fd);
    if (open_wants(request, WASI_OFLAGS_CREAT) && open_wants(request, WASI_OFLAGS_EXCL))
        return WASI_ERRNO_EXIST;
    if (failure == WASI_ERRNO_SUCCESS && filetype == WASI_FILETYPE_DIRECTORY &&
        (request->write || open_wants(request, WASI_OFLAGS_CREAT)))
        return WASI_ERRNO_ISDIR;
    return failure;
}

uint64_t open_rights(const struct open_request *request, bool is_directory)
{
    uint64_t applicable = is_directory ? DIRECTORY_RIGHTS : FILE_RIGHTS;
    if (!request->write)
        applicable &= ~(WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE);
    return request->rights & applicable;
}

static int host_flags(const struct open_request *request)
{
    int flags = O_NONBLOCK | O_NOCTTY | (request->follow ? 0 : O_NOFOLLOW);
    if (request->write)
        flags |= request->read ? O_RDWR : O_WRONLY;
    if (open_wants(request, WASI_OFLAGS_CREAT))
        flags |= O_CREAT;
    if (open_wants(request, WASI_OFLAGS_EXCL) && open_wants(request, WASI_OFLAGS_CREAT))
        flags |= O_EXCL;
    if (open_wants(request, WASI_OFLAGS_DIRECTORY))
        flags |= O_DIRECTORY;
    if (open_wants(request, WASI_OFLAGS_TRUNC))
        flags |= O_TRUNC;
    if ((request->fd_flags & WASI_FDFLAGS_APPEND) != 0)
        flags |= O_APPEND;
    if ((request->fd_flags & WASI_FDFLAGS_DSYNC) != 0)
        flags |= O_DSYNC;
    if ((request->fd_flags & WASI_FDFLAGS_SYNC) != 0)
        flags |= O_SYNC;
    if ((request->fd_flags & WASI_FDFLAGS_RSYNC) != 0)
        flags |= O_RSYNC;
    return flags;
}

static uint32_t open_file(const struct descriptor *directory, const char *path,
                          const struct open_request *request, struct descriptor *opened)
{
    unsigned mode = open_wants(request, WASI_OFLAGS_CREAT) ? CREATE_MODE : 0;
    int fd = resolve_open(directory->host_fd, path, host_flags(request), mode);
    if (fd < 0)
        return errno_from_resolution(errno);
    uint8_t filetype = WASI_FILETYPE_UNKNOWN;
    uint32_t failure = check_kind(fd, &filetype);
    if (failure != WASI_ERRNO_SUCCESS) {
        (void)close(fd);
        return failure;
    }
    bool is_directory = filetype == WASI_FILETYPE_DIRECTORY;
    *opened = (struct descriptor){
        .kind = is_directory ? DESCRIPTOR_DIRECTORY : DESCRIPTOR_FILE,
        .host_fd = fd,
        .changeable = directory->changeable,
        .writing = request->write,
        .filetype = filetype,
        .flags = (uint16_t)request->fd_flags,
        .grant = directory->grant,
        .rights = open_rights(request, is_directory),
        .inheriting = is_directory ? request->inheriting : 0,
    };
    return WASI_ERRNO_SUCCESS;
}

uint32_t open_beneath(const struct descriptor *directory, const char *path,
                      const struct open_request *request, struct descriptor *opened)
{
    bool exists;
    uint32_t failure = look(directory, path, request, &exists);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((request->write || open_wants(request, WASI_OFLAGS_CREAT)) && !directory->changeable)
        return WASI_ERRNO_ROFS;
    return open_file(directory, path, request, opened);
}

/* The path from the preopen down to what was opened at `path`, or NULL: there is no remembering one
 * that is too long to be walked at once. */
static char *path_from_preopen(const struct descriptor *directory, const char *path)
{
    bool is_preopen = directory->preopen_path != NULL;
    if (!is_preopen && directory->path == NULL)
        return NULL;
    size_t above = is_preopen ? 0 : strlen(directory->path) + 1;
    size_t size = strlen(path);
    if (above + size > WASI_PATH_MAX)
        return NULL;
    char *whole = malloc(above + size + 1);
    if (whole == NULL)
        return NULL;
    if (above > 0) {
        memcpy(whole, directory->path, above - 1);
        whole[above - 1] = '/';
    }
    memcpy(whole + above, path, size + 1);
    return whole;
}

static uint32_t open_at(struct wasi_host *host, const struct descriptor *directory,
                        const struct open_request *request, struct descriptor *opened)
{
    if (directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY)
        return scratch_open(host, directory, host->path, request, opened);
    uint32_t failure = open_beneath(directory, host->path, request, opened);
    if (failure == WASI_ERRNO_SUCCESS)
        opened->path = path_from_preopen(directory, host->path);
    return failure;
}

uint32_t preview1_path_open(void *context, uint32_t fd, uint32_t lookup_flags, uint32_t path,
                            uint32_t size, uint32_t open_flags, uint64_t rights,
                            uint64_t inheriting, uint32_t fd_flags, uint32_t result)
{
    struct wasi_host *host = context;
    struct open_request request = {
        .open_flags = open_flags,
        .fd_flags = fd_flags,
        .rights = rights,
        .inheriting = inheriting,
        .follow = (lookup_flags & WASI_LOOKUPFLAGS_SYMLINK_FOLLOW) != 0,
    };
    prepare_request(&request);
    struct descriptor *directory;
    uint32_t failure = descriptor_find_directory(host, fd, rights_needed(&request), &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(host, result, sizeof(uint32_t));
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    failure = path_copy_relative(host, path, size, host->path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((lookup_flags & ~WASI_LOOKUPFLAGS_ALL) != 0 || (open_flags & ~WASI_OFLAGS_ALL) != 0 ||
        (fd_flags & ~WASI_FDFLAGS_ALL) != 0 || ((rights | inheriting) & ~WASI_RIGHTS_ALL) != 0 ||
        (open_wants(&request, WASI_OFLAGS_CREAT) && open_wants(&request, WASI_OFLAGS_DIRECTORY)))
        return WASI_ERRNO_INVAL;
    if ((inheriting_needed(&request) & ~directory->inheriting) != 0)
        return WASI_ERRNO_NOTCAPABLE;
    if (!descriptor_available(host))
        return WASI_ERRNO_NFILE;
    struct descriptor opened;
    failure = open_at(host, directory, &request, &opened);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    store_u32(to, descriptor_install(host, &opened));
    return WASI_ERRNO_SUCCESS;
}
