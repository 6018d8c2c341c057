/* What the owner of a host does with scratch: its limit, files put in, files that changed.
 * Invariant: nothing that a guest chose (names, depth, sizes) makes these call themselves or
 * allocate without a bound. */
#include "wasi/wasi_host.h"

#include "wasi/wasi_internal.h"

#include <string.h>

void wasi_host_set_scratch_limit(struct wasi_host *host, uint64_t limit_bytes)
{
    host->scratch->budget.limit = limit_bytes;
}

/* ---- putting files in ---- */

static int refuse_path(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "the path of a file for /workspace %s: write it relative to /workspace, as in "
                     "data/input.csv",
                     what);
}

static int check_path(const char *path, size_t size, struct error *error)
{
    if (size == 0)
        return refuse_path(error, "is empty");
    if (size > WASI_PATH_MAX)
        return refuse_path(error, "is longer than 4096 bytes");
    if (memchr(path, '\0', size) != NULL)
        return refuse_path(error, "has a NUL");
    if (path[0] == '/')
        return refuse_path(error, "is absolute");
    for (size_t at = 0; at <= size;) {
        const char *slash = memchr(path + at, '/', size - at);
        size_t length = slash == NULL ? size - at : (size_t)(slash - (path + at));
        if (length == 0)
            return refuse_path(error, "has an empty component");
        if (length > SCRATCH_NAME_MAX)
            return refuse_path(error, "has a component of more than 255 bytes");
        if (path[at] == '.' && (length == 1 || (length == 2 && path[at + 1] == '.')))
            return refuse_path(error, "has a component \".\" or \"..\"");
        at += length + 1;
    }
    return 0;
}

/* The error for a node that could not be made or written. */
static int put_failed(const struct scratch_tree *tree, uint32_t failure, struct error *error)
{
    if (failure == WASI_ERRNO_NOSPC && tree->node_count >= WASI_SCRATCH_NODES_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "too many files for /workspace: there are at most %d files and folders",
                         WASI_SCRATCH_NODES_MAX);
    if (failure == WASI_ERRNO_NOSPC || failure == WASI_ERRNO_FBIG)
        return error_set(
            error, ERROR_MEMORY_LIMIT,
            "Memory limit exceeded: the files for /workspace do not fit. Pass fewer or smaller "
            "ones, or raise wasi.scratch_limit_bytes or wasi.memory_limit_bytes "
            "(memory_limit_bytes in a request)");
    return error_set(error, ERROR_INTERNAL, "not enough memory for the files of /workspace");
}

/* Finds or makes the folder of a path that was checked. `*name` becomes the last component. */
static int make_folders(struct scratch_tree *tree, const char *path, size_t size,
                        struct scratch_node **folder, const char **name, struct error *error)
{
    const char *end = path + size;
    const char *rest = path;
    *folder = tree->workspace;
    for (;;) {
        const char *slash = memchr(rest, '/', (size_t)(end - rest));
        if (slash == NULL)
            break;
        size_t length = (size_t)(slash - rest);
        struct scratch_node *next = scratch_find(tree, *folder, rest, length);
        if (next == NULL) {
            uint32_t failure = scratch_create(tree, *folder, rest, length, true, &next);
            if (failure != WASI_ERRNO_SUCCESS)
                return put_failed(tree, failure, error);
        }
        if (!next->is_folder)
            return refuse_path(error, "leads through a file");
        *folder = next;
        rest = slash + 1;
    }
    *name = rest;
    return 0;
}

/* A file without a name, held once. */
static uint32_t make_file(struct scratch_tree *tree, const void *bytes, size_t size,
                          struct scratch_node **file)
{
    uint32_t failure = scratch_create_unlinked(tree, false, file);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    size_t written =
        scratch_content_write(&(*file)->content, &tree->budget, 0, bytes, size, &failure);
    if (failure == WASI_ERRNO_SUCCESS && written < size)
        failure = WASI_ERRNO_NOSPC;
    if (failure != WASI_ERRNO_SUCCESS)
        scratch_drop(tree, *file);
    return failure;
}

