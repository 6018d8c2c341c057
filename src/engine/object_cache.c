/* The cache of native objects. Invariant: a file whose name ends in ".so" was complete when it got
 * that name. */
#include "engine/object_cache.h"

#include "base/interruption.h"
#include "engine/file_digest.h"
#include "engine/guest_object.h"
#include "engine/module_file.h"
#include "engine/object_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_POLL_MS 50
#define KEY_PART 32 /* hexadecimal digits of each digest in a name: 128 bits */

struct cache {
    struct buffer objects; /* folder */
    struct buffer memos;   /* folder */
};

#define CACHE_LOCAL __attribute__((cleanup(cache_free)))

static void cache_free(struct cache *cache)
{
    buffer_free(&cache->objects);
    buffer_free(&cache->memos);
}

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "out of memory");
}

int object_cache_directory(struct buffer *path, struct error *error)
{
    const char *own = getenv("SHANNON_CACHE_DIR");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int status;
    if (own != NULL && own[0] != '\0')
        status = buffer_append_text(path, own);
    else if (cache != NULL && cache[0] == '/')
        status = buffer_append_format(path, "%s/shannon", cache);
    else if (home != NULL && home[0] == '/')
        status = buffer_append_format(path, "%s/.cache/shannon", home);
    else
        return error_set(error, ERROR_INTERNAL,
                         "no folder for the cache of translated interpreters: neither "
                         "SHANNON_CACHE_DIR nor XDG_CACHE_HOME nor HOME is set. Set "
                         "SHANNON_CACHE_DIR");
    return status == 0 ? 0 : no_memory(error);
}

static int make_directory(const char *path, struct error *error)
{
    BUFFER_LOCAL struct buffer partial = BUFFER_EMPTY;
    if (buffer_append_text(&partial, path) != 0)
        return no_memory(error);
    for (char *slash = strchr(partial.data + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(partial.data, 0755); /* whatever goes wrong shows in the last one */
        *slash = '/';
    }
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return error_set(
        error, ERROR_INTERNAL,
        "cannot make the cache folder %s: %s. Set SHANNON_CACHE_DIR to one that can be "
        "written",
        path, strerror(errno));
}

static int check_trust(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot examine %s", path);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INTERNAL, "%s is not a folder; set SHANNON_CACHE_DIR", path);
    if ((status.st_uid != geteuid() && status.st_uid != 0) || (status.st_mode & 022) != 0)
        return error_set(error, ERROR_INTERNAL,
                         "the cache folder %s belongs to another user or is writable by others, so "
                         "its native code cannot be trusted. Mend it with chmod go-w, or set "
                         "SHANNON_CACHE_DIR to a folder of your own",
                         path);
    return 0;
}

/* `make`: makes the folders that are not there. */
static int open_cache(struct cache *cache, bool make, struct error *error)
{
    BUFFER_LOCAL struct buffer root = BUFFER_EMPTY;
    if (object_cache_directory(&root, error) != 0)
        return -1;
    if (buffer_append_format(&cache->objects, "%s/objects", buffer_text(&root)) != 0 ||
        buffer_append_format(&cache->memos, "%s/digests", buffer_text(&root)) != 0)
        return no_memory(error);
    if (make && (make_directory(buffer_text(&cache->objects), error) != 0 ||
                 make_directory(buffer_text(&cache->memos), error) != 0))
        return -1;
    if (check_trust(buffer_text(&cache->objects), error) != 0)
        return -1;
    return check_trust(buffer_text(&cache->memos), error);
}

/* ---- names ---- */

static const char *architecture(void)
{
#if defined(__x86_64__)
    return "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "other";
#endif
}

static void hex_of(const char *text, char *hex)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, strlen(text), (const uint8_t *)text);
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < KEY_PART / 2; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* "MODULE-SHAPE-": everything of a name but the tools. */
static int name_prefix(const struct cache *cache, const char *wasm_path, struct buffer *name,
                       struct error *error)
{
    char digest[FILE_DIGEST_SIZE];
    char shape[KEY_PART + 1];
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    if (access(wasm_path, F_OK) != 0)
        return error_set_errno(error, ERROR_INTERPRETER_NOT_FOUND, errno,
                               "Python WASI interpreter not found: %s", wasm_path);
    if (file_digest(wasm_path, buffer_text(&cache->memos), digest, error) != 0)
        return -1;
    if (buffer_append_format(&text, "%s %u %s ", architecture(), GUEST_OBJECT_ABI,
                             translate_flags()) != 0 ||
        object_source_fingerprint(&text) != 0)
        return no_memory(error);
    hex_of(buffer_text(&text), shape);
    digest[KEY_PART] = '\0';
    return buffer_append_format(name, "%s-%s-", digest, shape) == 0 ? 0 : no_memory(error);
}

