/* Restoring a host from bytes that a guest may have made; see host_state.h. Invariant: a number
 * from the bytes is compared with what it may be before it is used; nodes come to be only by the
 * functions that also serve a guest, with all their checks and limits; a descriptor gets its rights
 * from the grants of this host. */
#include "wasi/guest_memory.h"
#include "wasi/host_state.h"
#include "wasi/wasi_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

/* Once anything is missing or wrong, `damaged` stays and every number read is 0. */
struct reader {
    const uint8_t *from;
    size_t left;
    bool damaged;
};

static const uint8_t *take(struct reader *reader, size_t size)
{
    if (reader->damaged || size > reader->left) {
        reader->damaged = true;
        return NULL;
    }
    const uint8_t *bytes = reader->from;
    reader->from += size;
    reader->left -= size;
    return bytes;
}

static uint8_t take_u8(struct reader *reader)
{
    const uint8_t *bytes = take(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

static uint32_t take_u32(struct reader *reader)
{
    const uint8_t *bytes = take(reader, sizeof(uint32_t));
    return bytes == NULL ? 0 : load_u32(bytes);
}

static uint64_t take_u64(struct reader *reader)
{
    const uint8_t *bytes = take(reader, sizeof(uint64_t));
    return bytes == NULL ? 0 : load_u64(bytes);
}

/* Notes that what was read must hold. Returns whether all is well so far. */
static bool expect(struct reader *reader, bool holds)
{
    if (!holds)
        reader->damaged = true;
    return !reader->damaged;
}

static int damaged(struct error *error)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "the saved state of a session is damaged. Start a new session");
}

/* ---- scratch ---- */

/* A node that was made, and the times that it gets when all are: making an entry changes those of
 * its folder. */
struct restored_node {
    struct scratch_node *node;
    uint64_t modified;
    uint64_t status_changed;
};

struct restored_nodes {
    struct restored_node *list;
    uint32_t count; /* of those made so far */
    uint64_t next_number;
    uint64_t next_cookie;
};

/* A node as it stands in the state. */
struct saved_node {
    bool is_folder;
    bool has_changed;
    uint32_t parent;
    uint64_t number;
    uint64_t cookie;
    uint64_t accessed;
    uint64_t modified;
    uint64_t status_changed;
    size_t name_size;
    const char *name;
};

static bool take_node(struct reader *reader, const struct restored_nodes *nodes,
                      struct saved_node *saved)
{
    uint8_t kind = take_u8(reader);
    uint8_t has_changed = take_u8(reader);
    *saved =
        (struct saved_node){.is_folder = kind == STATE_FOLDER, .has_changed = has_changed != 0};
    saved->parent = take_u32(reader);
    saved->number = take_u64(reader);
    saved->cookie = take_u64(reader);
    saved->accessed = take_u64(reader);
    saved->modified = take_u64(reader);
    saved->status_changed = take_u64(reader);
    saved->name_size = take_u8(reader);
    saved->name = (const char *)take(reader, saved->name_size);
    bool has_name = saved->parent != STATE_NONE;
    return expect(reader, (kind == STATE_FOLDER || kind == STATE_FILE) && has_changed <= 1 &&
                              !(saved->is_folder && has_changed != 0) && saved->number > 0 &&
                              saved->number < nodes->next_number &&
                              (has_name || (saved->cookie == 0 && saved->name_size == 0)));
}

/* What scratch refused: damaged, unless it was for want of room. */
static int refused(uint32_t failure, struct error *error)
{
    if (failure == WASI_ERRNO_NOSPC)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: the files of the saved session do not fit. Raise "
                         "the limit to what it was");
    if (failure == WASI_ERRNO_NOMEM)
        return error_set(error, ERROR_INTERNAL, "not enough memory to restore a session");
    return damaged(error);
}

/* Whether the node, which came to be in its parent's list last, can have its cookie there. */
static bool cookie_fits(const struct restored_nodes *nodes, const struct scratch_node *node,
                        uint64_t cookie)
{
    uint64_t lowest = node->previous == NULL ? SCRATCH_COOKIE_FIRST : node->previous->cookie + 1;
    return cookie >= lowest && cookie < nodes->next_cookie;
}

