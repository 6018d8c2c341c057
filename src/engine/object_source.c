/* Rewrites wasm2c's output. The text is worked on line by line; wasm2c 1.0.32 writes each top-level
 * item from column 0 and ends it with a line "}" or "};". Anything else is refused rather than
 * guessed at.
 *
 * What changes: functions lose `static`, so that they can stand in several files, and lose the
 * instance parameter, as the one instance is static data; type numbers become constants; data
 * segments become bytes that the assembler includes. */
#include "engine/object_source.h"

#include "engine/dropped_load.h"
#include "engine/embedded_text.h"
#include "engine/object_glue.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    const char *directory;
    const struct wasm_module *module;
    struct buffer prelude;
    struct buffer chunks[OBJECT_SOURCE_CHUNKS_MAX];
    size_t chunk_count;
    size_t chunk_target; /* bytes after which the next chunk begins */
    size_t chunk;        /* where the next function goes */
    size_t segment;      /* the next data segment whose array will come */
    struct buffer data_source;
    struct buffer data_bytes;
};

static const struct {
    const char *from;
    const char *to;
} replacements[] = {
    /* Declarations and definitions. */
    {"(Z_guest_instance_t* instance, ", "("},
    {"(Z_guest_instance_t* instance)", "(void)"},
    {"(Z_guest_instance_t *instance)", "(void)"},
    {"(Z_guest_instance_t*, ", "("},
    {"(Z_guest_instance_t*)", "(void)"},
    {"(struct Z_wasi_snapshot_preview1_instance_t*, ", "("},
    {"(struct Z_wasi_snapshot_preview1_instance_t*)", "(void)"},
    /* Calls: of an import, of a function, through a table. */
    {"(instance->Z_wasi_snapshot_preview1_instance, ", "("},
    {"(instance->Z_wasi_snapshot_preview1_instance)", "()"},
    {"(instance, ", "("},
    {"(instance)", "()"},
    {"(*)(void*, ", "(*)("},
    {"(*)(void*)", "(*)(void)"},
    /* Everything else that names the instance. */
    {", instance, ", ", &guest_state, "},
    {", instance}", ", &guest_state}"}, /* ref.func */
    {"instance->", "guest_state."},
};

/* Removes ", guest_state.w2c_T0.data[x].module_instance" from a call through a table. */
static void drop_table_instance(struct buffer *line)
{
    static const char tail[] = ".module_instance";
    char *end;
    while ((end = strstr(line->data, tail)) != NULL) {
        char *start = end;
        while (start > line->data && strncmp(start, ", guest_state.", 14) != 0)
            start--;
        if (start == line->data)
            return;
        end += sizeof(tail) - 1;
        memmove(start, end, strlen(end) + 1);
        line->size = strlen(line->data);
    }
}

static int replace_all(struct buffer *line, const char *from, const char *to)
{
    char *found = line->data == NULL ? NULL : strstr(line->data, from);
    if (found == NULL)
        return 0;
    BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
    const char *rest = line->data;
    while (found != NULL) {
        if (buffer_append(&result, rest, (size_t)(found - rest)) != 0 ||
            buffer_append_text(&result, to) != 0)
            return -1;
        rest = found + strlen(from);
        found = strstr(rest, from);
    }
    if (buffer_append_text(&result, rest) != 0)
        return -1;
    struct buffer old = *line;
    *line = result;
    result = old;
    return 0;
}

static int rewrite_line(struct buffer *line)
{
    if (strstr(line->data, "instance") == NULL && strstr(line->data, "(*)") == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
        if (replace_all(line, replacements[i].from, replacements[i].to) != 0)
            return -1;
    }
    drop_table_instance(line);
    return 0;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int out_of_memory(struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "out of memory while translating a module");
}

static int unexpected(struct error *error, const char *line)
{
    return error_set(error, ERROR_INTERNAL,
                     "wasm2c's output is not laid out as expected at \"%.60s\"; this engine needs "
                     "wasm2c 1.0.32 (package wabt of Debian 12)",
                     line);
}

/* ---- input ---- */

struct line_reader {
    FILE *file;
    char *text;
    size_t capacity;
};

static const char *next_line(struct line_reader *reader)
{
    return getline(&reader->text, &reader->capacity, reader->file) < 0 ? NULL : reader->text;
}

static int open_input(struct line_reader *reader, const char *directory, const char *name,
                      struct error *error)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    if (buffer_append_format(&path, "%s/%s", directory, name) != 0)
        return out_of_memory(error);
    reader->file = fopen(buffer_text(&path), "re");
    if (reader->file == NULL)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot open %s", buffer_text(&path));
    return 0;
}

static void close_input(struct line_reader *reader)
{
    if (reader->file != NULL)
        (void)fclose(reader->file);
    free(reader->text);
}

