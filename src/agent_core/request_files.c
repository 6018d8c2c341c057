/* Input files of a request. Invariant: every path that leaves here stays below the folder it is
 * joined to. */
#include "agent_core/request_files.h"

#include <nettle/base64.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT_MAXIMUM 255

/* What is wrong with a path, as the end of "... must "; NULL when nothing is. */
static const char *path_problem(const char *path, size_t size)
{
    if (size == 0 || size > REQUEST_FILE_PATH_MAXIMUM)
        return "be 1 to 1024 bytes";
    if (memchr(path, '\0', size) != NULL)
        return "not contain NUL";
    if (path[0] == '/')
        return "be relative (it is taken below /workspace)";
    while (*path != '\0') {
        size_t part = strcspn(path, "/");
        if (part == 0 || (part == 1 && path[0] == '.') ||
            (part == 2 && path[0] == '.' && path[1] == '.'))
            return "not have empty, \".\" or \"..\" components";
        if (part > COMPONENT_MAXIMUM)
            return "have components of at most 255 bytes";
        path += part;
        if (path[0] == '/' && path[1] == '\0')
            return "not end in \"/\"";
        path += path[0] == '/' ? 1 : 0;
    }
    return NULL;
}

static int out_of_memory(struct json_fault *fault)
{
    return error_set(&fault->error, ERROR_INTERNAL, "out of memory");
}

static int decode(struct request_files *files, const char *text, size_t size,
                  struct execution_file *file, struct json_fault *fault)
{
    struct base64_decode_ctx context;
    size_t decoded_size = BASE64_DECODE_LENGTH(size);
    char *decoded = malloc(decoded_size + 1);
    if (decoded == NULL)
        return out_of_memory(fault);
    files->decoded[files->count] = decoded;
    base64_decode_init(&context);
    if (!base64_decode_update(&context, &decoded_size, (uint8_t *)decoded, size, text) ||
        !base64_decode_final(&context))
        return json_fault_set(fault, "files", "the content of files[%zu] is not base64",
                              files->count);
    file->bytes = decoded;
    file->size = decoded_size;
    return 0;
}

/* Adds one file; there is room. `encoding` NULL: text. */
static int add(struct request_files *files, const char *path, size_t path_size,
               const json_t *content, const char *encoding, struct json_fault *fault)
{
    struct execution_file *file = &files->files[files->count];
    const char *problem = path_problem(path, path_size);
    if (problem != NULL)
        return json_fault_set(fault, "files", "the path of files[%zu] must %s", files->count,
                              problem);
    if (!json_is_string(content))
        return json_fault_set(fault, "files", "the content of files[%zu] must be a string",
                              files->count);
    file->path = path;
    file->path_size = path_size;
    if (encoding != NULL && strcmp(encoding, "base64") == 0) {
        if (decode(files, json_string_value(content), json_string_length(content), file, fault) !=
            0)
            return -1;
    } else if (encoding == NULL || strcmp(encoding, "utf-8") == 0) {
        file->bytes = json_string_value(content);
        file->size = json_string_length(content);
    } else {
        return json_fault_set(fault, "files",
                              "the encoding of files[%zu] must be \"utf-8\" or \"base64\"",
                              files->count);
    }
    files->count++;
    return 0;
}

static int read_item(struct request_files *files, json_t *item, struct json_fault *fault)
{
    const char *name;
    json_t *value;
    const json_t *path = json_object_get(item, "path");
    const json_t *content = json_object_get(item, "content");
    const json_t *encoding = json_object_get(item, "encoding");
    json_object_foreach(item, name, value)
    {
        if (value != path && value != content && value != encoding)
            return json_fault_set(fault, "files",
                                  "files[%zu] has the unknown field \"%.40s\"; there are path, "
                                  "content and encoding",
                                  files->count, name);
    }
    /* An encoding with a NUL in it is refused as an empty one is. */
    const char *encoding_name = json_string_value(encoding);
    if (encoding_name != NULL && strlen(encoding_name) != json_string_length(encoding))
        encoding_name = "";
    if (!json_is_string(path) || !json_is_string(content) ||
        (encoding != NULL && !json_is_string(encoding)))
        return json_fault_set(fault, "files",
                              "files[%zu] must be an object with the strings path and content, and "
                              "perhaps encoding",
                              files->count);
    return add(files, json_string_value(path), json_string_length(path), content, encoding_name,
               fault);
}

int request_files_read(struct request_files *files, const json_t *value, struct json_fault *fault)
{
    *files = (struct request_files){0};
    if (value == NULL)
        return 0;
    bool list = json_is_array(value);
    if (!list && !json_is_object(value))
        return json_fault_set(fault, "files",
                              "files must be a list of objects with path and content, or an object "
                              "of paths and texts");
    size_t count = list ? json_array_size(value) : json_object_size(value);
    if (count > REQUEST_FILES_MAXIMUM)
        return json_fault_set(fault, "files", "files must be at most %d", REQUEST_FILES_MAXIMUM);
    files->room = count;
    files->files = calloc(count + 1, sizeof(*files->files));
    files->decoded = calloc(count + 1, sizeof(*files->decoded));
    if (files->files == NULL || files->decoded == NULL)
        return out_of_memory(fault);
    if (list) {
        for (size_t i = 0; i < count; i++) {
            if (read_item(files, json_array_get(value, i), fault) != 0)
                return -1;
        }
        return 0;
    }
    const char *path;
    json_t *content;
    json_object_foreach((json_t *)value, path, content)
    {
        if (add(files, path, strlen(path), content, NULL, fault) != 0)
            return -1;
    }
    return 0;
}

void request_files_free(struct request_files *files)
{
    for (size_t i = 0; files->decoded != NULL && i < files->room; i++)
        free(files->decoded[i]);
    free(files->decoded);
    free(files->files);
    *files = (struct request_files){0};
}
