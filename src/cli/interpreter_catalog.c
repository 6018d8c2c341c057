/* The interpreters of this machine. Invariant: an entry's name finds its file: of two files of the
 * same name the one that is found first is the one that is listed. */
#include "cli/interpreter_catalog.h"

#include "engine/object_cache.h"
#include "sandbox/interpreter.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char suffix[] = ".wasm";

static int add(struct interpreter_catalog *catalog, const char *name, size_t name_size,
               const char *path, const struct stat *status, struct error *error)
{
    struct catalog_entry *entries =
        realloc(catalog->entries, (catalog->count + 1) * sizeof(*entries));
    if (entries == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    catalog->entries = entries;
    struct catalog_entry *entry = &entries[catalog->count];
    *entry = (struct catalog_entry){.name = strndup(name, name_size),
                                    .path = strdup(path),
                                    .size_bytes = (uint64_t)status->st_size};
    catalog->count++;
    if (entry->name == NULL || entry->path == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    return 0;
}

static bool is_listed(const struct interpreter_catalog *catalog, const char *name, size_t size)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (strlen(catalog->entries[i].name) == size &&
            memcmp(catalog->entries[i].name, name, size) == 0)
            return true;
    }
    return false;
}

/* The length of the name in "NAME.wasm", or 0 when it is not such a file's. */
static size_t name_size(const char *file)
{
    size_t size = strlen(file);
    size_t tail = sizeof(suffix) - 1;
    return size > tail && file[0] != '.' && strcmp(file + size - tail, suffix) == 0 ? size - tail
                                                                                    : 0;
}

static int is_interpreter(const struct dirent *entry)
{
    return name_size(entry->d_name) > 0;
}

static int read_folder(struct interpreter_catalog *catalog, const char *folder, struct error *error)
{
    struct dirent **files = NULL;
    int count = scandir(folder, &files, is_interpreter, alphasort);
    int result = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat status;
        const char *file = files[i]->d_name;
        size_t size = name_size(file);
        if (result == 0 && !is_listed(catalog, file, size) &&
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, file) < sizeof(path) &&
            stat(path, &status) == 0 && S_ISREG(status.st_mode))
            result = add(catalog, file, size, path, &status, error);
        free(files[i]);
    }
    free(files);
    return result;
}

/* Marks the file that runs when none is named; it may be one of the folders' or stand elsewhere. */
static int mark_default(struct interpreter_catalog *catalog, const char *path, struct error *error)
{
    struct stat configured;
    struct stat status;
    if (stat(path, &configured) != 0 || !S_ISREG(configured.st_mode))
        return 0;
    for (size_t i = 0; i < catalog->count; i++) {
        if (stat(catalog->entries[i].path, &status) == 0 && status.st_dev == configured.st_dev &&
            status.st_ino == configured.st_ino) {
            catalog->entries[i].is_default = true;
            return 0;
        }
    }
    const char *slash = strrchr(path, '/');
    const char *file = slash == NULL ? path : slash + 1;
    size_t size = name_size(file);
    if (add(catalog, file, size == 0 ? strlen(file) : size, path, &configured, error) != 0)
        return -1;
    catalog->entries[catalog->count - 1].is_default = true;
    return 0;
}

int interpreter_catalog_read(const struct config *config, struct interpreter_catalog *catalog,
                             struct error *error)
{
    char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX];
    const char *configured = config_text(config, CONFIG_WASI_INTERPRETER_PATH);
    const char *usual = config_text(config, CONFIG_WASI_INTERPRETER);
    *catalog = (struct interpreter_catalog){0};
    size_t count = interpreter_folders(folders);
    for (size_t i = 0; i < count; i++) {
        if (read_folder(catalog, folders[i], error) != 0)
            return -1;
    }
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    if (interpreter_find(configured[0] == '\0' ? usual : NULL, configured, &path, NULL) != 0)
        return 0;
    return mark_default(catalog, buffer_text(&path), error);
}

void interpreter_catalog_free(struct interpreter_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->entries[i].name);
        free(catalog->entries[i].path);
    }
    free(catalog->entries);
    *catalog = (struct interpreter_catalog){0};
}

int interpreter_catalog_digest(const struct catalog_entry *entry, char digest[FILE_DIGEST_SIZE],
                               struct error *error)
{
    BUFFER_LOCAL struct buffer memos = BUFFER_EMPTY;
    bool found =
        object_cache_directory(&memos, NULL) == 0 && buffer_append_text(&memos, "/digests") == 0;
    /* Nothing can be kept in /dev/null: without a cache the file is read each time. */
    return file_digest(entry->path, found ? buffer_text(&memos) : "/dev/null", digest, error);
}