/* ---- output ---- */

static int write_file(const char *directory, const char *name, const void *bytes, size_t size,
                      struct error *error)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    if (buffer_append_format(&path, "%s/%s", directory, name) != 0)
        return out_of_memory(error);
    FILE *file = fopen(buffer_text(&path), "we");
    bool written = file != NULL && (size == 0 || fwrite(bytes, 1, size, file) == size);
    int saved = errno;
    if (file != NULL && fclose(file) != 0) {
        written = false;
        saved = errno;
    }
    if (!written)
        return error_set(error, ERROR_INTERNAL,
                         "cannot write %s: %s. Free some space there or set SHANNON_CACHE_DIR to a "
                         "folder that has some",
                         buffer_text(&path), strerror(saved));
    return 0;
}

/* ---- the parts of wasm2c's file ---- */

static int write_type_numbers(struct writer *writer)
{
    const struct wasm_module *module = writer->module;
    if (buffer_append_format(&writer->prelude, "static const u32 func_types[%zu] = {",
                             module->type_count == 0 ? 1 : module->type_count) != 0)
        return -1;
    for (size_t i = 0; i < module->type_count; i++) {
        if (buffer_append_format(&writer->prelude, "%u,", module->types[i].canonical + 1) != 0)
            return -1;
    }
    return buffer_append_text(&writer->prelude, "};\nextern Z_guest_instance_t guest_state;\n");
}

static int read_header(struct writer *writer, struct error *error)
{
    struct line_reader reader = {0};
    BUFFER_LOCAL struct buffer line = BUFFER_EMPTY;
    int result = open_input(&reader, writer->directory, "wasm2c.h", error);
    const char *text;
    while (result == 0 && (text = next_line(&reader)) != NULL) {
        if (starts_with(text, "/*")) /* may quote the module's own words; see check_names */
            continue;
        buffer_clear(&line);
        if (buffer_append_text(&line, text) != 0 || rewrite_line(&line) != 0 ||
            buffer_append(&writer->prelude, line.data, line.size) != 0)
            result = out_of_memory(error);
    }
    close_input(&reader);
    return result;
}

/* From the top of the file to the type numbers: macros and inline functions. */
static int read_prelude(struct writer *writer, struct line_reader *reader, struct error *error)
{
    bool access_included = false;
    const char *line;
    while ((line = next_line(reader)) != NULL) {
        if (starts_with(line, "static bool s_module_initialized"))
            return access_included ? 0 : unexpected(error, line);
        if (!access_included && starts_with(line, "DEFINE_LOAD(")) {
            access_included = true;
            if (buffer_append_text(&writer->prelude, "#include \"guest_access.h\"\n") != 0)
                return out_of_memory(error);
        }
        if (starts_with(line, "#include \"wasm2c.h\"")) {
            if (read_header(writer, error) != 0)
                return -1;
        } else if (buffer_append_text(&writer->prelude, line) != 0) {
            return out_of_memory(error);
        }
    }
    return unexpected(error, "end of file");
}

static int skip_item(struct line_reader *reader, struct error *error)
{
    const char *line;
    while ((line = next_line(reader)) != NULL) {
        if (line[0] == '}')
            return 0;
    }
    return unexpected(error, "end of file");
}

/* A function or table of element segments into `chunk`, without its `static`. */
static int copy_item(struct writer *writer, struct line_reader *reader, const char *first,
                     size_t chunk, struct error *error)
{
    BUFFER_LOCAL struct buffer item = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer line = BUFFER_EMPTY;
    const char *text = starts_with(first, "static ") ? first + strlen("static ") : first;
    while (text != NULL) {
        buffer_clear(&line);
        if (buffer_append_text(&line, text) != 0 || rewrite_line(&line) != 0 ||
            buffer_append(&item, line.data, line.size) != 0)
            return out_of_memory(error);
        if (text[0] == '}')
            return dropped_load_append(&item, &writer->chunks[chunk]) == 0 ? 0
                                                                           : out_of_memory(error);
        text = next_line(reader);
    }
    return unexpected(error, "end of file");
}

static int read_function(struct writer *writer, struct line_reader *reader, const char *line,
                         struct error *error)
{
    /* Only the translated functions are many; what initialises and exports stays in chunk 0. */
    bool translated = starts_with(line, "static ") && strstr(line, " w2c_") != NULL &&
                      strstr(line, " w2c_") < strchr(line, '(');
    if (!translated)
        return copy_item(writer, reader, line, 0, error);
    if (writer->chunks[writer->chunk].size > writer->chunk_target &&
        writer->chunk + 1 < writer->chunk_count)
        writer->chunk++;
    return copy_item(writer, reader, line, writer->chunk, error);
}

