/* Reads the structure of a WebAssembly binary. Invariant: `position <= end <= size` in every
 * reader, and a reader that has failed stays failed and yields zeros. */
#include "engine/wasm_module.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    SECTION_TYPE = 1,
    SECTION_IMPORT = 2,
    SECTION_FUNCTION = 3,
    SECTION_MEMORY = 5,
    SECTION_GLOBAL = 6,
    SECTION_EXPORT = 7,
    SECTION_DATA = 11,
};

/* Each type is compared with all before it. Compilers write a few hundred. */
#define TYPES_MAX 20000u

enum { KIND_FUNCTION = 0, KIND_TABLE = 1, KIND_MEMORY = 2, KIND_GLOBAL = 3 };

struct reader {
    const uint8_t *bytes;
    size_t position;
    size_t end;
    bool failed;
};

static uint8_t read_byte(struct reader *reader)
{
    if (reader->failed || reader->position >= reader->end) {
        reader->failed = true;
        return 0;
    }
    return reader->bytes[reader->position++];
}

/* Unsigned LEB128 of at most 32 bits; also used to step over signed ones of up to 64. */
static uint64_t read_leb(struct reader *reader, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < bits + 7; shift += 7) {
        uint8_t byte = read_byte(reader);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

static uint32_t read_u32(struct reader *reader)
{
    uint64_t value = read_leb(reader, 32);
    if (value > UINT32_MAX) {
        reader->failed = true;
        return 0;
    }
    return (uint32_t)value;
}

/* A count of items of at least one byte each, so that an absurd count fails before allocation. */
static uint32_t read_count(struct reader *reader)
{
    uint32_t count = read_u32(reader);
    if (count > reader->end - reader->position) {
        reader->failed = true;
        return 0;
    }
    return count;
}

static const uint8_t *read_bytes(struct reader *reader, size_t size)
{
    if (reader->failed || size > reader->end - reader->position) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->position;
    reader->position += size;
    return bytes;
}

static char *read_name(struct reader *reader)
{
    uint32_t size = read_u32(reader);
    const uint8_t *bytes = read_bytes(reader, size);
    if (bytes == NULL || memchr(bytes, 0, size) != NULL ||
        text_valid_utf8((const char *)bytes, size) != size) {
        reader->failed = true;
        return NULL;
    }
    char *name = strndup((const char *)bytes, size);
    if (name == NULL)
        reader->failed = true;
    return name;
}

/* Every type has a letter of its own: two that shared one would make function types look equal that
 * are not, and a call through a table would pass the check with other arguments. */
static char read_value_type(struct reader *reader)
{
    switch (read_byte(reader)) {
    case 0x7f:
        return 'i';
    case 0x7e:
        return 'I';
    case 0x7d:
        return 'f';
    case 0x7c:
        return 'F';
    case 0x7b:
        return 'V';
    case 0x70:
        return 'r';
    case 0x6f:
        return 'e';
    default:
        reader->failed = true;
        return '\0';
    }
}

static char *read_value_types(struct reader *reader)
{
    uint32_t count = read_count(reader);
    char *letters = calloc((size_t)count + 1, 1);
    if (letters == NULL) {
        reader->failed = true;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        letters[i] = read_value_type(reader);
    return letters;
}

static void *allocate_items(struct reader *reader, uint32_t count, size_t size)
{
    void *items = calloc(count == 0 ? 1 : count, size);
    if (items == NULL)
        reader->failed = true;
    return items;
}

static void read_type_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    if (count > TYPES_MAX) {
        reader->failed = true;
        return;
    }
    module->types = allocate_items(reader, count, sizeof(*module->types));
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct wasm_function_type *type = &module->types[i];
        if (read_byte(reader) != 0x60)
            reader->failed = true;
        type->parameters = read_value_types(reader);
        type->results = read_value_types(reader);
        module->type_count = (size_t)i + 1;
        if (reader->failed)
            return;
        type->canonical = i;
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(module->types[j].parameters, type->parameters) == 0 &&
                strcmp(module->types[j].results, type->results) == 0) {
                type->canonical = j;
                break;
            }
        }
    }
}

