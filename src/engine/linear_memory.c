/* The guest's linear memory. Invariant: exactly [base, base + size) of the reservation is
 * accessible, and after any growth or charge size + charged <= limit and size <= maximum. */
#include "engine/linear_memory.h"

#include <errno.h>
#include <fcntl.h>
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
/* A page table of its own for each 2 MiB of linear memory, none shared with what lies before it. */
#define ALIGNMENT ((size_t)2 << 20)
/* wasm2c keeps the size in 32 bits, so the full 4 GiB cannot be expressed. */
#define PAGES_MAX 65535u
#define HOST_PAGE_SIZE 4096u

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
    size_t reservation_size = GUARD_BEFORE + REACH + ALIGNMENT;
    void *reservation =
        mmap(NULL, reservation_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot reserve %zu bytes of address space for linear memory (is "
                               "there a ulimit -v?)",
                               reservation_size);
    memory->reservation = reservation;
    memory->reservation_size = reservation_size;
    uintptr_t lowest = (uintptr_t)reservation + GUARD_BEFORE;
    memory->base = (uint8_t *)((lowest + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
    memory->limit = UINT64_MAX;
    if (set_segment_base(memory->base, error) != 0) {
        linear_memory_destroy(memory);
        return -1;
    }
    return 0;
}

static void note_use(struct linear_memory *memory)
{
    uint64_t used;
    if (__builtin_add_overflow(memory->size, memory->charged, &used))
        used = UINT64_MAX;
    if (used > memory->peak)
        memory->peak = used;
}

int linear_memory_create(struct linear_memory *memory, uint32_t initial_pages,
                         uint32_t maximum_pages, uint64_t limit, struct error *error)
{
    if (maximum_pages > PAGES_MAX)
        maximum_pages = PAGES_MAX;
    uint64_t size = (uint64_t)initial_pages * WASM_PAGE_SIZE;
    uint64_t maximum = (uint64_t)maximum_pages * WASM_PAGE_SIZE;
    uint64_t lower = limit < maximum ? limit : maximum;
    if (size > lower)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: the interpreter needs %" PRIu64
                         " bytes at its start and the limit is %" PRIu64
                         ". Raise wasi.memory_limit_bytes (or --memory)",
                         size, lower);
    if (memory->charged > limit - size)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: the interpreter needs %" PRIu64
                         " bytes at its start, the files %" PRIu64 ", and the limit is %" PRIu64
                         ". Raise wasi.memory_limit_bytes (or --memory), or pass less",
                         size, memory->charged, limit);
    if (memory->reservation == NULL && linear_memory_reserve(memory, error) != 0)
        return -1;
    if (size > 0 && mprotect(memory->base, size, PROT_READ | PROT_WRITE) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make linear memory accessible");
    memory->size = size;
    memory->limit = limit;
    memory->maximum = maximum;
    note_use(memory);
    return 0;
}

/* Bytes that may still be added; 0 while the limit is passed. */
static uint64_t room(const struct linear_memory *memory)
{
    uint64_t used;
    if (__builtin_add_overflow(memory->size, memory->charged, &used) || used > memory->limit)
        return 0;
    return memory->limit - used;
}

uint32_t linear_memory_grow(struct linear_memory *memory, uint32_t pages)
{
    uint32_t former = (uint32_t)(memory->size / WASM_PAGE_SIZE);
    uint64_t added = (uint64_t)pages * WASM_PAGE_SIZE;
    if (pages == 0)
        return former;
    bool beyond_limit = added > room(memory);
    bool beyond_maximum = memory->size > memory->maximum || added > memory->maximum - memory->size;
    if (beyond_limit || beyond_maximum ||
        mprotect(memory->base + memory->size, added, PROT_READ | PROT_WRITE) != 0) {
        /* What the module's own maximum refuses no higher limit would grant. */
        if (!beyond_maximum || (beyond_limit && memory->limit < memory->maximum))
            memory->growth_refused = true;
        return UINT32_MAX;
    }
    memory->size += added;
    note_use(memory);
    return former;
}

static bool is_zero(const uint8_t *page)
{
    static const uint8_t zeros[HOST_PAGE_SIZE];
    return memcmp(page, zeros, sizeof(zeros)) == 0;
}

/* Pages of zeros stay holes. */
static int fill_image(const struct linear_memory *memory, int image, struct error *error)
{
    for (uint64_t at = 0; at < memory->size; at += HOST_PAGE_SIZE) {
        if (is_zero(memory->base + at))
            continue;
        if (pwrite(image, memory->base + at, HOST_PAGE_SIZE, (off_t)at) != HOST_PAGE_SIZE)
            return error_set_errno(error, ERROR_INTERNAL, errno,
                                   "cannot fill the interpreter's memory image");
    }
    return 0;
}

int linear_memory_share(struct linear_memory *memory, struct error *error)
{
    int image = memfd_create("linear memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (image < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make the interpreter's memory image");
    int result = 0;
    if (ftruncate(image, (off_t)memory->size) != 0)
        result = error_set_errno(error, ERROR_INTERNAL, errno,
                                 "cannot size the interpreter's memory image");
    if (result == 0)
        result = fill_image(memory, image, error);
    /* Sealed first: a mapping that could become shared and writable would forbid the seal. */
    if (result == 0 &&
        (fcntl(image, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 ||
         mmap(memory->base, memory->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, image,
              0) == MAP_FAILED))
        result = error_set_errno(error, ERROR_INTERNAL, errno,
                                 "cannot map the interpreter's memory image");
    if (result == 0)
        return image;
    (void)close(image);
    return -1;
}

int linear_memory_replace(struct linear_memory *memory, int image, uint64_t image_size,
                          uint64_t size, struct error *error)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    uint8_t *base = memory->base;
    if (size > memory->limit || size > memory->maximum || image_size > size)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: %" PRIu64 " bytes are needed and the limit is "
                         "%" PRIu64,
                         size, memory->limit);
    if (memory->size > size &&
        mmap(base + size, memory->size - size, PROT_NONE, anonymous, -1, 0) == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot shrink linear memory");
    if ((image_size > 0 && mmap(base, image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                                image, 0) == MAP_FAILED) ||
        (size > image_size && mmap(base + image_size, size - image_size, PROT_READ | PROT_WRITE,
                                   anonymous, -1, 0) == MAP_FAILED))
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot replace linear memory");
    memory->size = size;
    return 0;
}

void linear_memory_set_limit(struct linear_memory *memory, uint64_t limit)
{
    memory->limit = limit;
    memory->growth_refused = false;
    memory->peak = 0;
    note_use(memory);
}

bool linear_memory_charge(struct linear_memory *memory, uint64_t size)
{
    if (size > room(memory))
        return false;
    memory->charged += size;
    note_use(memory);
    return true;
}

void linear_memory_charge_existing(struct linear_memory *memory, uint64_t size)
{
    if (__builtin_add_overflow(memory->charged, size, &memory->charged))
        memory->charged = UINT64_MAX;
    note_use(memory);
}

void linear_memory_discharge(struct linear_memory *memory, uint64_t size)
{
    memory->charged -= size < memory->charged ? size : memory->charged;
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
