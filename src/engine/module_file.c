/* Opens wasm files. Invariant: a module that passed imports only functions that the engine's caller
 * has, so that nothing is looked up by a name that the module chose. */
#include "engine/module_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_import(const struct wasm_module *module, const struct wasm_import *import,
                        const struct engine_import *imports, const char *path, struct error *error)
{
    char name[WASM_NAME_SHOWN];
    char from[WASM_NAME_SHOWN];
    if (strcmp(import->module, "wasi_snapshot_preview1") != 0)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s imports \"%s\" from \"%s\"; only wasi_snapshot_preview1 is granted. "
                         "Build the module for wasm32-wasi (preview1)",
                         path, wasm_name_shown(import->name, name),
                         wasm_name_shown(import->module, from));
    const struct wasm_function_type *type = &module->types[import->type];
    for (const struct engine_import *known = imports; known->name != NULL; known++) {
        if (strcmp(known->name, import->name) != 0)
            continue;
        if (strcmp(known->parameters, type->parameters) == 0 &&
            strcmp(known->result, type->results) == 0)
            return 0;
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s imports wasi_snapshot_preview1.%s with another signature than the "
                         "specification's",
                         path, import->name);
    }
    return error_set(error, ERROR_INVALID_REQUEST,
                     "%s imports \"%s\", which is not a function of wasi_snapshot_preview1", path,
                     wasm_name_shown(import->name, name));
}

static int check_module(struct module_file *file, const char *path,
                        const struct engine_import *imports, struct error *error)
{
    struct wasm_module *module = &file->module;
    if (wasm_module_read(module, file->bytes == NULL ? "" : file->bytes, file->size, path, error) !=
        0)
        return -1;
    for (size_t i = 0; i < module->import_count; i++) {
        if (check_import(module, &module->imports[i], imports, path, error) != 0)
            return -1;
    }
    return 0;
}

static int map(struct module_file *file, int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot examine %s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID_REQUEST, "%s is not a regular file", path);
    file->size = (size_t)status.st_size;
    if (file->size == 0)
        return 0;
    void *bytes = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read %s", path);
    file->bytes = bytes;
    return 0;
}

int module_file_open(struct module_file *file, const char *path,
                     const struct engine_import *imports, struct error *error)
{
    memset(file, 0, sizeof(*file));
    /* O_NONBLOCK: a FIFO in the file's place must not make us wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error,
                               errno == ENOENT ? ERROR_INTERPRETER_NOT_FOUND : ERROR_INTERNAL,
                               errno, "cannot open %s", path);
    int result = map(file, fd, path, error);
    (void)close(fd);
    if (result == 0)
        result = check_module(file, path, imports, error);
    if (result != 0)
        module_file_close(file);
    return result;
}

void module_file_close(struct module_file *file)
{
    wasm_module_free(&file->module);
    if (file->bytes != NULL)
        (void)munmap(file->bytes, file->size);
    memset(file, 0, sizeof(*file));
}
