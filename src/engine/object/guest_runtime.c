/* Compiled into every object: the runtime functions that wasm2c's code calls, forwarded to the
 * engine through struct guest_host. Follows guest_host being set by guest_instantiate. */
#include "guest_object.h"
#include "guest_prelude.h"

/* Of all tables together, which are the host's memory and not the guest's: enough for any
 * compiler's function table, small enough that no module can exhaust the host with them (48 MB). */
#define TABLE_ELEMENTS_MAX 1000000u

const struct guest_host *guest_host;
static uint32_t table_elements;

void wasm_rt_trap(wasm_rt_trap_t trap)
{
    /* The order of enum trap_kind in trap.h. */
    static const int kinds[] = {
        [WASM_RT_TRAP_NONE] = 5,
        [WASM_RT_TRAP_OOB] = 1,
        [WASM_RT_TRAP_INT_OVERFLOW] = 2,
        [WASM_RT_TRAP_DIV_BY_ZERO] = 3,
        [WASM_RT_TRAP_INVALID_CONVERSION] = 4,
        [WASM_RT_TRAP_UNREACHABLE] = 5,
        [WASM_RT_TRAP_CALL_INDIRECT] = 6,
        [WASM_RT_TRAP_UNCAUGHT_EXCEPTION] = 5,
        [WASM_RT_TRAP_EXHAUSTION] = 7,
    };
    guest_host->trap(kinds[trap]);
    __builtin_unreachable();
}

bool wasm_rt_is_initialized(void)
{
    return true;
}

/* A module has one memory at most. */
static wasm_rt_memory_t *the_memory;

void guest_set_memory_pages(uint32_t pages)
{
    the_memory->pages = pages;
    the_memory->size = pages * 65536u;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t initial_pages,
                             uint32_t maximum_pages)
{
    the_memory = memory;
    memory->data = guest_host->memory_create(initial_pages, maximum_pages);
    memory->pages = initial_pages;
    memory->max_pages = maximum_pages;
    memory->size = initial_pages * 65536u;
}

uint32_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t pages)
{
    uint32_t former = guest_host->memory_grow(pages);
    if (former != UINT32_MAX) {
        (void)memory;
        guest_set_memory_pages(former + pages);
    }
    return former;
}

/* Whether all tables may have so many elements more. */
static bool take_elements(uint32_t count)
{
    if (count > TABLE_ELEMENTS_MAX - table_elements)
        return false;
    table_elements += count;
    return true;
}

/* How many elements an array has for a table of `size`: the next power of two. */
static uint32_t capacity_of(uint32_t size)
{
    uint32_t capacity = 16;
    while (capacity < size)
        capacity *= 2;
    return capacity;
}

#define DEFINE_TABLE_ALLOCATE(type)                                                                \
    void wasm_rt_allocate_##type##_table(wasm_rt_##type##_table_t *table, uint32_t elements,       \
                                         uint32_t maximum)                                         \
    {                                                                                              \
        if (!take_elements(elements))                                                              \
            wasm_rt_trap(WASM_RT_TRAP_OOB);                                                        \
        table->size = elements;                                                                    \
        table->max_size = maximum;                                                                 \
        table->data = guest_host->allocate(capacity_of(elements), sizeof(*table->data));           \
    }

DEFINE_TABLE_ALLOCATE(funcref)
DEFINE_TABLE_ALLOCATE(externref)

/* An array that is full is left behind for one of twice its size, so that what is left behind is
 * never more than what is in use. */
#define DEFINE_TABLE_GROW(type)                                                                    \
    uint32_t wasm_rt_grow_##type##_table(wasm_rt_##type##_table_t *table, uint32_t delta,          \
                                         wasm_rt_##type##_t initial)                               \
    {                                                                                              \
        uint32_t former = table->size;                                                             \
        if (former > table->max_size || delta > table->max_size - former || !take_elements(delta)) \
            return UINT32_MAX;                                                                     \
        uint32_t capacity = capacity_of(former + delta);                                           \
        if (capacity > capacity_of(former)) {                                                      \
            wasm_rt_##type##_t *data = guest_host->allocate(capacity, sizeof(*data));              \
            memcpy(data, table->data, former * sizeof(*data));                                     \
            table->data = data;                                                                    \
        }                                                                                          \
        for (uint32_t i = former; i < former + delta; i++)                                         \
            table->data[i] = initial;                                                              \
        table->size = former + delta;                                                              \
        return former;                                                                             \
    }

DEFINE_TABLE_GROW(funcref)
DEFINE_TABLE_GROW(externref)

void wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
    (void)memory; /* the engine owns it */
}

void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table)
{
    (void)table; /* ends with the process */
}

void wasm_rt_free_externref_table(wasm_rt_externref_table_t *table)
{
    (void)table; /* ends with the process */
}