int wasi_host_scratch_put(struct wasi_host *host, const char *path, size_t path_size,
                          const void *bytes, size_t size, struct error *error)
{
    struct scratch_tree *tree = host->scratch;
    struct scratch_node *folder = tree->workspace;
    struct scratch_node *file = NULL;
    const char *name = path;
    if (check_path(path, path_size, error) != 0 ||
        make_folders(tree, path, path_size, &folder, &name, error) != 0)
        return -1;
    size_t name_size = (size_t)(path + path_size - name);
    struct scratch_node *former = scratch_find(tree, folder, name, name_size);
    if (former != NULL && former->is_folder)
        return refuse_path(error, "is that of a folder");
    uint32_t failure = make_file(tree, bytes, size, &file);
    if (failure != WASI_ERRNO_SUCCESS)
        return put_failed(tree, failure, error);
    if (former != NULL)
        scratch_unlink(tree, former);
    failure = scratch_link(tree, file, folder, name, name_size);
    scratch_drop(tree, file);
    return failure == WASI_ERRNO_SUCCESS
               ? 0
               : error_set(error, ERROR_INTERNAL, "a path that was checked was refused (%u)",
                           failure);
}

/* ---- what changed ---- */

void wasi_host_scratch_mark(struct wasi_host *host)
{
    scratch_mark(host->scratch);
}

/* The byte behind a name's first `size` in the paths that it begins: a folder's name is followed by
 * a slash, after a file's comes nothing. */
static int byte_at(const struct scratch_node *node, size_t index)
{
    if (index < node->name_size)
        return (unsigned char)node->name[index];
    return node->is_folder && index == node->name_size ? '/' : -1;
}

/* Compares two entries of one folder as the paths that begin with them compare. */
static int compare_paths(const struct scratch_node *left, const struct scratch_node *right)
{
    size_t common = left->name_size < right->name_size ? left->name_size : right->name_size;
    int order = memcmp(left->name, right->name, common);
    return order != 0 ? order : byte_at(left, common) - byte_at(right, common);
}

/* The entries of a folder as a list in the order of their paths. */
static struct scratch_node *sorted_entries(const struct scratch_node *folder)
{
    for (struct scratch_node *node = folder->first; node != NULL; node = node->next)
        node->sorted_next = node->next;
    return scratch_sort(folder->first, compare_paths);
}

/* Along the sorted lists: into a folder, to the next entry, or up to where there is one. `*size` is
 * that of the path to the node's folder, with its slash. NULL after the last. */
static struct scratch_node *next_sorted(const struct scratch_node *top, struct scratch_node *node,
                                        char *path, size_t *size)
{
    if (node->is_folder && node->first != NULL) {
        if (node != top) {
            memcpy(path + *size, node->name, node->name_size);
            *size += node->name_size;
            path[(*size)++] = '/';
        }
        return sorted_entries(node);
    }
    while (node != top && node->sorted_next == NULL) {
        node = node->parent;
        if (node != top)
            *size -= node->name_size + 1u;
    }
    return node == top ? NULL : node->sorted_next;
}

int wasi_host_scratch_visit_changed(struct wasi_host *host, wasi_scratch_visit *visit,
                                    void *argument)
{
    const struct scratch_node *top = host->scratch->workspace;
    size_t size = 0;
    struct scratch_node *node = host->scratch->workspace;
    while ((node = next_sorted(top, node, host->path, &size)) != NULL) {
        if (node->is_folder || !scratch_has_changed(host->scratch, node))
            continue;
        memcpy(host->path + size, node->name, node->name_size);
        size_t path_size = size + node->name_size;
        host->path[path_size] = '\0';
        int result = visit(argument, host->path, path_size, node->content.size, node);
        if (result != 0)
            return result;
    }
    return 0;
}

size_t wasi_scratch_read(const struct scratch_node *file, uint64_t offset, void *to, size_t size)
{
    return scratch_content_read(&file->content, offset, to, size);
}