/* Makes a node that has a name beneath its parent, which must have been made before it. */
static int make_named(struct reader *reader, struct scratch_tree *tree,
                      const struct restored_nodes *nodes, const struct saved_node *saved,
                      struct scratch_node **node, struct error *error)
{
    if (!expect(reader, saved->parent < nodes->count))
        return damaged(error);
    struct scratch_node *parent = nodes->list[saved->parent].node;
    if (!expect(reader, parent->is_folder))
        return damaged(error);
    uint32_t failure =
        scratch_create(tree, parent, saved->name, saved->name_size, saved->is_folder, node);
    if (failure != WASI_ERRNO_SUCCESS)
        return refused(failure, error);
    if (!expect(reader, cookie_fits(nodes, *node, saved->cookie)))
        return damaged(error);
    (*node)->cookie = saved->cookie;
    scratch_hold(*node); /* as a node without a name is, until all is restored */
    return 0;
}

/* The top folders are there; everything else is made, and held. */
static int make_node(struct reader *reader, struct scratch_tree *tree,
                     const struct restored_nodes *nodes, const struct saved_node *saved,
                     struct scratch_node **node, struct error *error)
{
    if (nodes->count < 2) {
        *node = nodes->count == 0 ? tree->tmp : tree->workspace;
        if (!expect(reader, saved->is_folder && saved->parent == STATE_NONE &&
                                saved->number == (*node)->number))
            return damaged(error);
        scratch_hold(*node);
        return 0;
    }
    if (saved->parent != STATE_NONE)
        return make_named(reader, tree, nodes, saved, node, error);
    uint32_t failure = scratch_create_unlinked(tree, saved->is_folder, node);
    return failure == WASI_ERRNO_SUCCESS ? 0 : refused(failure, error);
}

/* Extends the file first: a block that is written must begin and end within it. */
static int restore_content(struct reader *reader, struct scratch_tree *tree,
                           struct scratch_content *content, struct error *error)
{
    uint64_t size = take_u64(reader);
    uint32_t count = take_u32(reader);
    uint32_t lowest = 0;
    if (!expect(reader, size <= WASI_SCRATCH_FILE_MAX))
        return damaged(error);
    uint32_t failure = scratch_content_resize(content, &tree->budget, size);
    for (uint32_t i = 0; i < count && failure == WASI_ERRNO_SUCCESS; i++) {
        uint32_t block = take_u32(reader);
        uint64_t offset = (uint64_t)block * SCRATCH_BLOCK_SIZE;
        if (!expect(reader, block >= lowest && offset < size))
            return damaged(error);
        uint32_t piece = scratch_content_block_size(content, block);
        const uint8_t *bytes = take(reader, piece);
        if (bytes == NULL)
            return damaged(error);
        (void)scratch_content_write(content, &tree->budget, offset, bytes, piece, &failure);
        lowest = block + 1;
    }
    return failure == WASI_ERRNO_SUCCESS ? 0 : refused(failure, error);
}

static int restore_node(struct reader *reader, struct scratch_tree *tree,
                        struct restored_nodes *nodes, struct error *error)
{
    struct saved_node saved;
    struct scratch_node *node = NULL;
    if (!take_node(reader, nodes, &saved))
        return damaged(error);
    if (make_node(reader, tree, nodes, &saved, &node, error) != 0)
        return -1;
    nodes->list[nodes->count++] = (struct restored_node){
        .node = node, .modified = saved.modified, .status_changed = saved.status_changed};
    node->number = saved.number; /* before it has entries, whose hashes depend on it */
    node->accessed = saved.accessed;
    node->content_epoch = saved.has_changed ? tree->epoch : 0;
    return node->is_folder ? 0 : restore_content(reader, tree, &node->content, error);
}

static int compare_numbers(const struct scratch_node *left, const struct scratch_node *right)
{
    return (left->number > right->number) - (left->number < right->number);
}

static bool numbers_are_unique(const struct restored_nodes *nodes)
{
    for (uint32_t i = 0; i < nodes->count; i++)
        nodes->list[i].node->sorted_next = i + 1 < nodes->count ? nodes->list[i + 1].node : NULL;
    const struct scratch_node *node = scratch_sort(nodes->list[0].node, compare_numbers);
    while (node->sorted_next != NULL && node->number != node->sorted_next->number)
        node = node->sorted_next;
    return node->sorted_next == NULL;
}

