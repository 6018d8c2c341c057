/* The process's one guest instance. Invariant: `instance.memory` is valid once
 * `instance.loaded`, accessible once instantiated. */
#include "engine/guest_instance.h"

#include "engine/guest_object.h"
#include "engine/guest_text.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

struct guest_instance {
    const struct guest_object *object;
    struct guest_host host;
    struct linear_memory memory;
    uint64_t memory_limit;
    struct error memory_error;
    struct guest_text text;
    bool loaded;
};

static struct guest_instance the_instance;

/* ---- what the object calls ---- */

static void on_trap(int kind)
{
    guest_trap((enum trap_kind)kind);
}

static void *on_memory_create(uint32_t initial_pages, uint32_t maximum_pages)
{
    if (linear_memory_create(&the_instance.memory, initial_pages, maximum_pages,
                             the_instance.memory_limit, &the_instance.memory_error) != 0)
        guest_trap(TRAP_UNREACHABLE); /* instantiation reports memory_error instead */
    return the_instance.memory.base;
}

static uint32_t on_memory_grow(uint32_t pages)
{
    return linear_memory_grow(&the_instance.memory, pages);
}

static void *on_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        guest_trap(TRAP_UNREACHABLE);
    return memory;
}

/* ---- loading ---- */

static const struct engine_import *find_import(const struct engine_import *imports,
                                               const char *name)
{
    for (const struct engine_import *import = imports; import->name != NULL; import++) {
        if (strcmp(import->name, name) == 0)
            return import;
    }
    return NULL;
}

static int bind_imports(struct guest_instance *instance, const struct engine_import *imports,
                        struct error *error)
{
    uint32_t count = instance->object->import_count;
    void (**functions)(void) = calloc(count == 0 ? 1 : count, sizeof(*functions));
    if (functions == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        const struct engine_import *import =
            find_import(imports, instance->object->import_names[i]);
        if (import == NULL) {
            free(functions);
            return error_set(error, ERROR_INTERNAL, "the translated interpreter imports %s",
                             instance->object->import_names[i]);
        }
        functions[i] = import->function;
    }
    instance->host.imports = (void (*const *)(void))functions; /* kept for the process's life */
    return 0;
}

/* Before the process is locked down: neither needs guest code to have run. */
static int prepare_process(struct guest_instance *instance, struct error *error)
{
    const struct guest_layout layout = {
        .memory = &instance->memory,
        .text_start = instance->text.start,
        .text_end = instance->text.end,
        .stack_pointer =
            instance->object->stack_pointer == NULL ? NULL : instance->object->stack_pointer(),
    };
    if (linear_memory_reserve(&instance->memory, error) != 0)
        return -1;
    return trap_handlers_install(&layout, error);
}

struct guest_instance *guest_instance_load(const char *object_path,
                                           const struct engine_import *imports,
                                           void *import_context, struct error *error)
{
    struct guest_instance *instance = &the_instance;
    if (instance->loaded) {
        error_set(error, ERROR_INTERNAL, "this process already holds an interpreter");
        return NULL;
    }
    void *handle = dlopen(object_path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        error_set(error, ERROR_INTERNAL, "cannot load the translated interpreter: %s", dlerror());
        return NULL;
    }
    instance->object = dlsym(handle, GUEST_OBJECT_SYMBOL);
    struct link_map *map = NULL;
    if (instance->object == NULL || instance->object->abi != GUEST_OBJECT_ABI ||
        dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
        error_set(error, ERROR_INTERNAL, "%s is not a translated interpreter of this version",
                  object_path);
        return NULL;
    }
    if (!guest_text_find(&instance->text, map->l_addr)) {
        error_set(error, ERROR_INTERNAL, "%s holds no code", object_path);
        return NULL;
    }
    instance->host = (struct guest_host){.import_context = import_context,
                                         .trap = on_trap,
                                         .memory_create = on_memory_create,
                                         .memory_grow = on_memory_grow,
                                         .allocate = on_allocate};
    if (bind_imports(instance, imports, error) != 0 || prepare_process(instance, error) != 0)
        return NULL;
    instance->loaded = true;
    return instance;
}

/* ---- running ---- */

static void run_instantiate(void *argument)
{
    const struct guest_instance *instance = argument;
    instance->object->instantiate(&instance->host);
}

int guest_instance_instantiate(struct guest_instance *instance, uint64_t memory_limit,
                               struct error *error)
{
    instance->memory_limit = memory_limit;
    struct guest_outcome outcome = guest_call_protected(run_instantiate, instance);
    if (instance->memory_error.kind != ERROR_OK) {
        return error_set(error, instance->memory_error.kind, "%s", instance->memory_error.message);
    }
    if (outcome.ending != GUEST_RETURNED)
        return error_set(error, ERROR_TRAP, "the module's start function ended with: %s",
                         outcome.ending == GUEST_EXITED ? "proc_exit" : trap_name(outcome.trap));
    return 0;
}

int guest_instance_share(struct guest_instance *instance, struct error *error)
{
    if (guest_text_copy_to_huge_pages(&instance->text, error) != 0)
        return -1;
    return linear_memory_share(&instance->memory, error);
}

int guest_instance_set_memory(struct guest_instance *instance, int image, uint64_t image_size,
                              uint64_t size, struct error *error)
{
    if (linear_memory_replace(&instance->memory, image, image_size, size, error) != 0)
        return -1;
    instance->object->set_memory_pages((uint32_t)(size / WASM_PAGE_SIZE));
    return 0;
}

bool guest_instance_is_memory_only(const struct guest_instance *instance)
{
    return instance->object->variable_globals == (instance->object->stack_pointer == NULL ? 0 : 1);
}

struct linear_memory *guest_instance_memory(struct guest_instance *instance)
{
    return &instance->memory;
}

const struct guest_export *guest_instance_find(const struct guest_instance *instance,
                                               const char *name, size_t parameter_count)
{
    for (uint32_t i = 0; i < instance->object->export_count; i++) {
        const struct guest_export *export = &instance->object->exports[i];
        if (export->parameter_count == parameter_count && strcmp(export->name, name) == 0)
            return export;
    }
    return NULL;
}

struct call {
    const struct guest_export *function;
    const uint32_t *arguments;
    uint32_t result;
};

static void run_call(void *argument)
{
    struct call *call = argument;
    call->result = call->function->call(call->arguments);
}

struct guest_outcome guest_instance_call(const struct guest_export *function,
                                         const uint32_t *arguments, uint32_t *result)
{
    struct call call = {.function = function, .arguments = arguments};
    struct guest_outcome outcome = guest_call_protected(run_call, &call);
    if (result != NULL)
        *result = outcome.ending == GUEST_RETURNED ? call.result : 0;
    return outcome;
}
