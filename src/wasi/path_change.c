/* Changing names: path_create_directory, path_link, path_remove_directory, path_rename,
 * path_symlink, path_unlink_file. Invariant: each acts on single names in directories beneath
 * writable preopens (see struct place), and no call follows a link at that name. */
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DIRECTORY_MODE 0777u

/* What link(2) and symlink(2) answer on a file system without links, and programs are prepared for:
 * they rename instead (mailbox.Maildir) or go without. */
#define NO_LINKS WASI_ERRNO_PERM

/* The checks that all share: the directory, the right, the path (which is left in host->path), and
 * that it may be changed. */
static uint32_t find_directory(struct wasi_host *host, uint32_t fd, uint64_t rights, uint32_t path,
                               uint32_t size, struct descriptor **directory)
{
    uint32_t failure = descriptor_find_directory(host, fd, rights, directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    failure = path_copy_relative(host, path, size, host->path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return descriptor_changeable(host, *directory) ? WASI_ERRNO_SUCCESS : WASI_ERRNO_ROFS;
}

static bool is_scratch(const struct descriptor *directory)
{
    return directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY;
}

static uint32_t finish(struct place *place, int result)
{
    uint32_t failure = result == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(errno);
    place_close(place);
    return failure;
}

/* `error` as the answer for the place, which is closed. */
static uint32_t refuse(struct place *place, uint32_t error)
{
    place_close(place);
    return error;
}

static bool is_directory(const struct place *place)
{
    struct stat status;
    return fstatat(place->parent, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

static bool exists(const struct place *place)
{
    struct stat status;
    return fstatat(place->parent, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

uint32_t preview1_path_create_directory(void *context, uint32_t fd, uint32_t path, uint32_t size)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure =
        find_directory(host, fd, WASI_RIGHT_PATH_CREATE_DIRECTORY, path, size, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(directory))
        return scratch_path_create_directory(host, directory, host->path);
    struct place place;
    failure = place_find(directory, host->path, WASI_ERRNO_EXIST, &place);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return finish(&place, mkdirat(place.parent, place.name, DIRECTORY_MODE));
}

uint32_t preview1_path_remove_directory(void *context, uint32_t fd, uint32_t path, uint32_t size)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure =
        find_directory(host, fd, WASI_RIGHT_PATH_REMOVE_DIRECTORY, path, size, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(directory))
        return scratch_path_remove_directory(host, directory, host->path);
    struct place place;
    failure = place_find(directory, host->path, WASI_ERRNO_INVAL, &place);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return finish(&place, unlinkat(place.parent, place.name, AT_REMOVEDIR));
}

uint32_t preview1_path_unlink_file(void *context, uint32_t fd, uint32_t path, uint32_t size)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure =
        find_directory(host, fd, WASI_RIGHT_PATH_UNLINK_FILE, path, size, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(directory))
        return scratch_path_unlink_file(host, directory, host->path);
    struct place place;
    failure = place_find(directory, host->path, WASI_ERRNO_ISDIR, &place);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (place.slash && exists(&place) && !is_directory(&place))
        return refuse(&place, WASI_ERRNO_NOTDIR);
    return finish(&place, unlinkat(place.parent, place.name, 0));
}

uint32_t preview1_path_symlink(void *context, uint32_t target, uint32_t target_size, uint32_t fd,
                               uint32_t path, uint32_t size)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure = path_copy_relative(host, target, target_size, host->other_path);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = find_directory(host, fd, WASI_RIGHT_PATH_SYMLINK, path, size, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(directory))
        return NO_LINKS;
    struct place place;
    failure = place_find(directory, host->path, WASI_ERRNO_EXIST, &place);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (place.slash)
        return refuse(&place, exists(&place) ? WASI_ERRNO_EXIST : WASI_ERRNO_NOENT);
    return finish(&place, symlinkat(host->other_path, place.parent, place.name));
}

/* One end of path_link and path_rename, as the guest gave it. */
struct end {
    uint32_t fd;
    uint32_t path;
    uint32_t size;
    uint64_t right;
    uint32_t dots; /* the answer for a path that ends in "." or ".." */
};

struct move {
    struct place from;
    struct place to;
};

/* The checks that both share; the paths are left in host->path and host->other_path. A name must
 * not come to lie where more may be done with the file than at its old name, nor on another file
 * system (for the kernel that is a question of folders of the host alone). */
static uint32_t find_directories(struct wasi_host *host, const struct end *old,
                                 const struct end *new, struct descriptor **from,
                                 struct descriptor **to)
{
    uint32_t failure = descriptor_find_directory(host, old->fd, old->right, from);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = descriptor_find_directory(host, new->fd, new->right, to);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = path_copy_relative(host, old->path, old->size, host->path);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = path_copy_relative(host, new->path, new->size, host->other_path);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (!descriptor_changeable(host, *from) || !descriptor_changeable(host, *to))
        return WASI_ERRNO_ROFS;
    if (((*to)->inheriting & ~(*from)->inheriting) != 0)
        return WASI_ERRNO_NOTCAPABLE;
    return is_scratch(*from) != is_scratch(*to) ? WASI_ERRNO_XDEV : WASI_ERRNO_SUCCESS;
}

static uint32_t find_places(struct wasi_host *host, const struct descriptor *from,
                            const struct descriptor *to, const struct end *old,
                            const struct end *new, struct move *move)
{
    uint32_t failure = place_find(from, host->path, old->dots, &move->from);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    failure = place_find(to, host->other_path, new->dots, &move->to);
    if (failure != WASI_ERRNO_SUCCESS)
        place_close(&move->from);
    return failure;
}

static uint32_t finish_move(struct move *move, uint32_t failure)
{
    place_close(&move->from);
    place_close(&move->to);
    return failure;
}

/* A path with a trailing slash names a directory. The kernel would follow a link to find one, so
 * that the slash is not passed on but answered here. */
static uint32_t check_link_slashes(const struct move *move)
{
    if (move->from.slash && exists(&move->from) && !is_directory(&move->from))
        return WASI_ERRNO_NOTDIR;
    if (move->to.slash)
        return exists(&move->to) ? WASI_ERRNO_EXIST : WASI_ERRNO_NOENT;
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_path_link(void *context, uint32_t old_fd, uint32_t old_flags, uint32_t old_path,
                            uint32_t old_size, uint32_t new_fd, uint32_t new_path,
                            uint32_t new_size)
{
    const struct end old = {old_fd, old_path, old_size, WASI_RIGHT_PATH_LINK_SOURCE,
                            WASI_ERRNO_PERM};
    const struct end new = {new_fd, new_path, new_size, WASI_RIGHT_PATH_LINK_TARGET,
                            WASI_ERRNO_EXIST};
    if (old_flags != 0)
        return WASI_ERRNO_INVAL;
    struct wasi_host *host = context;
    struct descriptor *from;
    struct descriptor *to;
    uint32_t failure = find_directories(host, &old, &new, &from, &to);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(from))
        return NO_LINKS;
    struct move move;
    failure = find_places(host, from, to, &old, &new, &move);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    failure = check_link_slashes(&move);
    if (failure == WASI_ERRNO_SUCCESS &&
        linkat(move.from.parent, move.from.name, move.to.parent, move.to.name, 0) != 0)
        failure = errno_from_host(errno);
    return finish_move(&move, failure);
}

uint32_t preview1_path_rename(void *context, uint32_t old_fd, uint32_t old_path, uint32_t old_size,
                              uint32_t new_fd, uint32_t new_path, uint32_t new_size)
{
    const struct end old = {old_fd, old_path, old_size, WASI_RIGHT_PATH_RENAME_SOURCE,
                            WASI_ERRNO_BUSY};
    const struct end new = {new_fd, new_path, new_size, WASI_RIGHT_PATH_RENAME_TARGET,
                            WASI_ERRNO_BUSY};
    struct wasi_host *host = context;
    struct descriptor *from;
    struct descriptor *to;
    uint32_t failure = find_directories(host, &old, &new, &from, &to);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (is_scratch(from))
        return scratch_path_rename(host, from, host->path, to, host->other_path);
    struct move move;
    failure = find_places(host, from, to, &old, &new, &move);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if ((move.from.slash || move.to.slash) && exists(&move.from) && !is_directory(&move.from))
        return finish_move(&move, WASI_ERRNO_NOTDIR);
    if (renameat(move.from.parent, move.from.name, move.to.parent, move.to.name) != 0)
        failure = errno_from_host(errno);
    return finish_move(&move, failure);
}
