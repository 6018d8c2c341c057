/* Counts over again what scratch says of itself; see test_scratch_check.h. */
#include "test_scratch_check.h"

#include "wasi/wasi_internal.h"

#include <string.h>

struct totals {
    uint64_t used;
    uint32_t nodes;
    uint32_t linked;
};

static const char *check_content(const struct scratch_content *content, struct totals *totals)
{
    static const uint8_t zeros[SCRATCH_BLOCK_SIZE];
    totals->used += (uint64_t)content->capacity * sizeof(uint8_t *);
    if (content->size > WASI_SCRATCH_FILE_MAX || (content->blocks == NULL) != !content->capacity)
        return "a file's size or index";
    for (uint32_t block = 0; scratch_content_next_block(content, &block); block++) {
        totals->used += SCRATCH_BLOCK_CHARGE;
        if ((uint64_t)block * SCRATCH_BLOCK_SIZE >= content->size)
            return "a block behind the end of its file";
        uint32_t size = scratch_content_block_size(content, block);
        if (memcmp(content->blocks[block] + size, zeros, SCRATCH_BLOCK_SIZE - size) != 0)
            return "bytes behind the end of a file";
    }
    return NULL;
}

static const char *check_entries(const struct scratch_node *folder)
{
    uint32_t folders = 0;
    bool listed_is_there = folder->listed == NULL;
    const struct scratch_node *previous = NULL;
    for (const struct scratch_node *node = folder->first; node != NULL; node = node->next) {
        if (node->parent != folder || node->previous != previous)
            return "an entry that is linked wrongly";
        if (node->cookie < (previous == NULL ? SCRATCH_COOKIE_FIRST : previous->cookie + 1))
            return "entries whose cookies are not in order";
        folders += node->is_folder;
        listed_is_there = listed_is_there || node == folder->listed;
        previous = node;
    }
    if (folder->last != previous || folder->folder_count != folders || !listed_is_there)
        return "a folder's end, its count of folders or the place of its last listing";
    return NULL;
}

static const char *check_node(const struct scratch_tree *tree, const struct scratch_node *node,
                              struct totals *totals)
{
    totals->nodes++;
    totals->used += SCRATCH_NODE_CHARGE;
    if (node->number == 0 || node->number >= tree->next_number ||
        node->cookie >= tree->next_cookie || node->content_epoch > tree->epoch)
        return "a node's number, cookie or epoch";
    if (!node->is_folder)
        return node->first != NULL ? "a file with entries" : check_content(&node->content, totals);
    return node->content.capacity != 0 || node->content.size != 0 ? "a folder with content"
                                                                  : check_entries(node);
}

static const char *check_name(const struct scratch_tree *tree, const struct scratch_node *node)
{
    size_t size = node->name_size;
    const struct scratch_node *above = node->parent;
    for (; above->parent != NULL; above = above->parent)
        size += above->name_size + 1u;
    if (!node->is_linked || (above != tree->tmp && above != tree->workspace))
        return "a node beneath no top folder";
    if (size > WASI_PATH_MAX || node->name_size == 0 || memchr(node->name, '/', node->name_size))
        return "a path";
    if (scratch_find(tree, node->parent, node->name, node->name_size) != node)
        return "a name that is not found";
    return NULL;
}

static const char *check_beneath(const struct scratch_tree *tree, struct scratch_node *top,
                                 struct totals *totals)
{
    const char *wrong = check_node(tree, top, totals);
    for (struct scratch_node *node = scratch_next_beneath(top, top); node != NULL && wrong == NULL;
         node = scratch_next_beneath(top, node)) {
        totals->linked++;
        wrong = check_node(tree, node, totals);
        if (wrong == NULL)
            wrong = check_name(tree, node);
    }
    return wrong;
}

/* How many descriptors have the node; *first is the lowest of their numbers. */
static uint32_t count_holds(const struct wasi_host *host, const struct scratch_node *node,
                            uint32_t *first)
{
    uint32_t holds = 0;
    for (uint32_t fd = WASI_DESCRIPTORS_MAX; fd-- > 0;) {
        if (host->descriptors[fd].node != node)
            continue;
        holds++;
        *first = fd;
    }
    return holds;
}

static const char *check_descriptors(const struct wasi_host *host, struct totals *totals)
{
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        const struct descriptor *descriptor = &host->descriptors[fd];
        const struct scratch_node *node = descriptor->node;
        bool is_scratch = descriptor->kind == DESCRIPTOR_SCRATCH_FILE ||
                          descriptor->kind == DESCRIPTOR_SCRATCH_DIRECTORY;
        uint32_t first = 0;
        if (is_scratch != (node != NULL))
            return "a descriptor's kind";
        if (node == NULL)
            continue;
        if (node->holds != count_holds(host, node, &first) || descriptor->host_fd != -1 ||
            node->is_folder != (descriptor->kind == DESCRIPTOR_SCRATCH_DIRECTORY))
            return "a descriptor's node";
        if (node->is_linked || fd != first)
            continue;
        if (node->parent != NULL || node->first != NULL)
            return "a removed node that is in a folder or has entries";
        const char *wrong = check_node(host->scratch, node, totals);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

const char *scratch_check(const struct wasi_host *host)
{
    const struct scratch_tree *tree = host->scratch;
    struct totals totals = {0};
    const char *wrong = check_beneath(tree, tree->tmp, &totals);
    if (wrong == NULL)
        wrong = check_beneath(tree, tree->workspace, &totals);
    if (wrong == NULL)
        wrong = check_descriptors(host, &totals);
    if (wrong != NULL)
        return wrong;
    if (totals.nodes != tree->node_count || totals.linked != tree->linked_count)
        return "the count of nodes";
    if (totals.used != tree->budget.used)
        return "the count of bytes";
    if (tree->budget.memory != NULL && tree->budget.memory->charged != totals.used)
        return "what the memory is charged with";
    return NULL;
}
