/* The guest's linear memory. Invariant: exactly [base, base + size) of the reservation is
 * accessible, and size <= limit after any growth. */
#include "engine/linear_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

/* A negative displacement cannot come from valid wasm; the zone before the base is there for a
 * miscompiled access (CVE-2023-26489 in another engine). */
#define GUARD_BEFORE ((size_t)2 << 30)
/* 32-bit address + 32-bit offset + the widest access, rounded up to a page. */
#define REACH (((size_t)8 << 30) + WASM_PAGE_SIZE)
/* wasm2c keeps the size in 32 bits, so the full 4 GiB cannot be expressed. */
#define PAGES_MAX 65535u

static int set_segment_base(uint8_t *base, struct error *error)
{
#if defined(__x86_64__)
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, base) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot set the segment register for linear memory");
#else
    (void)base;
    (void)error;
#endif
    return 0;
}

int linear_memory_reserve(struct linear_memory *memory, struct error *error)
{
    memset(memory, 0, sizeof(*memory));
    size_t reservation_size = GUARD_BEFORE + REACH;
    void *reservation =
        mmap(NULL, reservation_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot reserve %zu bytes of address space for linear memory (is "
                               "there a ulimit -v?)",
                               reservation_size);
    memory->reservation = reservation;
    memory->reservation_size = reservation_size;
    memory->base = (uint8_t *)reservation + GUARD_BEFORE;
    if (set_segment_base(memory->base, error) != 0) {
        linear_memory_destroy(memory);
        return -1;
    }
    return 0;
}

int linear_memory_create(struct linear_memory *memory, uint32_t initial_pages,
                         uint32_t maximum_pages, uint64_t limit, struct error *error)
{
    if (maximum_pages > PAGES_MAX)
        maximum_pages = PAGES_MAX;
    uint64_t size = (uint64_t)initial_pages * WASM_PAGE_SIZE;
    uint64_t maximum = (uint64_t)maximum_pages * WASM_PAGE_SIZE;
    if (limit > maximum)
        limit = maximum;
    if (size > limit)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: the interpreter needs %" PRIu64
                         " bytes at its start and the limit is %" PRIu64
                         ". Raise wasi.memory_limit_bytes (or --memory)",
                         size, limit);
    if (memory->reservation == NULL && linear_memory_reserve(memory, error) != 0)
        return -1;
    if (size > 0 && mprotect(memory->base, size, PROT_READ | PROT_WRITE) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make linear memory accessible");
    memory->size = size;
    memory->limit = limit;
    memory->maximum = maximum;
    return 0;
}

uint32_t linear_memory_grow(struct linear_memory *memory, uint32_t pages)
{
    uint32_t former = (uint32_t)(memory->size / WASM_PAGE_SIZE);
    uint64_t added = (uint64_t)pages * WASM_PAGE_SIZE;
    if (pages == 0)
        return former;
    bool fits = memory->size <= memory->limit && added <= memory->limit - memory->size;
    if (!fits || mprotect(memory->base + memory->size, added, PROT_READ | PROT_WRITE) != 0) {
        /* What the module's own maximum refuses no higher limit would grant. */
        if (fits || memory->limit < memory->maximum)
            memory->growth_refused = true;
        return UINT32_MAX;
    }
    memory->size += added;
    return former;
}

void linear_memory_set_limit(struct linear_memory *memory, uint64_t limit)
{
    memory->limit = limit < memory->maximum ? limit : memory->maximum;
}

void linear_memory_destroy(struct linear_memory *memory)
{
    if (memory->reservation != NULL)
        (void)munmap(memory->reservation, memory->reservation_size);
    memset(memory, 0, sizeof(*memory));
}

bool linear_memory_contains(const struct linear_memory *memory, const void *address)
{
    const uint8_t *start = memory->reservation;
    const uint8_t *byte = address;
    return start != NULL && byte >= start && byte < start + memory->reservation_size;
}