/* The data segment whose array wasm2c calls `name`, for the assembler. wasm2c writes arrays of the
 * segments that are not empty, in their order; it finds a name of its own for each, as an export
 * may have taken the one that the segment's number suggests. */
static int add_segment(struct writer *writer, const char *name, int name_size)
{
    const struct wasm_module *module = writer->module;
    while (writer->segment < module->data_segment_count &&
           module->data_segments[writer->segment].size == 0)
        writer->segment++;
    if (writer->segment >= module->data_segment_count)
        return -1;
    const struct wasm_data_segment *segment = &module->data_segments[writer->segment++];
    int status = buffer_append_format(&writer->data_source,
                                      "  .globl %.*s\n  .hidden %.*s\n  .p2align 4\n%.*s:\n"
                                      "  .incbin \"data.bin\", %zu, %u\n",
                                      name_size, name, name_size, name, name_size, name,
                                      writer->data_bytes.size, segment->size);
    return status | buffer_append(&writer->data_bytes, segment->bytes, segment->size);
}

/* "static const TYPE NAME[] = {": declared in the prelude. Data goes, element segments stay. */
static int read_array(struct writer *writer, struct line_reader *reader, const char *line,
                      struct error *error)
{
    const char *declaration = line + strlen("static ");
    const char *end = strstr(declaration, " = {");
    if (end == NULL)
        return unexpected(error, line);
    if (buffer_append_text(&writer->prelude, "extern ") != 0 ||
        buffer_append(&writer->prelude, declaration, (size_t)(end - declaration)) != 0 ||
        buffer_append_text(&writer->prelude, ";\n") != 0)
        return out_of_memory(error);
    if (!starts_with(declaration, "const u8 data_segment_data_"))
        return copy_item(writer, reader, line, 0, error);
    const char *name = declaration + strlen("const u8 ");
    if (add_segment(writer, name, (int)strcspn(name, "[")) != 0)
        return unexpected(error, line);
    return skip_item(reader, error);
}

static int read_declaration(struct writer *writer, const char *line, struct error *error)
{
    BUFFER_LOCAL struct buffer declaration = BUFFER_EMPTY;
    if (buffer_append_text(&declaration, line + strlen("static ")) != 0 ||
        rewrite_line(&declaration) != 0 ||
        buffer_append(&writer->prelude, declaration.data, declaration.size) != 0)
        return out_of_memory(error);
    return 0;
}

static bool ends_with(const char *line, const char *tail)
{
    size_t size = strlen(line);
    size_t tail_size = strlen(tail);
    return size >= tail_size && strcmp(line + size - tail_size, tail) == 0;
}

/* The steps of instantiation, without wasm2c's checks of its own runtime. */
static int read_instantiate(struct writer *writer, struct line_reader *reader, struct error *error)
{
    BUFFER_LOCAL struct buffer line = BUFFER_EMPTY;
    const char *text = "void guest_instantiate_module(void) {\n";
    while (text != NULL) {
        buffer_clear(&line);
        bool skipped = strstr(text, "assert(") != NULL || strstr(text, "init_instance_import(");
        if (!skipped && (buffer_append_text(&line, text) != 0 || rewrite_line(&line) != 0 ||
                         buffer_append(&writer->chunks[0], line.data, line.size) != 0))
            return out_of_memory(error);
        if (text[0] == '}')
            return 0;
        text = next_line(reader);
    }
    return unexpected(error, "end of file");
}

