/* The nodes of a scratch file system and their names. Invariant: a linked node that is no top
 * folder is in its parent's list and in the table of names; every node is linked or held;
 * `node_count` nodes are counted in the budget; no path from a top folder is longer than
 * WASI_PATH_MAX, so that nothing lies deeper than that. */
#include "wasi/scratch_tree.h"

#include "wasi/abi.h"
#include "wasi/name_hash.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BUCKETS_MIN 64u

uint64_t scratch_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- nodes ---- */

uint32_t scratch_create_unlinked(struct scratch_tree *tree, bool is_folder,
                                 struct scratch_node **created)
{
    if (tree->node_count >= WASI_SCRATCH_NODES_MAX ||
        !scratch_budget_take(&tree->budget, SCRATCH_NODE_CHARGE))
        return WASI_ERRNO_NOSPC;
    struct scratch_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        scratch_budget_give_back(&tree->budget, SCRATCH_NODE_CHARGE);
        return WASI_ERRNO_NOMEM;
    }
    node->number = tree->next_number++;
    node->is_folder = is_folder;
    node->holds = 1;
    node->accessed = node->modified = node->status_changed = scratch_now();
    node->content_epoch = tree->epoch;
    tree->node_count++;
    *created = node;
    return WASI_ERRNO_SUCCESS;
}

static void free_if_unused(struct scratch_tree *tree, struct scratch_node *node)
{
    if (node->is_linked || node->holds > 0)
        return;
    scratch_content_free(&node->content, &tree->budget);
    scratch_budget_give_back(&tree->budget, SCRATCH_NODE_CHARGE);
    tree->node_count--;
    free(node);
}

void scratch_hold(struct scratch_node *node)
{
    node->holds++;
}

void scratch_drop(struct scratch_tree *tree, struct scratch_node *node)
{
    node->holds--;
    free_if_unused(tree, node);
}

/* ---- the table of names ---- */

static struct scratch_node **bucket_of(const struct scratch_tree *tree, uint64_t hash)
{
    return &tree->buckets[hash & (tree->bucket_count - 1)];
}

struct scratch_node *scratch_find(const struct scratch_tree *tree,
                                  const struct scratch_node *folder, const char *name, size_t size)
{
    uint64_t hash = name_hash(tree->key, folder->number, name, size);
    struct scratch_node *node = *bucket_of(tree, hash);
    while (node != NULL && (node->hash != hash || node->parent != folder ||
                            node->name_size != size || memcmp(node->name, name, size) != 0))
        node = node->bucket_next;
    return node;
}