static int restore_nodes(struct reader *reader, struct scratch_tree *tree,
                         struct restored_nodes *nodes, struct error *error)
{
    nodes->next_number = take_u64(reader);
    nodes->next_cookie = take_u64(reader);
    uint32_t count = take_u32(reader);
    /* What a guest may still make before a counter overflows is more than it can. */
    if (!expect(reader, nodes->next_number <= INT64_MAX && nodes->next_cookie <= INT64_MAX &&
                            nodes->next_cookie >= SCRATCH_COOKIE_FIRST && count >= 2 &&
                            count <= WASI_SCRATCH_NODES_MAX))
        return damaged(error);
    nodes->list = calloc(count, sizeof(*nodes->list));
    if (nodes->list == NULL)
        return error_set(error, ERROR_INTERNAL, "not enough memory to restore a session");
    for (uint32_t i = 0; i < count; i++) {
        if (restore_node(reader, tree, nodes, error) != 0)
            return -1;
    }
    if (!numbers_are_unique(nodes))
        return damaged(error);
    for (uint32_t i = 0; i < count; i++) {
        nodes->list[i].node->modified = nodes->list[i].modified;
        nodes->list[i].node->status_changed = nodes->list[i].status_changed;
    }
    tree->next_number = nodes->next_number;
    tree->next_cookie = nodes->next_cookie;
    return 0;
}

/* Lets go of the nodes. One that nothing else holds now was in the state for no reason: false. */
static bool release_nodes(struct scratch_tree *tree, struct restored_nodes *nodes)
{
    bool all_used = true;
    for (uint32_t i = 0; i < nodes->count; i++) {
        struct scratch_node *node = nodes->list[i].node;
        if (!node->is_linked && node->holds == 1)
            all_used = false;
        scratch_drop(tree, node);
    }
    free(nodes->list);
    nodes->list = NULL;
    nodes->count = 0;
    return all_used;
}

/* ---- descriptors ---- */

/* A descriptor as it stands in the state. */
struct saved_descriptor {
    uint32_t number;
    uint8_t kind;
    bool writing;
    uint32_t flags;
    uint32_t which;
    uint64_t rights;
    uint64_t inheriting;
    uint64_t position;
    uint32_t path_size;
    const uint8_t *path;
};

static bool take_descriptor(struct reader *reader, uint32_t lowest, struct saved_descriptor *saved)
{
    saved->number = take_u32(reader);
    saved->kind = take_u8(reader);
    uint8_t writing = take_u8(reader);
    saved->writing = writing != 0;
    saved->flags = take_u32(reader);
    saved->which = take_u32(reader);
    saved->rights = take_u64(reader);
    saved->inheriting = take_u64(reader);
    saved->position = take_u64(reader);
    saved->path_size = take_u32(reader);
    saved->path = take(reader, saved->path_size);
    bool is_host = saved->kind == STATE_HOST_FILE || saved->kind == STATE_HOST_DIRECTORY;
    bool is_known = is_host || saved->kind == STATE_GRANT || saved->kind == STATE_SCRATCH;
    return expect(reader,
                  is_known && saved->number >= lowest && saved->number < WASI_DESCRIPTORS_MAX &&
                      writing <= 1 && (is_host || (!saved->writing && saved->path_size == 0)) &&
                      (saved->flags & ~WASI_FDFLAGS_ALL) == 0 && saved->position <= INT64_MAX);
}

/* The table while it is restored: what was granted stands in `granted` until it is moved to its
 * number or given back. */
struct restoration {
    struct wasi_host *host;
    struct restored_nodes nodes;
    struct descriptor *granted; /* WASI_DESCRIPTORS_MAX of them */
    bool *moved;                /* as many; the descriptor is in the host's table */
};

static bool has_at_most(const struct saved_descriptor *saved, uint64_t rights, uint64_t inheriting)
{
    return (saved->rights & ~rights) == 0 && (saved->inheriting & ~inheriting) == 0;
}