static int read_import_section(struct wasm_module *module, struct reader *reader, const char *file,
                               struct error *error)
{
    uint32_t count = read_count(reader);
    module->imports = allocate_items(reader, count, sizeof(*module->imports));
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct wasm_import *import = &module->imports[i];
        import->module = read_name(reader);
        import->name = read_name(reader);
        module->import_count = (size_t)i + 1;
        uint8_t kind = read_byte(reader);
        if (reader->failed)
            return 0;
        char name[WASM_NAME_SHOWN];
        char from[WASM_NAME_SHOWN];
        if (kind != KIND_FUNCTION)
            return error_set(error, ERROR_INVALID_REQUEST,
                             "%s imports \"%s\" from \"%s\", which is not a function: only "
                             "functions of wasi_snapshot_preview1 can be imported. Build the "
                             "module for wasm32-wasi (preview1) without such imports",
                             file, wasm_name_shown(import->name, name),
                             wasm_name_shown(import->module, from));
        import->type = read_u32(reader);
        if (import->type >= module->type_count)
            reader->failed = true;
    }
    return 0;
}

static void read_function_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    module->functions = allocate_items(reader, count, sizeof(*module->functions));
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        module->functions[i] = read_u32(reader);
        if (module->functions[i] >= module->type_count)
            reader->failed = true;
    }
    module->function_count = count;
}

static void read_memory_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    if (count != 1) {
        reader->failed = count > 1;
        return;
    }
    uint8_t flags = read_byte(reader);
    if (flags > 1) { /* shared or 64-bit memories cannot be isolated the way this engine does */
        reader->failed = true;
        return;
    }
    module->has_memory = true;
    module->memory_minimum_pages = read_u32(reader);
    module->memory_maximum_pages = flags == 1 ? read_u32(reader) : 65536;
    if (module->memory_minimum_pages > 65536 || module->memory_maximum_pages > 65536)
        reader->failed = true;
}

static void read_export_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    module->exports = allocate_items(reader, count, sizeof(*module->exports));
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        module->exports[i].name = read_name(reader);
        module->exports[i].kind = read_byte(reader);
        module->exports[i].index = read_u32(reader);
        module->export_count = (size_t)i + 1;
    }
}

/* Steps over a constant expression: a data segment's offset, or a global's first value. */
static void skip_constant_expression(struct reader *reader)
{
    while (!reader->failed) {
        switch (read_byte(reader)) {
        case 0x0b: /* end */
            return;
        case 0x23: /* global.get */
            (void)read_u32(reader);
            break;
        case 0x41: /* i32.const */
            (void)read_leb(reader, 32);
            break;
        case 0x42: /* i64.const */
            (void)read_leb(reader, 64);
            break;
        case 0x43: /* f32.const */
            (void)read_bytes(reader, 4);
            break;
        case 0x44: /* f64.const */
            (void)read_bytes(reader, 8);
            break;
        case 0xd0: /* ref.null */
            (void)read_byte(reader);
            break;
        case 0xd2: /* ref.func */
            (void)read_u32(reader);
            break;
        default:
            reader->failed = true;
            return;
        }
    }
}

static void read_global_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        (void)read_byte(reader); /* its type */
        uint8_t variable = read_byte(reader);
        if (variable > 1)
            reader->failed = true;
        module->variable_global_count += variable;
        skip_constant_expression(reader);
    }
}

static void read_data_section(struct wasm_module *module, struct reader *reader)
{
    uint32_t count = read_count(reader);
    module->data_segments = allocate_items(reader, count, sizeof(*module->data_segments));
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        uint32_t mode = read_u32(reader);
        if (mode > 2)
            reader->failed = true;
        if (mode == 2)
            (void)read_u32(reader);
        if (mode != 1)
            skip_constant_expression(reader);
        uint32_t size = read_u32(reader);
        module->data_segments[i].bytes = read_bytes(reader, size);
        module->data_segments[i].size = size;
    }
    module->data_segment_count = count;
}

