/* The contract between the engine and the native object it makes of a module. This header is
 * compiled into the engine and into every object; changing it changes the cache key.
 *
 * An object knows nothing of the process that loads it: all it needs comes through struct
 * guest_host. It holds one instance of the module as static data.
 */
#ifndef SHANNON_ENGINE_GUEST_OBJECT_H
#define SHANNON_ENGINE_GUEST_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_OBJECT_ABI 3u
#define GUEST_OBJECT_SYMBOL "shannon_guest_object"

/* What the engine gives an object. Must stay valid as long as the object is used. */
struct guest_host {
    void *import_context;
    void (*const *imports)(void); /* one per guest_object.import_names */
    /* `kind` is an enum trap_kind. Does not return. */
    void (*trap)(int kind);
    /* The base of a new linear memory, or does not return. */
    void *(*memory_create)(uint32_t initial_pages, uint32_t maximum_pages);
    /* As memory.grow. */
    uint32_t (*memory_grow)(uint32_t pages);
    /* Zeroed memory for tables; does not return when there is none. */
    void *(*allocate)(size_t count, size_t size);
};

struct guest_export {
    const char *name;
    uint32_t parameter_count;
    uint32_t result_count; /* 0 or 1 */
    uint32_t (*call)(const uint32_t *arguments);
};

struct guest_object {
    uint32_t abi; /* GUEST_OBJECT_ABI */
    uint32_t import_count;
    const char *const *import_names;
    uint32_t export_count; /* functions of i32 only */
    const struct guest_export *exports;
    const uint32_t *(*stack_pointer)(void); /* the exported global __stack_pointer; may be NULL */
    uint32_t variable_globals;              /* how many globals can change, that one included */
    /* Makes the instance and runs the module's start function. Guest code runs: only inside
     * guest_call_protected. */
    void (*instantiate)(const struct guest_host *host);
    /* Tells the instance that its linear memory has another size now. */
    void (*set_memory_pages)(uint32_t pages);
};

#endif