/* Of the flags of a grant a guest can change only nonblock; see preview1_fd_fdstat_set_flags. */
static bool restore_grant(struct restoration *restoration, const struct saved_descriptor *saved)
{
    if (saved->which >= WASI_DESCRIPTORS_MAX || restoration->moved[saved->which])
        return false;
    struct descriptor descriptor = restoration->granted[saved->which];
    if (descriptor.kind == DESCRIPTOR_CLOSED ||
        !has_at_most(saved, descriptor.rights, descriptor.inheriting))
        return false;
    descriptor.flags = (uint16_t)((descriptor.flags & ~WASI_FDFLAGS_NONBLOCK) |
                                  (saved->flags & WASI_FDFLAGS_NONBLOCK));
    descriptor.rights = saved->rights;
    descriptor.inheriting = saved->inheriting;
    if (descriptor.node != NULL)
        descriptor.position = saved->position;
    restoration->host->descriptors[saved->number] = descriptor;
    restoration->moved[saved->which] = true;
    return true;
}

static bool restore_in_scratch(struct restoration *restoration,
                               const struct saved_descriptor *saved)
{
    if (saved->which >= restoration->nodes.count)
        return false;
    struct scratch_node *node = restoration->nodes.list[saved->which].node;
    if (node->is_folder ? !has_at_most(saved, DIRECTORY_RIGHTS, WASI_RIGHTS_ALL)
                        : !has_at_most(saved, FILE_RIGHTS, 0))
        return false;
    scratch_hold(node);
    restoration->host->descriptors[saved->number] = (struct descriptor){
        .kind = node->is_folder ? DESCRIPTOR_SCRATCH_DIRECTORY : DESCRIPTOR_SCRATCH_FILE,
        .host_fd = -1,
        .filetype = node->is_folder ? WASI_FILETYPE_DIRECTORY : WASI_FILETYPE_REGULAR_FILE,
        .flags = (uint16_t)saved->flags,
        .rights = saved->rights,
        .inheriting = saved->inheriting,
        .node = node,
        .position = saved->position,
    };
    return true;
}

/* Opens a host file as path_open did. What cannot be opened is left closed, which is no damage. */
static void open_again(struct restoration *restoration, const struct descriptor *preopen,
                       const struct saved_descriptor *saved, char *path)
{
    const bool is_directory = saved->kind == STATE_HOST_DIRECTORY;
    const struct open_request request = {
        .open_flags = is_directory ? WASI_OFLAGS_DIRECTORY : 0,
        .fd_flags = saved->flags,
        .rights = saved->rights,
        .inheriting = saved->inheriting,
        .follow = true,
        .read = (saved->rights & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)) != 0,
        .write = saved->writing,
    };
    struct descriptor opened;
    if (open_beneath(preopen, path, &request, &opened) != WASI_ERRNO_SUCCESS) {
        free(path);
        return;
    }
    opened.path = path;
    bool as_before = (opened.kind == DESCRIPTOR_DIRECTORY) == is_directory;
    if (as_before && !is_directory)
        as_before = lseek(opened.host_fd, (off_t)saved->position, SEEK_SET) >= 0;
    if (as_before)
        restoration->host->descriptors[saved->number] = opened;
    else
        descriptor_discard(restoration->host, &opened);
}

/* Whether the path has a form that path_open leaves, and the rights are some that it gives. */
static bool is_of_host(const struct saved_descriptor *saved, const struct descriptor *preopen)
{
    bool is_directory = saved->kind == STATE_HOST_DIRECTORY;
    uint64_t rights = preopen->inheriting & (is_directory ? DIRECTORY_RIGHTS : FILE_RIGHTS);
    if (saved->path_size == 0 || saved->path_size > WASI_PATH_MAX || saved->path[0] == '/' ||
        memchr(saved->path, '\0', saved->path_size) != NULL)
        return false;
    if ((saved->rights & WASI_RIGHT_FD_WRITE) != 0 && !saved->writing)
        return false;
    return has_at_most(saved, rights, is_directory ? preopen->inheriting : 0);
}

/* The preopen may have been closed by the guest or moved to another number: what counts is what
 * this host was granted. */