/* Doubles the table. Where there is no memory for that, its chains only become longer. */
static void grow_table(struct scratch_tree *tree)
{
    uint32_t former_count = tree->bucket_count;
    struct scratch_node **former = tree->buckets;
    struct scratch_node **buckets = calloc((size_t)former_count * 2, sizeof(struct scratch_node *));
    if (buckets == NULL)
        return;
    tree->buckets = buckets;
    tree->bucket_count = former_count * 2;
    for (uint32_t i = 0; i < former_count; i++) {
        for (struct scratch_node *node = former[i]; node != NULL;) {
            struct scratch_node *next = node->bucket_next;
            struct scratch_node **bucket = bucket_of(tree, node->hash);
            node->bucket_next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(former);
}

static void add_to_table(struct scratch_tree *tree, struct scratch_node *node)
{
    if (tree->linked_count >= tree->bucket_count)
        grow_table(tree);
    node->hash = name_hash(tree->key, node->parent->number, node->name, node->name_size);
    struct scratch_node **bucket = bucket_of(tree, node->hash);
    node->bucket_next = *bucket;
    *bucket = node;
    tree->linked_count++;
}

static void remove_from_table(struct scratch_tree *tree, struct scratch_node *node)
{
    struct scratch_node **link = bucket_of(tree, node->hash);
    while (*link != node)
        link = &(*link)->bucket_next;
    *link = node->bucket_next;
    node->bucket_next = NULL;
    tree->linked_count--;
}

/* ---- a folder's list ---- */

static void append_to_list(struct scratch_tree *tree, struct scratch_node *folder,
                           struct scratch_node *node)
{
    node->parent = folder;
    node->cookie = tree->next_cookie++;
    node->previous = folder->last;
    node->next = NULL;
    if (folder->last == NULL)
        folder->first = node;
    else
        folder->last->next = node;
    folder->last = node;
    if (node->is_folder)
        folder->folder_count++;
}

static void remove_from_list(struct scratch_node *node)
{
    struct scratch_node *folder = node->parent;
    if (folder->listed == node)
        folder->listed = node->next != NULL ? node->next : node->previous;
    if (node->previous == NULL)
        folder->first = node->next;
    else
        node->previous->next = node->next;
    if (node->next == NULL)
        folder->last = node->previous;
    else
        node->next->previous = node->previous;
    if (node->is_folder)
        folder->folder_count--;
    node->parent = NULL;
    node->next = NULL;
    node->previous = NULL;
}

static void touch_folder(struct scratch_node *folder, uint64_t now)
{
    folder->modified = now;
    folder->status_changed = now;
}

/* ---- names ---- */

static uint32_t check_name(const char *name, size_t size)
{
    if (size > SCRATCH_NAME_MAX)
        return WASI_ERRNO_NAMETOOLONG;
    if (size == 0)
        return WASI_ERRNO_INVAL;
    bool is_dots = name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'));
    if (is_dots || memchr(name, '/', size) != NULL || memchr(name, '\0', size) != NULL)
        return WASI_ERRNO_INVAL;
    return WASI_ERRNO_SUCCESS;
}

/* The bytes before an entry's name in its path from the top folder: names, each with its slash. */
static size_t prefix_size(const struct scratch_node *folder)
{
    size_t size = 0;
    for (const struct scratch_node *node = folder; node->parent != NULL; node = node->parent)
        size += node->name_size + 1u;
    return size;
}

/* The longest path of what lies beneath `folder`, from there, with the slash before it. */
static size_t longest_beneath(const struct scratch_node *folder)
{
    size_t longest = 0;
    size_t size = 0;
    const struct scratch_node *node = folder;
    for (;;) {
        if (node->first != NULL) {
            node = node->first;
        } else {
            while (node != folder && node->next == NULL) {
                size -= node->name_size + 1u;
                node = node->parent;
            }
            if (node == folder)
                return longest;
            size -= node->name_size + 1u;
            node = node->next;
        }
        size += node->name_size + 1u;
        if (size > longest)
            longest = size;
    }
}

/* Whether a node of that name, with paths of `beneath` bytes below it, can be in the folder. */
static uint32_t check_place(const struct scratch_node *folder, const char *name, size_t size,
                            size_t beneath)
{
    if (!folder->is_linked)
        return WASI_ERRNO_NOENT;
    uint32_t failure = check_name(name, size);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return prefix_size(folder) + size + beneath > WASI_PATH_MAX ? WASI_ERRNO_NAMETOOLONG
                                                                : WASI_ERRNO_SUCCESS;
}

static void set_name(struct scratch_node *node, const char *name, size_t size)
{
    memmove(node->name, name, size);
    node->name_size = (uint8_t)size;
}

static void link_node(struct scratch_tree *tree, struct scratch_node *node,
                      struct scratch_node *folder, const char *name, size_t size)
{
    set_name(node, name, size);
    append_to_list(tree, folder, node);
    add_to_table(tree, node);
    node->is_linked = true;
    node->content_epoch = tree->epoch;
    touch_folder(folder, scratch_now());
}

static uint32_t check_new(const struct scratch_tree *tree, const struct scratch_node *folder,
                          const char *name, size_t size)
{
    uint32_t failure = check_place(folder, name, size, 0);
    if (failure == WASI_ERRNO_SUCCESS && scratch_find(tree, folder, name, size) != NULL)
        failure = WASI_ERRNO_EXIST;
    return failure;
}

uint32_t scratch_link(struct scratch_tree *tree, struct scratch_node *node,
                      struct scratch_node *folder, const char *name, size_t size)
{
    uint32_t failure = check_new(tree, folder, name, size);
    if (failure == WASI_ERRNO_SUCCESS)
        link_node(tree, node, folder, name, size);
    return failure;
}

uint32_t scratch_create(struct scratch_tree *tree, struct scratch_node *folder, const char *name,
                        size_t size, bool is_folder, struct scratch_node **created)
{
    uint32_t failure = check_new(tree, folder, name, size);
    if (failure == WASI_ERRNO_SUCCESS)
        failure = scratch_create_unlinked(tree, is_folder, created);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    link_node(tree, *created, folder, name, size);
    scratch_drop(tree, *created);
    return WASI_ERRNO_SUCCESS;
}

void scratch_unlink(struct scratch_tree *tree, struct scratch_node *node)
{
    uint64_t now = scratch_now();
    touch_folder(node->parent, now);
    node->status_changed = now;
    remove_from_table(tree, node);
    remove_from_list(node);
    node->is_linked = false;
    free_if_unused(tree, node);
}

/* ---- renaming ---- */

bool scratch_is_beneath(const struct scratch_node *node, const struct scratch_node *folder)
{
    while (node != NULL && node != folder)
        node = node->parent;
    return node != NULL;
}

/* Whether `node` can take the place of `target` (or of nothing, when NULL) in `folder`. The order
 * of the errors is the kernel's. */
static uint32_t check_rename(const struct scratch_node *node, const struct scratch_node *folder,
                             const struct scratch_node *target)
{
    if (node->is_folder && scratch_is_beneath(folder, node))
        return WASI_ERRNO_INVAL;
    if (target == NULL)
        return WASI_ERRNO_SUCCESS;
    if (scratch_is_beneath(node->parent, target))
        return WASI_ERRNO_NOTEMPTY;
    if (node->is_folder && !target->is_folder)
        return WASI_ERRNO_NOTDIR;
    if (!node->is_folder && target->is_folder)
        return WASI_ERRNO_ISDIR;
    return target->first != NULL ? WASI_ERRNO_NOTEMPTY : WASI_ERRNO_SUCCESS;
}

/* In its own folder a node keeps its place in the list, so that a program which renames what it
 * lists meets each entry once. */
static void move_node(struct scratch_tree *tree, struct scratch_node *node,
                      struct scratch_node *folder, const char *name, size_t size)
{
    uint64_t now = scratch_now();
    remove_from_table(tree, node);
    touch_folder(node->parent, now);
    if (node->parent != folder) {
        remove_from_list(node);
        append_to_list(tree, folder, node);
        touch_folder(folder, now);
    }
    set_name(node, name, size);
    add_to_table(tree, node);
    node->status_changed = now;
    for (struct scratch_node *below = node; below != NULL;
         below = scratch_next_beneath(node, below))
        below->content_epoch = tree->epoch;
}

uint32_t scratch_rename(struct scratch_tree *tree, struct scratch_node *node,
                        struct scratch_node *folder, const char *name, size_t size)
{
    uint32_t failure = check_place(folder, name, size, longest_beneath(node));
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    struct scratch_node *target = scratch_find(tree, folder, name, size);
    if (target == node)
        return WASI_ERRNO_SUCCESS;
    failure = check_rename(node, folder, target);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (target != NULL)
        scratch_unlink(tree, target);
    move_node(tree, node, folder, name, size);
    return WASI_ERRNO_SUCCESS;
}

/* ---- what changed ---- */

void scratch_content_changed(struct scratch_tree *tree, struct scratch_node *file)
{
    file->modified = scratch_now();
    file->status_changed = file->modified;
    file->content_epoch = tree->epoch;
}

void scratch_mark(struct scratch_tree *tree)
{
    tree->epoch++;
}

bool scratch_has_changed(const struct scratch_tree *tree, const struct scratch_node *file)
{
    return file->content_epoch == tree->epoch;
}

uint32_t scratch_link_count(const struct scratch_node *node)
{
    if (!node->is_linked)
        return 0;
    return node->is_folder ? 2 + node->folder_count : 1;
}

/* ---- the tree ---- */

static struct scratch_node *create_top(struct scratch_tree *tree)
{
    struct scratch_node *top = NULL;
    if (scratch_create_unlinked(tree, true, &top) != WASI_ERRNO_SUCCESS)
        return NULL;
    top->is_linked = true;
    scratch_drop(tree, top);
    return top;
}

static int prepare(struct scratch_tree *tree, struct error *error)
{
    if (getrandom(tree->key, sizeof(tree->key), 0) != (ssize_t)sizeof(tree->key))
        return error_set_errno(error, ERROR_INTERNAL, errno, "no random bytes for scratch files");
    tree->buckets = calloc(BUCKETS_MIN, sizeof(struct scratch_node *));
    if (tree->buckets == NULL)
        return error_set(error, ERROR_INTERNAL, "not enough memory for scratch files");
    tree->bucket_count = BUCKETS_MIN;
    tree->tmp = create_top(tree);
    tree->workspace = create_top(tree);
    if (tree->tmp == NULL || tree->workspace == NULL)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: there is no room for scratch files. Raise "
                         "wasi.memory_limit_bytes (or --memory)");
    return 0;
}

struct scratch_tree *scratch_tree_new(uint64_t limit, struct linear_memory *memory,
                                      struct error *error)
{
    struct scratch_tree *tree = calloc(1, sizeof(*tree));
    if (tree == NULL) {
        error_set(error, ERROR_INTERNAL, "not enough memory for scratch files");
        return NULL;
    }
    tree->budget.memory = memory;
    tree->next_number = 1;
    tree->next_cookie = SCRATCH_COOKIE_FIRST;
    tree->epoch = 1;
    if (prepare(tree, error) != 0) {
        scratch_tree_free(tree);
        return NULL;
    }
    tree->budget.limit = limit;
    return tree;
}

/* Removes what lies beneath a top folder from the bottom up, and the folder. */
static void free_top(struct scratch_tree *tree, struct scratch_node *top)
{
    struct scratch_node *node = top;
    while (node != NULL) {
        while (node->first != NULL)
            node = node->first;
        struct scratch_node *parent = node->parent;
        if (parent != NULL)
            scratch_unlink(tree, node);
        node = parent;
    }
    if (top == NULL)
        return;
    top->is_linked = false;
    free_if_unused(tree, top);
}

void scratch_tree_free(struct scratch_tree *tree)
{
    if (tree == NULL)
        return;
    free_top(tree, tree->tmp);
    free_top(tree, tree->workspace);
    free(tree->buckets);
    free(tree);
}
