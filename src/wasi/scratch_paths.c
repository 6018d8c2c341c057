/* The path_* functions in scratch. Invariant: a walk begins at a descriptor's folder and never
 * leaves it upwards; its length is bounded by the path's. */
#include "wasi/scratch_calls.h"

#include <string.h>

/* Where a path leads. */
struct walk {
    struct scratch_node *folder; /* where the last component was looked up */
    const char *name;            /* that component; points into the path */
    size_t name_size;
    bool dots;                 /* it is "." or ".." */
    bool slash;                /* the path ended with one: a directory was meant */
    struct scratch_node *node; /* what was found; NULL when the name is not there */
};

static bool is_dots(const char *name, size_t size)
{
    return name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'));
}

/* Follows one component of a path from the folder *at, beneath `start`. *at is NULL when there is
 * no such name. */
static uint32_t step(const struct wasi_host *host, const struct scratch_node *start,
                     const char *name, size_t size, struct scratch_node **at)
{
    struct scratch_node *folder = *at;
    if (!folder->is_folder)
        return WASI_ERRNO_NOTDIR;
    if (!is_dots(name, size)) {
        *at = scratch_find(host->scratch, folder, name, size);
        return WASI_ERRNO_SUCCESS;
    }
    if (size == 1)
        return WASI_ERRNO_SUCCESS;
    if (folder == start || folder->parent == NULL)
        return WASI_ERRNO_NOTCAPABLE;
    *at = folder->parent;
    return WASI_ERRNO_SUCCESS;
}

/* The error for a name that is not there. In a folder that was removed, no name is looked at. */
static uint32_t missing(const struct walk *walk)
{
    return walk->name_size > SCRATCH_NAME_MAX && walk->folder->is_linked ? WASI_ERRNO_NAMETOOLONG
                                                                         : WASI_ERRNO_NOENT;
}

/* Walks along a path that is relative and not empty. */
static uint32_t walk_path(const struct wasi_host *host, const struct descriptor *directory,
                          const char *path, struct walk *walk)
{
    const struct scratch_node *start = directory->node;
    *walk = (struct walk){.node = directory->node};
    for (const char *rest = path; *rest != '\0';) {
        if (walk->node == NULL)
            return missing(walk);
        walk->folder = walk->node;
        walk->name = rest;
        walk->name_size = strcspn(rest, "/");
        walk->dots = is_dots(walk->name, walk->name_size);
        uint32_t failure = step(host, start, walk->name, walk->name_size, &walk->node);
        if (failure != WASI_ERRNO_SUCCESS)
            return failure;
        rest += walk->name_size;
        walk->slash = *rest == '/';
        rest += strspn(rest, "/");
    }
    return WASI_ERRNO_SUCCESS;
}