static bool restore_of_host(struct restoration *restoration, const struct saved_descriptor *saved,
                            struct error *error)
{
    if (saved->which >= WASI_DESCRIPTORS_MAX)
        return false;
    const struct descriptor *preopen = &restoration->granted[saved->which];
    if (preopen->kind != DESCRIPTOR_DIRECTORY || !is_of_host(saved, preopen))
        return false;
    char *path = strndup((const char *)saved->path, saved->path_size);
    if (path == NULL)
        error_set(error, ERROR_INTERNAL, "not enough memory to restore a session");
    else
        open_again(restoration, preopen, saved, path);
    return path != NULL;
}

static int restore_descriptors(struct reader *reader, struct restoration *restoration,
                               struct error *error)
{
    uint32_t count = take_u32(reader);
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct saved_descriptor saved;
        if (!take_descriptor(reader, lowest, &saved))
            return damaged(error);
        bool good = saved.kind == STATE_GRANT     ? restore_grant(restoration, &saved)
                    : saved.kind == STATE_SCRATCH ? restore_in_scratch(restoration, &saved)
                                                  : restore_of_host(restoration, &saved, error);
        if (!good)
            return damaged(error);
        lowest = saved.number + 1;
    }
    return expect(reader, reader->left == 0) ? 0 : damaged(error);
}

/* ---- the host ---- */

/* Whether the host has its grants at their numbers and nothing else. */
static bool is_fresh(const struct wasi_host *host)
{
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        const struct descriptor *descriptor = &host->descriptors[fd];
        if (descriptor->kind != DESCRIPTOR_CLOSED &&
            (!descriptor_is_grant(descriptor) || descriptor->grant != fd))
            return false;
    }
    return host->scratch == NULL || host->scratch->next_number == 3;
}

static int take_head(struct reader *reader, const struct wasi_host *host, struct error *error)
{
    uint32_t magic = take_u32(reader);
    uint32_t version = take_u32(reader);
    uint32_t size = take_u32(reader);
    if (!expect(reader, magic == STATE_MAGIC))
        return damaged(error);
    if (version != STATE_VERSION)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the saved state of a session is damaged or of another version (%u, this "
                         "program has %u). Start a new session",
                         version, STATE_VERSION);
    const uint8_t *grants = take(reader, size);
    if (grants == NULL)
        return damaged(error);
    if (size != host->grants.size || (size > 0 && memcmp(grants, host->grants.data, size) != 0))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the saved state of a session is damaged, or the session had other "
                         "folders. Start a new session");
    return 0;
}

/* Moves the grants out of the table, so that it is empty. */
static int begin(struct restoration *restoration, struct error *error)
{
    struct wasi_host *host = restoration->host;
    restoration->granted = calloc(WASI_DESCRIPTORS_MAX, sizeof(*restoration->granted));
    restoration->moved = calloc(WASI_DESCRIPTORS_MAX, sizeof(*restoration->moved));
    if (restoration->granted == NULL || restoration->moved == NULL) {
        free(restoration->granted);
        free(restoration->moved);
        return error_set(error, ERROR_INTERNAL, "not enough memory to restore a session");
    }
    memcpy(restoration->granted, host->descriptors, sizeof(host->descriptors));
    memset(host->descriptors, 0, sizeof(host->descriptors));
    host->lowest_free = 0;
    return 0;
}

/* Gives back the grants that the guest had closed, and what was held. */
static int finish(struct restoration *restoration, int result, struct error *error)
{
    struct wasi_host *host = restoration->host;
    if (host->scratch != NULL && !release_nodes(host->scratch, &restoration->nodes) && result == 0)
        result = damaged(error);
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        if (!restoration->moved[fd])
            descriptor_discard(host, &restoration->granted[fd]);
    }
    free(restoration->granted);
    free(restoration->moved);
    return result;
}

int wasi_host_restore(struct wasi_host *host, const void *bytes, size_t size, struct error *error)
{
    struct reader reader = {.from = bytes, .left = size};
    struct restoration restoration = {.host = host};
    if (!is_fresh(host))
        return error_set(error, ERROR_INTERNAL,
                         "a session can only be restored in a host that did nothing yet");
    if (take_head(&reader, host, error) != 0 || begin(&restoration, error) != 0)
        return -1;
    int result = 0;
    if (host->scratch != NULL)
        result = restore_nodes(&reader, host->scratch, &restoration.nodes, error);
    if (result == 0)
        result = restore_descriptors(&reader, &restoration, error);
    return finish(&restoration, result, error);
}
