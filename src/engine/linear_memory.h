/* The guest's linear memory: one reservation of address space that reaches as far as any
 * WebAssembly access can, of which only the first `size` bytes are accessible.
 *
 * A wasm access is a 32-bit address plus a 32-bit constant offset, so it reaches less than
 * 8 GiB + 16 bytes beyond the base. All of that is reserved without access rights, and so are
 * 2 GiB before the base: generated code needs no bounds check, a stray access faults.
 *
 * Once the guest is initialised, the memory can be moved into an image (linear_memory_share): a
 * sealed memory file that this process and all that are forked from it map privately. What a
 * process writes is then its own, page by page; what it does not write costs it nothing, and the
 * difference from the image is the whole state of its guest.
 * What the host keeps for the guest elsewhere (files in memory) is charged here too: one limit
 * holds for both together.
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
    uint64_t charged;    /* bytes that the host keeps for the guest beside linear memory */
    uint64_t limit;      /* `size` and `charged` together never grow beyond this */
    uint64_t peak;       /* the most that these two were since the limit was set */
    uint64_t maximum;    /* the module's own in bytes; `size` never grows beyond this either */
    bool growth_refused; /* a memory.grow was answered with -1, and not by `maximum` alone */
    void *reservation;
    size_t reservation_size;
};

/* Reserves the address space and points the segment register at it: what a process that locks
 * itself down before the guest starts must have done first. `memory` is zeroed, but for its limit:
 * until linear_memory_create sets one, everything can be charged. ERROR_INTERNAL when the kernel
 * gives no address space. */
int linear_memory_reserve(struct linear_memory *memory, struct error *error);

/* Makes `initial_pages` pages accessible and zero. A memory that was not reserved must be all zero
 * bytes and is reserved first; else mprotect(2) is the only system call. `maximum_pages` is the
 * module's own maximum, `limit` the caller's in bytes; both hold. ERROR_MEMORY_LIMIT when the
 * module needs more at its start than they allow, with what is charged already; ERROR_INTERNAL when
 * the kernel gives no memory. */
int linear_memory_create(struct linear_memory *memory, uint32_t initial_pages,
                         uint32_t maximum_pages, uint64_t limit, struct error *error);

/* memory.grow: the former size in pages, or UINT32_MAX when refused. */
uint32_t linear_memory_grow(struct linear_memory *memory, uint32_t pages);

/* Moves the contents into a new sealed memory file of `memory->size` bytes and maps that in their
 * place, privately. Returns its descriptor, which is the caller's to close (the mapping stays), or
 * -1 with ERROR_INTERNAL; the memory may then not be used further. Before fork(2), so that children
 * share it. */
int linear_memory_share(struct linear_memory *memory, struct error *error);

/* Puts `image_size` bytes of the memory file `image`, mapped privately, and zeros up to `size` in
 * place of the contents. -1 with ERROR_MEMORY_LIMIT when `size` is over the limit, ERROR_INTERNAL;
 * the memory may then not be used further. mmap(2) and mprotect(2) are the only system calls. */
int linear_memory_replace(struct linear_memory *memory, int image, uint64_t image_size,
                          uint64_t size, struct error *error);

/* Changes the limit in bytes, for what runs next: `peak` and `growth_refused` begin anew. One below
 * what is in use only forbids further growth. */
void linear_memory_set_limit(struct linear_memory *memory, uint64_t limit);

/* Counts `size` bytes that the host is about to keep for the guest against the limit. false, and
 * nothing is counted, when they would pass it. */
bool linear_memory_charge(struct linear_memory *memory, uint64_t size);

/* The same for bytes that are kept already: never refused, but nothing may grow any more while the
 * limit is passed. */
void linear_memory_charge_existing(struct linear_memory *memory, uint64_t size);

/* Takes back a charge, or a part of it. */
void linear_memory_discharge(struct linear_memory *memory, uint64_t size);

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