/* The same for what must be there. */
static uint32_t walk_to_node(const struct wasi_host *host, const struct descriptor *directory,
                             const char *path, struct scratch_node **node)
{
    struct walk walk;
    uint32_t failure = walk_path(host, directory, path, &walk);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (walk.node == NULL)
        return missing(&walk);
    if (walk.slash && !walk.node->is_folder)
        return WASI_ERRNO_NOTDIR;
    *node = walk.node;
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_path_status(const struct wasi_host *host, const struct descriptor *directory,
                             const char *path, struct stat *status)
{
    struct scratch_node *node;
    uint32_t failure = walk_to_node(host, directory, path, &node);
    if (failure == WASI_ERRNO_SUCCESS)
        scratch_status(node, status);
    return failure;
}

uint32_t scratch_path_set_times(const struct wasi_host *host, const struct descriptor *directory,
                                const char *path, const struct timespec times[2])
{
    struct scratch_node *node;
    uint32_t failure = walk_to_node(host, directory, path, &node);
    if (failure == WASI_ERRNO_SUCCESS)
        scratch_set_times(node, times);
    return failure;
}

uint32_t scratch_path_readlink(const struct wasi_host *host, const struct descriptor *directory,
                               const char *path)
{
    struct scratch_node *node;
    uint32_t failure = walk_to_node(host, directory, path, &node);
    return failure == WASI_ERRNO_SUCCESS ? WASI_ERRNO_INVAL : failure;
}

/* ---- opening ---- */

static uint32_t check_found(const struct wasi_host *host, const struct descriptor *directory,
                            const struct walk *walk, const struct open_request *request)
{
    bool change = request->write || open_wants(request, WASI_OFLAGS_CREAT);
    if ((walk->slash || open_wants(request, WASI_OFLAGS_DIRECTORY)) && !walk->node->is_folder)
        return WASI_ERRNO_NOTDIR;
    if (open_wants(request, WASI_OFLAGS_CREAT) && open_wants(request, WASI_OFLAGS_EXCL))
        return WASI_ERRNO_EXIST;
    if (walk->node->is_folder && change)
        return WASI_ERRNO_ISDIR;
    return change && !descriptor_changeable(host, directory) ? WASI_ERRNO_ROFS : WASI_ERRNO_SUCCESS;
}

static uint32_t create_file(struct wasi_host *host, const struct descriptor *directory,
                            struct walk *walk)
{
    if (missing(walk) != WASI_ERRNO_NOENT)
        return missing(walk);
    if (!descriptor_changeable(host, directory))
        return WASI_ERRNO_ROFS;
    if (walk->slash)
        return WASI_ERRNO_ISDIR;
    return scratch_create(host->scratch, walk->folder, walk->name, walk->name_size, false,
                          &walk->node);
}

uint32_t scratch_open(struct wasi_host *host, const struct descriptor *directory, const char *path,
                      const struct open_request *request, struct descriptor *opened)
{
    struct walk walk;
    uint32_t failure = walk_path(host, directory, path, &walk);
    if (failure == WASI_ERRNO_SUCCESS) {
        if (walk.node != NULL)
            failure = check_found(host, directory, &walk, request);
        else if (open_wants(request, WASI_OFLAGS_CREAT))
            failure = create_file(host, directory, &walk);
        else
            failure = missing(&walk);
    }
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    struct scratch_node *node = walk.node;
    if (open_wants(request, WASI_OFLAGS_TRUNC)) {
        (void)scratch_content_resize(&node->content, &host->scratch->budget, 0);
        scratch_content_changed(host->scratch, node);
    }
    scratch_hold(node);
    *opened = (struct descriptor){
        .kind = node->is_folder ? DESCRIPTOR_SCRATCH_DIRECTORY : DESCRIPTOR_SCRATCH_FILE,
        .host_fd = -1,
        .filetype = node->is_folder ? WASI_FILETYPE_DIRECTORY : WASI_FILETYPE_REGULAR_FILE,
        .flags = (uint16_t)request->fd_flags,
        .grant = directory->grant,
        .rights = open_rights(request, node->is_folder),
        .inheriting = node->is_folder ? request->inheriting : 0,
        .node = node,
    };
    return WASI_ERRNO_SUCCESS;
}

/* ---- changing names ---- */

/* Walks to a name that is to be changed; a path that ends in "." or ".." answers `dots`. */
static uint32_t walk_to_name(const struct wasi_host *host, const struct descriptor *directory,
                             const char *path, uint32_t dots, struct walk *walk)
{
    uint32_t failure = walk_path(host, directory, path, walk);
    return failure == WASI_ERRNO_SUCCESS && walk->dots ? dots : failure;
}

uint32_t scratch_path_create_directory(struct wasi_host *host, const struct descriptor *directory,
                                       const char *path)
{
    struct walk walk;
    uint32_t failure = walk_to_name(host, directory, path, WASI_ERRNO_EXIST, &walk);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return scratch_create(host->scratch, walk.folder, walk.name, walk.name_size, true, &walk.node);
}

uint32_t scratch_path_remove_directory(struct wasi_host *host, const struct descriptor *directory,
                                       const char *path)
{
    struct walk walk;
    uint32_t failure = walk_to_name(host, directory, path, WASI_ERRNO_INVAL, &walk);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (walk.node == NULL)
        return missing(&walk);
    if (!walk.node->is_folder)
        return WASI_ERRNO_NOTDIR;
    if (walk.node->first != NULL)
        return WASI_ERRNO_NOTEMPTY;
    scratch_unlink(host->scratch, walk.node);
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_path_unlink_file(struct wasi_host *host, const struct descriptor *directory,
                                  const char *path)
{
    struct walk walk;
    uint32_t failure = walk_to_name(host, directory, path, WASI_ERRNO_ISDIR, &walk);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (walk.node == NULL)
        return missing(&walk);
    if (walk.node->is_folder)
        return WASI_ERRNO_ISDIR;
    if (walk.slash)
        return WASI_ERRNO_NOTDIR;
    scratch_unlink(host->scratch, walk.node);
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_path_rename(struct wasi_host *host, const struct descriptor *from,
                             const char *old_path, const struct descriptor *to,
                             const char *new_path)
{
    struct walk old;
    struct walk new;
    uint32_t failure = walk_to_name(host, from, old_path, WASI_ERRNO_BUSY, &old);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = walk_to_name(host, to, new_path, WASI_ERRNO_BUSY, &new);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (old.node == NULL)
        return missing(&old);
    if ((old.slash || new.slash) && !old.node->is_folder)
        return WASI_ERRNO_NOTDIR;
    return scratch_rename(host->scratch, old.node, new.folder, new.name, new.name_size);
}
