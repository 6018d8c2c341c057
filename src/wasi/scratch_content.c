/* The bytes of a scratch file. Invariant: every block begins before the end of the file, the bytes
 * of the last one behind the end are zero, and the budget counts exactly the blocks and the index.
 */
#include "wasi/scratch_content.h"

#include "wasi/abi.h"
#include "wasi/wasi_host.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 8u

static uint32_t block_of(uint64_t offset)
{
    return (uint32_t)(offset / SCRATCH_BLOCK_SIZE);
}

/* The number of blocks that a file of `size` bytes has at most. */
static uint32_t blocks_for(uint64_t size)
{
    return (uint32_t)((size + SCRATCH_BLOCK_SIZE - 1) / SCRATCH_BLOCK_SIZE);
}

static uint32_t capacity_for(uint32_t blocks)
{
    uint32_t capacity = blocks == 0 ? 0 : CAPACITY_MIN;
    while (capacity < blocks)
        capacity *= 2;
    return capacity;
}

static uint64_t index_charge(uint32_t capacity)
{
    return (uint64_t)capacity * sizeof(uint8_t *);
}

/* Replaces the index by one of another capacity; a block that has no place in it must be gone. Only
 * the difference is counted, so that shrinking is never refused. */
static uint32_t set_capacity(struct scratch_content *content, struct scratch_budget *budget,
                             uint32_t capacity)
{
    uint64_t former = index_charge(content->capacity);
    uint64_t wanted = index_charge(capacity);
    if (wanted > former && !scratch_budget_take(budget, wanted - former))
        return WASI_ERRNO_NOSPC;
    uint8_t **blocks = NULL;
    if (capacity > 0) {
        blocks = calloc(capacity, sizeof(*blocks));
        if (blocks == NULL) {
            if (wanted > former)
                scratch_budget_give_back(budget, wanted - former);
            return WASI_ERRNO_NOMEM;
        }
    }
    uint32_t kept = capacity < content->capacity ? capacity : content->capacity;
    if (kept > 0)
        memcpy(blocks, content->blocks, kept * sizeof(*blocks));
    free(content->blocks);
    if (wanted < former)
        scratch_budget_give_back(budget, former - wanted);
    content->blocks = blocks;
    content->capacity = capacity;
    return WASI_ERRNO_SUCCESS;
}

static uint32_t reserve_index(struct scratch_content *content, struct scratch_budget *budget,
                              uint32_t blocks)
{
    uint32_t capacity = capacity_for(blocks);
    return capacity <= content->capacity ? WASI_ERRNO_SUCCESS
                                         : set_capacity(content, budget, capacity);
}

/* Gives back what of the index the file has no use for. Where that is refused it stays. */
static void shrink_index(struct scratch_content *content, struct scratch_budget *budget)
{
    uint32_t capacity = capacity_for(blocks_for(content->size));
    if (capacity < content->capacity)
        (void)set_capacity(content, budget, capacity);
}

static void free_block(struct scratch_content *content, struct scratch_budget *budget,
                       uint32_t block)
{
    if (content->blocks[block] == NULL)
        return;
    free(content->blocks[block]);
    content->blocks[block] = NULL;
    scratch_budget_give_back(budget, SCRATCH_BLOCK_CHARGE);
}

/* Frees the blocks that begin at the end of the file or behind it. */
static void free_blocks_behind(struct scratch_content *content, struct scratch_budget *budget)
{
    for (uint32_t block = blocks_for(content->size); block < content->capacity; block++)
        free_block(content, budget, block);
}

static uint32_t block_for_writing(struct scratch_content *content, struct scratch_budget *budget,
                                  uint32_t block, uint8_t **bytes)
{
    uint32_t failure = reserve_index(content, budget, block + 1);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (content->blocks[block] == NULL) {
        if (!scratch_budget_take(budget, SCRATCH_BLOCK_CHARGE))
            return WASI_ERRNO_NOSPC;
        content->blocks[block] = calloc(1, SCRATCH_BLOCK_SIZE);
        if (content->blocks[block] == NULL) {
            scratch_budget_give_back(budget, SCRATCH_BLOCK_CHARGE);
            return WASI_ERRNO_NOMEM;
        }
    }
    *bytes = content->blocks[block];
    return WASI_ERRNO_SUCCESS;
}

/* How many of `size` bytes at `offset` lie in one block. */
static size_t piece_at(uint64_t offset, size_t size)
{
    size_t room = SCRATCH_BLOCK_SIZE - (size_t)(offset % SCRATCH_BLOCK_SIZE);
    return size < room ? size : room;
}

size_t scratch_content_read(const struct scratch_content *content, uint64_t offset, void *to,
                            size_t size)
{
    if (offset >= content->size)
        return 0;
    if (size > content->size - offset)
        size = (size_t)(content->size - offset);
    for (size_t done = 0; done < size;) {
        uint8_t *piece_to = (uint8_t *)to + done;
        uint32_t block = block_of(offset + done);
        size_t piece = piece_at(offset + done, size - done);
        if (block < content->capacity && content->blocks[block] != NULL)
            memcpy(piece_to, content->blocks[block] + (offset + done) % SCRATCH_BLOCK_SIZE, piece);
        else
            memset(piece_to, 0, piece);
        done += piece;
    }
    return size;
}

