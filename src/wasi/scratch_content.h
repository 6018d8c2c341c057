/* The bytes of a scratch file: fixed blocks, and an index of them. What was never written is a hole
 * that reads as zeros and takes no block.
 *
 * No allocation is ever resized: realloc(3) may move a large one by mremap(2), which the filter
 * around a guest process does not allow.
 *
 * Functions that can fail return an enum wasi_errno: nospc when the budget does not allow it, nomem
 * when the host has no memory, fbig beyond WASI_SCRATCH_FILE_MAX. Not thread-safe.
 */
#ifndef SHANNON_WASI_SCRATCH_CONTENT_H
#define SHANNON_WASI_SCRATCH_CONTENT_H

#include "wasi/scratch_budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRATCH_BLOCK_SIZE 4096u

/* What one block takes of the budget: itself and the allocator's header. */
#define SCRATCH_BLOCK_CHARGE (SCRATCH_BLOCK_SIZE + 16u)

/* All zero bytes is an empty file. */
struct scratch_content {
    uint64_t size;     /* at most WASI_SCRATCH_FILE_MAX */
    uint8_t **blocks;  /* `capacity` of them, NULL for a hole; NULL while there are none */
    uint32_t capacity; /* 0, or the lowest power of two that has room for all blocks */
};

/* Copies up to `size` bytes from `offset` on; returns how many there were. */
size_t scratch_content_read(const struct scratch_content *content, uint64_t offset, void *to,
                            size_t size);

/* Writes up to `size` bytes at `offset`; returns how many, which is fewer when a limit is met.
 * `*failure` says why none could be written; it is success when any were, or when `size` is 0. */
size_t scratch_content_write(struct scratch_content *content, struct scratch_budget *budget,
                             uint64_t offset, const void *from, size_t size, uint32_t *failure);

/* Cuts the file, or extends it by a hole. */
uint32_t scratch_content_resize(struct scratch_content *content, struct scratch_budget *budget,
                                uint64_t size);

/* Gives every block between `offset` and `offset + size` its place, so that writing there cannot
 * meet a limit, and extends the file to there. All or nothing. */
uint32_t scratch_content_allocate(struct scratch_content *content, struct scratch_budget *budget,
                                  uint64_t offset, uint64_t size);

/* Frees everything; the file is empty then. */
void scratch_content_free(struct scratch_content *content, struct scratch_budget *budget);

/* Moves `*block` up to the next one that is no hole, itself included; false when there is none. */
bool scratch_content_next_block(const struct scratch_content *content, uint32_t *block);

/* How many bytes of the file lie in `block`, which must begin before its end. */
uint32_t scratch_content_block_size(const struct scratch_content *content, uint32_t block);

#endif