static int read_items(struct writer *writer, struct line_reader *reader, struct error *error)
{
    const char *line;
    while ((line = next_line(reader)) != NULL) {
        int result = 0;
        if (line[0] == '\n' || starts_with(line, "/*") || starts_with(line, "//") ||
            starts_with(line, "static u32 func_types["))
            continue;
        if (starts_with(line, "static void init_func_types(void) {"))
            result = skip_item(reader, error);
        else if (starts_with(line, "static const ") && ends_with(line, "= {\n"))
            result = read_array(writer, reader, line, error);
        else if (starts_with(line, "static ") && ends_with(line, ");\n"))
            result = read_declaration(writer, line, error);
        else if (starts_with(line, "void Z_guest_init_module(void) {"))
            result = skip_item(reader, error);
        else if (starts_with(line, "static void init_instance_import("))
            result = skip_item(reader, error);
        else if (starts_with(line, "void Z_guest_instantiate("))
            result = read_instantiate(writer, reader, error);
        else if (ends_with(line, "{\n") || ends_with(line, ", \n")) /* parameters may go on */
            result = read_function(writer, reader, line, error);
        else
            return unexpected(error, line);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int write_data(struct writer *writer, struct error *error)
{
    if (buffer_append_text(&writer->data_source, "  .section .note.GNU-stack,\"\",%progbits\n") !=
        0)
        return out_of_memory(error);
    if (write_file(writer->directory, "data.bin", writer->data_bytes.data, writer->data_bytes.size,
                   error) != 0)
        return -1;
    return write_file(writer->directory, "data.s", writer->data_source.data,
                      writer->data_source.size, error);
}

static int write_chunks(struct writer *writer, struct error *error)
{
    for (size_t i = 0; i < writer->chunk_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "chunk%zu.c", i);
        if (write_file(writer->directory, name, writer->chunks[i].data, writer->chunks[i].size,
                       error) != 0)
            return -1;
    }
    return 0;
}

static int write_all(struct writer *writer, struct error *error)
{
    const char *directory = writer->directory;
    if (write_file(directory, "guest_prelude.h", writer->prelude.data, writer->prelude.size,
                   error) != 0 ||
        write_file(directory, "guest_access.h", embedded_guest_access_h,
                   strlen(embedded_guest_access_h), error) != 0 ||
        write_file(directory, "guest_object.h", embedded_guest_object_h,
                   strlen(embedded_guest_object_h), error) != 0 ||
        write_file(directory, "guest_runtime.c", embedded_guest_runtime_c,
                   strlen(embedded_guest_runtime_c), error) != 0)
        return -1;
    BUFFER_LOCAL struct buffer glue = BUFFER_EMPTY;
    if (object_glue_append(writer->module, &glue) != 0)
        return out_of_memory(error);
    if (write_file(directory, "guest_glue.c", glue.data, glue.size, error) != 0 ||
        write_data(writer, error) != 0)
        return -1;
    return write_chunks(writer, error);
}

/* About how many bytes of the file are functions: a byte of data takes a little over 6. */
static size_t functions_size(struct line_reader *reader, const struct wasm_module *module)
{
    long end = fseek(reader->file, 0, SEEK_END) == 0 ? ftell(reader->file) : 0;
    size_t size = end > 0 ? (size_t)end : 0;
    rewind(reader->file);
    size_t data = 0;
    for (size_t i = 0; i < module->data_segment_count; i++)
        data += (size_t)module->data_segments[i].size * 25 / 4;
    return data < size ? size - data : size;
}

/* wasm2c quotes the name of each export in a comment of its own line, as it stands. A name that
 * ends the comment or the line would put C of the module's choosing into the object. */
static int check_names(const struct wasm_module *module, struct error *error)
{
    for (size_t i = 0; i < module->export_count; i++) {
        const char *name = module->exports[i].name;
        bool breaks_out = strstr(name, "*/") != NULL;
        for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++)
            breaks_out = breaks_out || *p < 0x20 || *p == 0x7f;
        if (breaks_out)
            return error_set(error, ERROR_INVALID_REQUEST,
                             "the name of export %zu holds a control character or \"*/\", which no "
                             "compiler writes: the module is damaged or hostile",
                             i);
    }
    return 0;
}

int object_source_write(const char *directory, const struct wasm_module *module, size_t chunks,
                        struct error *error)
{
    struct writer writer = {.directory = directory, .module = module, .chunk_count = chunks};
    struct line_reader reader = {0};
    if (check_names(module, error) != 0)
        return -1;
    int result = open_input(&reader, directory, "wasm2c.c", error);
    if (result == 0)
        writer.chunk_target = functions_size(&reader, module) / chunks;
    for (size_t i = 0; i < chunks && result == 0; i++) {
        if (buffer_append_text(&writer.chunks[i], "#include \"guest_prelude.h\"\n") != 0)
            result = out_of_memory(error);
    }
    if (result == 0)
        result = read_prelude(&writer, &reader, error);
    if (result == 0 && (write_type_numbers(&writer) != 0 ||
                        buffer_append_text(&writer.data_source, "  .section .rodata\n") != 0))
        result = out_of_memory(error);
    if (result == 0)
        result = read_items(&writer, &reader, error);
    if (result == 0)
        result = write_all(&writer, error);
    close_input(&reader);
    buffer_free(&writer.prelude);
    buffer_free(&writer.data_source);
    buffer_free(&writer.data_bytes);
    for (size_t i = 0; i < chunks; i++)
        buffer_free(&writer.chunks[i]);
    return result;
}

int object_source_fingerprint(struct buffer *text)
{
    /* Raise this number when this file, what it reads or what links the object changes what comes
     * out. */
    static const char version[] = "object source 5";
    const char *const parts[] = {version, embedded_guest_access_h, embedded_guest_runtime_c,
                                 embedded_guest_object_h};
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        sha256_update(&context, strlen(parts[i]) + 1, (const uint8_t *)parts[i]);
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        if (buffer_append_format(text, "%02x", digest[i]) != 0)
            return -1;
    }
    return 0;
}