static int name_tools(const struct cache *cache, const struct translate_tools *tools,
                      struct buffer *name, struct error *error)
{
    char wasm2c[FILE_DIGEST_SIZE];
    char clang[FILE_DIGEST_SIZE];
    char both[2 * FILE_DIGEST_SIZE];
    char hex[KEY_PART + 1];
    if (file_digest(tools->wasm2c, buffer_text(&cache->memos), wasm2c, error) != 0 ||
        file_digest(tools->clang, buffer_text(&cache->memos), clang, error) != 0)
        return -1;
    (void)snprintf(both, sizeof(both), "%s%s", wasm2c, clang);
    hex_of(both, hex);
    return buffer_append_text(name, hex) == 0 ? 0 : no_memory(error);
}

/* ---- looking up ---- */

static bool is_verified(const struct cache *cache, const char *object_path)
{
    BUFFER_LOCAL struct buffer manifest = BUFFER_EMPTY;
    char expected[FILE_DIGEST_SIZE] = "";
    char found[FILE_DIGEST_SIZE];
    if (buffer_append_format(&manifest, "%s.sha256", object_path) != 0)
        return false;
    FILE *file = fopen(buffer_text(&manifest), "re");
    if (file == NULL)
        return false;
    size_t size = fread(expected, 1, FILE_DIGEST_SIZE - 1, file);
    (void)fclose(file);
    return size == FILE_DIGEST_SIZE - 1 &&
           file_digest(object_path, buffer_text(&cache->memos), found, NULL) == 0 &&
           strcmp(found, expected) == 0;
}

/* The path of a verified object whose name begins with `prefix`, appended to `path`. */
static bool find_object(const struct cache *cache, const char *prefix, struct buffer *path)
{
    DIR *directory = opendir(buffer_text(&cache->objects));
    if (directory == NULL)
        return false;
    bool found = false;
    const struct dirent *entry;
    while (!found && (entry = readdir(directory)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || size < 3 ||
            strcmp(entry->d_name + size - 3, ".so") != 0)
            continue;
        BUFFER_LOCAL struct buffer candidate = BUFFER_EMPTY;
        if (buffer_append_format(&candidate, "%s/%s", buffer_text(&cache->objects),
                                 entry->d_name) == 0 &&
            is_verified(cache, buffer_text(&candidate)))
            found = buffer_append(path, candidate.data, candidate.size) == 0;
    }
    (void)closedir(directory);
    return found;
}

/* ---- making ---- */

static int cannot_write(const struct cache *cache, int problem, struct error *error)
{
    return error_set(error, ERROR_INTERNAL,
                     "cannot write to the cache folder %s: %s. Set SHANNON_CACHE_DIR to another",
                     buffer_text(&cache->objects), strerror(problem));
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

/* Moves the finished object to its name: first its digest, then itself. */
static int publish(const struct cache *cache, const char *directory, const char *object_path,
                   struct error *error)
{
    BUFFER_LOCAL struct buffer made = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer manifest = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer made_manifest = BUFFER_EMPTY;
    char digest[FILE_DIGEST_SIZE];
    if (buffer_append_format(&made, "%s/object.so", directory) != 0 ||
        buffer_append_format(&made_manifest, "%s/object.so.sha256", directory) != 0 ||
        buffer_append_format(&manifest, "%s.sha256", object_path) != 0)
        return no_memory(error);
    if (file_digest(buffer_text(&made), buffer_text(&cache->memos), digest, error) != 0)
        return -1;
    FILE *file = fopen(buffer_text(&made_manifest), "we");
    bool written = file != NULL && fputs(digest, file) >= 0 && fputc('\n', file) != EOF &&
                   fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL && fclose(file) != 0)
        written = false;
    int fd = open(buffer_text(&made), O_RDONLY | O_CLOEXEC);
    written = written && fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!written || rename(buffer_text(&made_manifest), buffer_text(&manifest)) != 0 ||
        rename(buffer_text(&made), object_path) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot store the translated interpreter as %s", object_path);
    return 0;
}

/* Removes what a former version of this program or of the tools made of the same module. One that
 * is less than a day old may still be in use by such a version. */
