/* The glue of a native object, as C text. Invariant: only names that wasm2c does not escape are
 * called, so that no name of the module can become anything but an identifier. */
#include "engine/object_glue.h"

#include "engine/guest_object.h"

#include <stdbool.h>
#include <string.h>

#define IMPORT_PREFIX "Z_wasi_snapshot_preview1Z_"

static const char *c_type(char letter)
{
    switch (letter) {
    case 'i':
        return "u32";
    case 'I':
        return "u64";
    case 'f':
        return "f32";
    case 'F':
        return "f64";
    default:
        return "void";
    }
}

static bool is_first_import(const struct wasm_module *module, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(module->imports[i].name, module->imports[index].name) == 0)
            return false;
    }
    return true;
}

static int write_import(struct buffer *glue, const struct wasm_import *import,
                        const struct wasm_function_type *type, size_t slot)
{
    const char *result = c_type(type->results[0]);
    size_t count = strlen(type->parameters);
    int status = buffer_append_format(glue, "%s " IMPORT_PREFIX "%s(", result, import->name);
    for (size_t i = 0; i < count; i++)
        status |= buffer_append_format(glue, "%s%s p%zu", i == 0 ? "" : ", ",
                                       c_type(type->parameters[i]), i);
    status |= buffer_append_format(glue, "%s) {\n  %s((%s (*)(void*", count == 0 ? "void" : "",
                                   type->results[0] == '\0' ? "" : "return ", result);
    for (size_t i = 0; i < count; i++)
        status |= buffer_append_format(glue, ", %s", c_type(type->parameters[i]));
    status |=
        buffer_append_format(glue, "))guest_host->imports[%zu])(guest_host->import_context", slot);
    for (size_t i = 0; i < count; i++)
        status |= buffer_append_format(glue, ", p%zu", i);
    return status | buffer_append_text(glue, ");\n}\n");
}

static int write_imports(struct buffer *glue, const struct wasm_module *module)
{
    BUFFER_LOCAL struct buffer names = BUFFER_EMPTY;
    int status = buffer_append_text(&names, "static const char *const import_names[] = {");
    size_t slot = 0;
    for (size_t i = 0; i < module->import_count; i++) {
        const struct wasm_import *import = &module->imports[i];
        if (!is_first_import(module, i))
            continue;
        status |= buffer_append_format(&names, "\"%s\", ", import->name);
        status |= write_import(glue, import, &module->types[import->type], slot++);
    }
    status |= buffer_append_format(&names, "0};\n#define IMPORT_COUNT %zu\n", slot);
    return status | buffer_append(glue, names.data, names.size);
}

/* wasm2c escapes 'Z' and everything but letters, digits and '_' in a name. */
static bool is_plain_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p < 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '_';
        if (!plain)
            return false;
    }
    return name[0] != '\0';
}

static bool is_callable(const struct wasm_module *module, const struct wasm_export *export)
{
    if (export->kind != 0 || !is_plain_name(export->name))
        return false;
    const struct wasm_function_type *type = wasm_module_function_type(module, export->index);
    return type != NULL && strspn(type->parameters, "i") == strlen(type->parameters) &&
           strlen(type->parameters) <= 8 &&
           (type->results[0] == '\0' || strcmp(type->results, "i") == 0);
}

static int write_exports(struct buffer *glue, const struct wasm_module *module)
{
    BUFFER_LOCAL struct buffer table = BUFFER_EMPTY;
    int status = buffer_append_text(&table, "static const struct guest_export exports[] = {\n");
    size_t count = 0;
    for (size_t i = 0; i < module->export_count; i++) {
        const struct wasm_export *export = &module->exports[i];
        if (!is_callable(module, export))
            continue;
        const struct wasm_function_type *type = wasm_module_function_type(module, export->index);
        size_t parameters = strlen(type->parameters);
        bool returns = type->results[0] != '\0';
        status |= buffer_append_format(glue,
                                       "static u32 call_%zu(const u32 *a) {\n  (void)a;\n  "
                                       "%sZ_guestZ_%s(",
                                       i, returns ? "return " : "", export->name);
        for (size_t j = 0; j < parameters; j++)
            status |= buffer_append_format(glue, "%sa[%zu]", j == 0 ? "" : ", ", j);
        status |= buffer_append_format(glue, ");\n%s}\n", returns ? "" : "  return 0;\n");
        status |= buffer_append_format(&table, "  {\"%s\", %zu, %d, call_%zu},\n", export->name,
                                       parameters, returns ? 1 : 0, i);
        count++;
    }
    status |= buffer_append_format(&table, "  {0, 0, 0, 0}};\n#define EXPORT_COUNT %zu\n", count);
    return status | buffer_append(glue, table.data, table.size);
}

int object_glue_append(const struct wasm_module *module, struct buffer *glue)
{
    bool has_stack_pointer = wasm_module_export(module, "__stack_pointer", 3) != NULL;
    int status = buffer_append_text(glue, "#include \"guest_object.h\"\n"
                                          "#include \"guest_prelude.h\"\n"
                                          "Z_guest_instance_t guest_state;\n"
                                          "extern const struct guest_host *guest_host;\n"
                                          "void guest_instantiate_module(void);\n"
                                          "void guest_set_memory_pages(u32 pages);\n");
    status |= write_imports(glue, module);
    status |= write_exports(glue, module);
    if (has_stack_pointer)
        status |= buffer_append_text(glue, "static const u32 *stack_pointer(void) {\n"
                                           "  return Z_guestZ___stack_pointer();\n}\n");
    status |= buffer_append_format(glue,
                                   "static void instantiate(const struct guest_host *host) {\n"
                                   "  guest_host = host;\n  guest_instantiate_module();\n}\n"
                                   "__attribute__((visibility(\"default\")))\n"
                                   "const struct guest_object " GUEST_OBJECT_SYMBOL " = {\n"
                                   "  GUEST_OBJECT_ABI, IMPORT_COUNT, import_names, EXPORT_COUNT, "
                                   "exports, %s, %u, instantiate, "
                                   "guest_set_memory_pages};\n",
                                   has_stack_pointer ? "stack_pointer" : "0",
                                   module->variable_global_count);
    return status == 0 ? 0 : -1;
}
