/* Where interpreters are found: a fixed list of folders, in order. */
#include "sandbox/interpreter.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int take_path(const char *file, const char *origin, struct buffer *path, struct error *error)
{
    if (!is_file(file))
        return error_set(
            error, ERROR_INTERPRETER_NOT_FOUND,
            "Python WASI interpreter not found: %s%s is not a file. Run "
            "./scripts/setup_python_wasi.sh or `make interpreter`, or correct the path",
            file, origin);
    return buffer_append_text(path, file) == 0 ? 0
                                               : error_set(error, ERROR_INTERNAL, "out of memory");
}

/* `tail` in the folder above the one that holds the program. */
static int beside_program(const char *tail, char folder[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length <= 0)
        return -1;
    program[length] = '\0';
    for (int levels = 0; levels < 2; levels++) {
        char *slash = strrchr(program, '/');
        if (slash == NULL)
            return -1;
        *slash = '\0';
    }
    int written = snprintf(folder, PATH_MAX, "%s/%s", program, tail);
    return written > 0 && written < PATH_MAX ? 0 : -1;
}

bool interpreter_name_is_valid(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    return size > 0 && size <= 100 && strspn(name, allowed) == size && name[0] != '.';
}

size_t interpreter_folders(char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX])
{
    size_t count = 0;
    (void)snprintf(folders[count++], PATH_MAX, "wasm-interpreters");
    (void)snprintf(folders[count++], PATH_MAX, "/opt/wasm-interpreters");
    if (beside_program("share/shannon/wasm-interpreters", folders[count]) == 0)
        count++; /* PREFIX/bin/shannon */
    if (beside_program("wasm-interpreters", folders[count]) == 0)
        count++; /* build/shannon in a clone */
    return count;
}

static int find_by_name(const char *name, struct buffer *path, struct error *error)
{
    char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX];
    if (!interpreter_name_is_valid(name))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "\"%.100s\" is not the name of an interpreter: letters, digits, '.', '_' "
                         "and '-' only",
                         name);
    size_t count = interpreter_folders(folders);
    for (size_t i = 0; i < count; i++) {
        BUFFER_LOCAL struct buffer candidate = BUFFER_EMPTY;
        if (buffer_append_format(&candidate, "%s/%s.wasm", folders[i], name) != 0)
            return error_set(error, ERROR_INTERNAL, "out of memory");
        if (is_file(buffer_text(&candidate)))
            return take_path(buffer_text(&candidate), "", path, error);
    }
    return error_set(
        error, ERROR_INTERPRETER_NOT_FOUND,
        "Python WASI interpreter not found: there is no %s.wasm in ./wasm-interpreters "
        "or /opt/wasm-interpreters. Run ./scripts/setup_python_wasi.sh or `make "
        "interpreter`, or set PYTHON_WASI_WASM_PATH to a python.wasm",
        name);
}

int interpreter_find(const char *name, const char *configured_path, struct buffer *path,
                     struct error *error)
{
    if (name == NULL && configured_path != NULL && configured_path[0] != '\0')
        return take_path(configured_path, " (from PYTHON_WASI_WASM_PATH)", path, error);
    if (name == NULL)
        name = INTERPRETER_DEFAULT;
    size_t size = strlen(name);
    if (strchr(name, '/') != NULL || (size > 5 && strcmp(name + size - 5, ".wasm") == 0))
        return take_path(name, "", path, error);
    return find_by_name(name, path, error);
}
