/* Saving a host; see host_state.h. Invariant: the same walk counts the bytes and then writes them,
 * so that the room that was made is exactly what is written. */
#include "wasi/guest_memory.h"
#include "wasi/host_state.h"
#include "wasi/wasi_internal.h"

#include <inttypes.h>
#include <unistd.h>

struct writer {
    uint8_t *to; /* NULL while only counting */
    size_t size;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->to != NULL && size > 0)
        memcpy(writer->to + writer->size, bytes, size);
    writer->size += size;
}

static void put_u8(struct writer *writer, uint8_t value)
{
    put_bytes(writer, &value, sizeof(value));
}

static void put_u32(struct writer *writer, uint32_t value)
{
    uint8_t bytes[sizeof(value)];
    store_u32(bytes, value);
    put_bytes(writer, bytes, sizeof(bytes));
}

static void put_u64(struct writer *writer, uint64_t value)
{
    uint8_t bytes[sizeof(value)];
    store_u64(bytes, value);
    put_bytes(writer, bytes, sizeof(bytes));
}

/* ---- scratch ---- */

static void put_content(struct writer *writer, const struct scratch_content *content)
{
    uint32_t count = 0;
    put_u64(writer, content->size);
    for (uint32_t block = 0; scratch_content_next_block(content, &block); block++)
        count++;
    put_u32(writer, count);
    for (uint32_t block = 0; scratch_content_next_block(content, &block); block++) {
        put_u32(writer, block);
        put_bytes(writer, content->blocks[block], scratch_content_block_size(content, block));
    }
}

static void put_node(struct writer *writer, const struct scratch_tree *tree,
                     const struct scratch_node *node)
{
    bool has_name = node->parent != NULL;
    put_u8(writer, node->is_folder ? STATE_FOLDER : STATE_FILE);
    put_u8(writer, !node->is_folder && scratch_has_changed(tree, node) ? 1 : 0);
    put_u32(writer, has_name ? node->parent->position : STATE_NONE);
    put_u64(writer, node->number);
    put_u64(writer, has_name ? node->cookie : 0);
    put_u64(writer, node->accessed);
    put_u64(writer, node->modified);
    put_u64(writer, node->status_changed);
    put_u8(writer, has_name ? node->name_size : 0);
    put_bytes(writer, node->name, has_name ? node->name_size : 0);
    if (!node->is_folder)
        put_content(writer, &node->content);
}

static void put_beneath(struct writer *writer, const struct scratch_tree *tree,
                        struct scratch_node *top, uint32_t *count)
{
    for (struct scratch_node *node = scratch_next_beneath(top, top); node != NULL;
         node = scratch_next_beneath(top, node)) {
        node->position = (*count)++;
        put_node(writer, tree, node);
    }
}

/* What was removed and is open. One node may have several descriptors. */
static void put_removed(struct writer *writer, const struct wasi_host *host, uint32_t *count)
{
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        struct scratch_node *node = host->descriptors[fd].node;
        if (node != NULL && !node->is_linked)
            node->position = STATE_NONE;
    }
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        struct scratch_node *node = host->descriptors[fd].node;
        if (node == NULL || node->is_linked || node->position != STATE_NONE)
            continue;
        node->position = (*count)++;
        put_node(writer, host->scratch, node);
    }
}

static void put_scratch(struct writer *writer, const struct wasi_host *host)
{
    const struct scratch_tree *tree = host->scratch;
    uint32_t count = 2;
    put_u64(writer, tree->next_number);
    put_u64(writer, tree->next_cookie);
    put_u32(writer, tree->node_count);
    tree->tmp->position = 0;
    tree->workspace->position = 1;
    put_node(writer, tree, tree->tmp);
    put_node(writer, tree, tree->workspace);
    put_beneath(writer, tree, tree->tmp, &count);
    put_beneath(writer, tree, tree->workspace, &count);
    put_removed(writer, host, &count);
}

/* ---- descriptors ---- */

/* A host file whose path could not be remembered cannot be opened again. */
static bool is_saved(const struct descriptor *descriptor)
{
    return descriptor->kind != DESCRIPTOR_CLOSED &&
           (descriptor_is_grant(descriptor) || descriptor->node != NULL ||
            descriptor->path != NULL);
}

static uint8_t kind_of(const struct descriptor *descriptor)
{
    if (descriptor_is_grant(descriptor))
        return STATE_GRANT;
    if (descriptor->node != NULL)
        return STATE_SCRATCH;
    return descriptor->kind == DESCRIPTOR_FILE ? STATE_HOST_FILE : STATE_HOST_DIRECTORY;
}

static uint64_t position_of(const struct descriptor *descriptor)
{
    if (descriptor->kind != DESCRIPTOR_FILE)
        return descriptor->position;
    off_t position = lseek(descriptor->host_fd, 0, SEEK_CUR);
    return position < 0 ? 0 : (uint64_t)position;
}

static void put_descriptor(struct writer *writer, uint32_t fd, const struct descriptor *descriptor)
{
    uint8_t kind = kind_of(descriptor);
    uint32_t path_size = descriptor->path == NULL ? 0 : (uint32_t)strlen(descriptor->path);
    put_u32(writer, fd);
    put_u8(writer, kind);
    put_u8(writer, descriptor->writing ? 1 : 0);
    put_u32(writer, descriptor->flags);
    put_u32(writer, kind == STATE_SCRATCH ? descriptor->node->position : descriptor->grant);
    put_u64(writer, descriptor->rights);
    put_u64(writer, descriptor->inheriting);
    put_u64(writer, position_of(descriptor));
    put_u32(writer, path_size);
    put_bytes(writer, descriptor->path, path_size);
}

static void put_descriptors(struct writer *writer, const struct wasi_host *host)
{
    uint32_t count = 0;
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        if (is_saved(&host->descriptors[fd]))
            count++;
    }
    put_u32(writer, count);
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++) {
        if (is_saved(&host->descriptors[fd]))
            put_descriptor(writer, fd, &host->descriptors[fd]);
    }
}

static void put_host(struct writer *writer, const struct wasi_host *host)
{
    put_u32(writer, STATE_MAGIC);
    put_u32(writer, STATE_VERSION);
    put_u32(writer, (uint32_t)host->grants.size);
    put_bytes(writer, host->grants.data, host->grants.size);
    if (host->scratch != NULL)
        put_scratch(writer, host);
    put_descriptors(writer, host);
}

int wasi_host_save(const struct wasi_host *host, struct buffer *state, struct error *error)
{
    struct writer counter = {0};
    put_host(&counter, host);
    if (buffer_reserve(state, counter.size) != 0)
        return error_set(error, ERROR_INTERNAL, "not enough memory to save a session (%zu bytes)",
                         counter.size);
    struct writer writer = {.to = (uint8_t *)state->data + state->size};
    put_host(&writer, host);
    state->size += writer.size;
    state->data[state->size] = '\0';
    return 0;
}