size_t scratch_content_write(struct scratch_content *content, struct scratch_budget *budget,
                             uint64_t offset, const void *from, size_t size, uint32_t *failure)
{
    *failure = WASI_ERRNO_SUCCESS;
    if (size == 0)
        return 0;
    if (offset >= WASI_SCRATCH_FILE_MAX) {
        *failure = WASI_ERRNO_FBIG;
        return 0;
    }
    if (size > WASI_SCRATCH_FILE_MAX - offset)
        size = (size_t)(WASI_SCRATCH_FILE_MAX - offset);
    size_t done = 0;
    while (done < size) {
        uint8_t *bytes;
        *failure = block_for_writing(content, budget, block_of(offset + done), &bytes);
        if (*failure != WASI_ERRNO_SUCCESS)
            break;
        size_t piece = piece_at(offset + done, size - done);
        memcpy(bytes + (offset + done) % SCRATCH_BLOCK_SIZE, (const uint8_t *)from + done, piece);
        done += piece;
        if (offset + done > content->size)
            content->size = offset + done;
    }
    if (*failure != WASI_ERRNO_SUCCESS)
        shrink_index(content, budget); /* it may have been extended in vain */
    if (done > 0)
        *failure = WASI_ERRNO_SUCCESS;
    return done;
}

uint32_t scratch_content_resize(struct scratch_content *content, struct scratch_budget *budget,
                                uint64_t size)
{
    if (size > WASI_SCRATCH_FILE_MAX)
        return WASI_ERRNO_FBIG;
    bool cut = size < content->size;
    content->size = size;
    if (!cut)
        return WASI_ERRNO_SUCCESS;
    free_blocks_behind(content, budget);
    uint32_t last = block_of(size);
    uint32_t used = (uint32_t)(size % SCRATCH_BLOCK_SIZE);
    if (used > 0 && last < content->capacity && content->blocks[last] != NULL)
        memset(content->blocks[last] + used, 0, SCRATCH_BLOCK_SIZE - used);
    shrink_index(content, budget);
    return WASI_ERRNO_SUCCESS;
}

static uint64_t count_holes(const struct scratch_content *content, uint32_t first, uint32_t end)
{
    uint64_t holes = 0;
    for (uint32_t block = first; block < end; block++) {
        if (content->blocks[block] == NULL)
            holes++;
    }
    return holes;
}

/* Fills the holes from `first` to before `end`, which were counted and taken from the budget. */
static uint32_t fill_holes(struct scratch_content *content, struct scratch_budget *budget,
                           uint32_t first, uint32_t end, uint64_t holes)
{
    for (uint32_t block = first; block < end; block++) {
        if (content->blocks[block] != NULL)
            continue;
        content->blocks[block] = calloc(1, SCRATCH_BLOCK_SIZE);
        if (content->blocks[block] == NULL) {
            scratch_budget_give_back(budget, holes * SCRATCH_BLOCK_CHARGE);
            return WASI_ERRNO_NOMEM;
        }
        holes--;
    }
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_content_allocate(struct scratch_content *content, struct scratch_budget *budget,
                                  uint64_t offset, uint64_t size)
{
    if (offset > WASI_SCRATCH_FILE_MAX || size > WASI_SCRATCH_FILE_MAX - offset)
        return WASI_ERRNO_FBIG;
    uint32_t first = block_of(offset);
    uint32_t end = blocks_for(offset + size);
    uint32_t failure = reserve_index(content, budget, end);
    if (failure == WASI_ERRNO_SUCCESS) {
        uint64_t holes = count_holes(content, first, end);
        if (scratch_budget_take(budget, holes * SCRATCH_BLOCK_CHARGE))
            failure = fill_holes(content, budget, first, end, holes);
        else
            failure = WASI_ERRNO_NOSPC;
    }
    if (failure == WASI_ERRNO_SUCCESS) {
        if (offset + size > content->size)
            content->size = offset + size;
        return WASI_ERRNO_SUCCESS;
    }
    free_blocks_behind(content, budget);
    shrink_index(content, budget);
    return failure;
}

void scratch_content_free(struct scratch_content *content, struct scratch_budget *budget)
{
    content->size = 0;
    free_blocks_behind(content, budget);
    (void)set_capacity(content, budget, 0);
}

bool scratch_content_next_block(const struct scratch_content *content, uint32_t *block)
{
    while (*block < content->capacity && content->blocks[*block] == NULL)
        (*block)++;
    return *block < content->capacity;
}

uint32_t scratch_content_block_size(const struct scratch_content *content, uint32_t block)
{
    uint64_t rest = content->size - (uint64_t)block * SCRATCH_BLOCK_SIZE;
    return rest < SCRATCH_BLOCK_SIZE ? (uint32_t)rest : SCRATCH_BLOCK_SIZE;
}
