/* The guest's linear memory: one reservation of address space that reaches as far as any
 * WebAssembly access can, of which only the first `size` bytes are accessible.
 *
 * A wasm access is a 32-bit address plus a 32-bit constant offset, so it reaches less than
 * 8 GiB + 16 bytes beyond the base. All of that is reserved without access rights, and so are
 * 2 GiB before the base: generated code needs no bounds check, a stray access faults.
 *
 * A process has at most one live linear memory; on x86-64 its base is in the GS segment register
 * (arch_prctl(2) ARCH_SET_GS), which fork(2) inherits. Not thread-safe.
 */
#ifndef SHANNON_ENGINE_LINEAR_MEMORY_H
#define SHANNON_ENGINE_LINEAR_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WASM_PAGE_SIZE 65536u

struct linear_memory {
    uint8_t *base;
    uint64_t size;       /* accessible bytes, a multiple of WASM_PAGE_SIZE, below 4 GiB */
    uint64_t limit;      /* `size` never grows beyond this */
    uint64_t maximum;    /* the module's own maximum in bytes; `limit` is never above it */
    bool growth_refused; /* a memory.grow was answered with -1, and not by the module's maximum */
    void *reservation;
    size_t reservation_size;
};

/* Reserves the address space and points the segment register at it: what a process that locks
 * itself down before the guest starts must have done first. `memory` is zeroed. ERROR_INTERNAL when
 * the kernel gives no address space. */
int linear_memory_reserve(struct linear_memory *memory, struct error *error);

/* Makes `initial_pages` pages accessible and zero. A memory that was not reserved must be all zero
 * bytes and is reserved first; else mprotect(2) is the only system call. `maximum_pages` is the
 * module's own maximum, `limit` the caller's in bytes; the lower of the two holds.
 * ERROR_MEMORY_LIMIT when the module needs more at its start than `limit`, ERROR_INTERNAL when the
 * kernel gives no memory. */
int linear_memory_create(struct linear_memory *memory, uint32_t initial_pages,
                         uint32_t maximum_pages, uint64_t limit, struct error *error);

/* memory.grow: the former size in pages, or UINT32_MAX when refused. */
uint32_t linear_memory_grow(struct linear_memory *memory, uint32_t pages);

/* Changes the limit in bytes; one below the current size only forbids further growth. */
void linear_memory_set_limit(struct linear_memory *memory, uint64_t limit);

/* Gives the address space back. */
void linear_memory_destroy(struct linear_memory *memory);

/* Whether `address` (as in siginfo_t.si_addr) lies in the reservation. Async-signal-safe. */
bool linear_memory_contains(const struct linear_memory *memory, const void *address);

/* The host address of guest bytes [address, address + size), or NULL unless all of them are
 * accessible. The only way by which host code reaches guest memory. A size of 0 is valid anywhere
 * up to and including the end. The pointer may be unaligned. */
static inline void *linear_memory_at(const struct linear_memory *memory, uint32_t address,
                                     uint64_t size)
{
    if (size > memory->size || address > memory->size - size)
        return NULL;
    return memory->base + address;
}

#endif