static void remove_superseded(const struct cache *cache, const char *object_path)
{
    const char *name = strrchr(object_path, '/') + 1;
    DIR *directory = opendir(buffer_text(&cache->objects));
    if (directory == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct stat status;
        bool same_module = strncmp(entry->d_name, name, KEY_PART + 1) == 0;
        bool current = strncmp(entry->d_name, name, strlen(name)) == 0;
        if (same_module && !current &&
            fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_mtim.tv_sec + 86400 < time(NULL))
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
    (void)closedir(directory);
}

static int translate_mapped(const struct cache *cache, const struct translate_tools *tools,
                            const struct wasm_module *module, const char *wasm_path,
                            const char *object_path, translate_progress *progress, void *argument,
                            struct error *error)
{
    BUFFER_LOCAL struct buffer directory = BUFFER_EMPTY;
    if (buffer_append_format(&directory, "%s.making", object_path) != 0)
        return no_memory(error);
    /* The lock is held, so a folder of that name was left by a process that died. */
    remove_directory(buffer_text(&directory));
    if (mkdir(buffer_text(&directory), 0700) != 0)
        return cannot_write(cache, errno, error);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int result =
        translate_module(tools, wasm_path, module, buffer_text(&directory),
                         processors < 1 ? 1 : (unsigned)processors, progress, argument, error);
    if (result == 0)
        result = publish(cache, buffer_text(&directory), object_path, error);
    if (result == 0)
        remove_superseded(cache, object_path);
    remove_directory(buffer_text(&directory));
    return result;
}

static int check_and_translate(const struct cache *cache, const struct translate_tools *tools,
                               const char *wasm_path, const struct engine_import *imports,
                               const char *object_path, translate_progress *progress,
                               void *argument, struct error *error)
{
    struct module_file file;
    if (module_file_open(&file, wasm_path, imports, error) != 0)
        return -1;
    int result = 0;
    if (tools == NULL) {
        struct translate_tools missing;
        result = translate_find_tools(&missing, error);
    }
    if (result == 0)
        result = translate_mapped(cache, tools, &file.module, wasm_path, object_path, progress,
                                  argument, error);
    module_file_close(&file);
    return result;
}

/* Takes the lock of the cache, waiting for a process that is translating. -1 with errno set when
 * the folder cannot be written, EINTR when this process is asked to end. */
static int lock_cache(const struct cache *cache, translate_progress *progress, void *argument)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    if (buffer_append_format(&path, "%s/lock", buffer_text(&cache->objects)) != 0)
        return -1;
    unsigned waited_ms = 0;
    int fd = open(buffer_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int problem = errno;
        if (problem == EWOULDBLOCK && interruption_pending() == 0) {
            if (progress != NULL && waited_ms % 1000 == 0)
                progress(argument, "waiting for another process that is translating", waited_ms);
            (void)poll(NULL, 0, LOCK_POLL_MS);
            waited_ms += LOCK_POLL_MS;
            continue;
        }
        (void)close(fd);
        errno = problem == EWOULDBLOCK ? EINTR : problem;
        return -1;
    }
    return fd;
}

int object_cache_get(const char *wasm_path, const struct engine_import *imports,
                     translate_progress *progress, void *argument, struct buffer *path,
                     struct error *error)
{
    CACHE_LOCAL struct cache cache = {0};
    BUFFER_LOCAL struct buffer name = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer object = BUFFER_EMPTY;
    struct translate_tools tools;
    if (open_cache(&cache, true, error) != 0 || name_prefix(&cache, wasm_path, &name, error) != 0)
        return -1;
    bool have_tools = translate_find_tools(&tools, NULL) == 0;
    if (have_tools && name_tools(&cache, &tools, &name, error) != 0)
        return -1;
    if (find_object(&cache, buffer_text(&name), path))
        return 0;
    if (buffer_append_format(&object, "%s/%s.so", buffer_text(&cache.objects),
                             buffer_text(&name)) != 0)
        return no_memory(error);
    int lock = lock_cache(&cache, progress, argument);
    if (lock < 0 && errno == EINTR)
        return error_set(error, ERROR_KILLED,
                         "interrupted while waiting for another process that is translating");
    if (lock < 0)
        return cannot_write(&cache, errno, error);
    int result = 0;
    if (!find_object(&cache, buffer_text(&name), path)) {
        result = check_and_translate(&cache, have_tools ? &tools : NULL, wasm_path, imports,
                                     buffer_text(&object), progress, argument, error);
        if (result == 0 && !find_object(&cache, buffer_text(&name), path))
            result = error_set(error, ERROR_INTERNAL, "the translated interpreter %s is damaged",
                               buffer_text(&object));
    }
    (void)close(lock);
    return result;
}

int object_cache_module_digest(const char *wasm_path, uint8_t digest[32], struct error *error)
{
    CACHE_LOCAL struct cache cache = {0};
    char hex[FILE_DIGEST_SIZE];
    if (open_cache(&cache, true, error) != 0 ||
        file_digest(wasm_path, buffer_text(&cache.memos), hex, error) != 0)
        return -1;
    for (size_t i = 0; i < 32; i++) {
        unsigned byte = 0;
        (void)sscanf(hex + 2 * i, "%2x", &byte);
        digest[i] = (uint8_t)byte;
    }
    return 0;
}

bool object_cache_has(const char *wasm_path)
{
    CACHE_LOCAL struct cache cache = {0};
    BUFFER_LOCAL struct buffer name = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    struct translate_tools tools;
    if (open_cache(&cache, false, NULL) != 0 || name_prefix(&cache, wasm_path, &name, NULL) != 0)
        return false;
    if (translate_find_tools(&tools, NULL) == 0 && name_tools(&cache, &tools, &name, NULL) != 0)
        return false;
    return find_object(&cache, buffer_text(&name), &path);
}