static int read_section(struct wasm_module *module, uint8_t id, struct reader *reader,
                        const char *name, struct error *error)
{
    switch (id) {
    case SECTION_TYPE:
        read_type_section(module, reader);
        break;
    case SECTION_IMPORT:
        if (read_import_section(module, reader, name, error) != 0)
            return -1;
        break;
    case SECTION_FUNCTION:
        read_function_section(module, reader);
        break;
    case SECTION_MEMORY:
        read_memory_section(module, reader);
        break;
    case SECTION_GLOBAL:
        read_global_section(module, reader);
        break;
    case SECTION_EXPORT:
        read_export_section(module, reader);
        break;
    case SECTION_DATA:
        read_data_section(module, reader);
        break;
    default:
        return 0;
    }
    if (reader->failed || reader->position != reader->end)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s is a damaged or unsupported wasm file: section %u is not readable. "
                         "Fetch or build it again",
                         name, id);
    return 0;
}

int wasm_module_read(struct wasm_module *module, const void *bytes, size_t size, const char *name,
                     struct error *error)
{
    static const uint8_t header[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    memset(module, 0, sizeof(*module));
    module->bytes = bytes;
    module->size = size;
    if (size < sizeof(header) || memcmp(bytes, header, 4) != 0)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s is not a WebAssembly module (it does not begin with \"\\0asm\"). Name "
                         "a .wasm file built for WASI preview1",
                         name);
    if (memcmp(bytes, header, sizeof(header)) != 0)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s is not a WebAssembly 1.0 core module (a component, perhaps). Name a "
                         ".wasm file built for WASI preview1",
                         name);
    /* A second section of the same kind would leak the first one's lists and is not valid. */
    uint32_t seen = 0;
    struct reader file = {.bytes = bytes, .position = sizeof(header), .end = size};
    while (file.position < file.end) {
        uint8_t id = read_byte(&file);
        uint32_t section_size = read_u32(&file);
        const uint8_t *section = read_bytes(&file, section_size);
        if (section == NULL || id > 12 || (id != 0 && (seen & (1u << id)) != 0))
            return error_set(error, ERROR_INVALID_REQUEST,
                             "%s is a truncated or damaged wasm file. Fetch or build it again",
                             name);
        seen |= 1u << id;
        struct reader reader = {.bytes = section, .end = section_size};
        if (read_section(module, id, &reader, name, error) != 0)
            return -1;
    }
    const struct wasm_export *memory = wasm_module_export(module, "memory", KIND_MEMORY);
    if (!module->has_memory || memory == NULL)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s exports no memory called \"memory\", so no WASI host can run it",
                         name);
    return 0;
}

const struct wasm_export *wasm_module_export(const struct wasm_module *module, const char *name,
                                             uint8_t kind)
{
    for (size_t i = 0; i < module->export_count; i++) {
        if (module->exports[i].kind == kind && strcmp(module->exports[i].name, name) == 0)
            return &module->exports[i];
    }
    return NULL;
}

const struct wasm_function_type *wasm_module_function_type(const struct wasm_module *module,
                                                           uint32_t index)
{
    if (index < module->import_count)
        return &module->types[module->imports[index].type];
    index -= (uint32_t)module->import_count;
    return index < module->function_count ? &module->types[module->functions[index]] : NULL;
}

const char *wasm_name_shown(const char *name, char text[WASM_NAME_SHOWN])
{
    size_t size = strlen(name);
    if (size >= WASM_NAME_SHOWN) { /* cut before a whole character */
        size = WASM_NAME_SHOWN - 1;
        while (size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(text, name, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
    return text;
}

void wasm_module_free(struct wasm_module *module)
{
    for (size_t i = 0; i < module->type_count; i++) {
        free(module->types[i].parameters);
        free(module->types[i].results);
    }
    for (size_t i = 0; i < module->import_count; i++) {
        free(module->imports[i].module);
        free(module->imports[i].name);
    }
    for (size_t i = 0; i < module->export_count; i++)
        free(module->exports[i].name);
    free(module->types);
    free(module->imports);
    free(module->functions);
    free(module->exports);
    free(module->data_segments);
    memset(module, 0, sizeof(*module));
}
