/* The doctor's look at the interpreters: the cache of their translations, their files, and one real
 * run. */
#include "cli/doctor_checks.h"

#include "cli/interpreter_catalog.h"
#include "cli/trial_run.h"
#include "engine/module_file.h"
#include "engine/object_cache.h"
#include "sandbox/execution_status.h"
#include "sandbox/interpreter.h"
#include "wasi/wasi_host.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FREE_BYTES_LEAST ((uint64_t)300 << 20)
#define TRIAL_TIMEOUT_MS 30000
#define TRIAL_CODE "print(6 * 7)"
#define TRIAL_OUTPUT "42\n"

/* ---- the cache ---- */

/* Shortens `path` to the part of it that exists. */
static void shorten_to_existing(struct buffer *path)
{
    struct stat status;
    while (path->size > 0 && stat(path->data, &status) != 0) {
        char *slash = strrchr(path->data, '/');
        size_t size = slash == NULL ? 0 : (size_t)(slash - path->data);
        path->size = size == 0 && path->data[0] == '/' && path->size > 1 ? 1 : size;
        path->data[path->size] = '\0';
    }
}

/* Objects are native code, so nobody else may be able to put one there. */
static bool check_owner(struct doctor *doctor, const char *path)
{
    struct stat status;
    BUFFER_LOCAL struct buffer remedy = BUFFER_EMPTY;
    if (stat(path, &status) != 0)
        return true; /* not made yet */
    bool foreign = status.st_uid != geteuid() && status.st_uid != 0;
    if (S_ISDIR(status.st_mode) && !foreign && (status.st_mode & 022) == 0)
        return true;
    if (S_ISDIR(status.st_mode) && !foreign)
        (void)buffer_append_format(&remedy, "chmod go-w %s", path);
    else
        (void)buffer_append_text(&remedy, "set SHANNON_CACHE_DIR to a folder of your own");
    doctor_fault(doctor, DOCTOR_PROBLEM, "cache", buffer_text(&remedy),
                 "%s is not a folder that only you can write to, so what lies there is not used",
                 path);
    return false;
}

static bool check_owners(struct doctor *doctor, const char *root)
{
    static const char *const folders[] = {"objects", "digests"};
    bool trusted = true;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && trusted; i++) {
        BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
        if (buffer_append_format(&path, "%s/%s", root, folders[i]) == 0)
            trusted = check_owner(doctor, buffer_text(&path));
    }
    return trusted;
}

static void check_space(struct doctor *doctor, const char *root, const char *existing)
{
    struct statvfs file_system;
    if (access(existing, W_OK | X_OK) != 0) {
        doctor_fault(
            doctor, DOCTOR_WARNING, "cache", "set SHANNON_CACHE_DIR to a folder of your own",
            "%s cannot be written: an interpreter that is not translated yet cannot be", existing);
        return;
    }
    uint64_t free_bytes = 0;
    if (statvfs(existing, &file_system) == 0)
        free_bytes = (uint64_t)file_system.f_bavail * file_system.f_frsize;
    if (free_bytes < FREE_BYTES_LEAST)
        doctor_fault(doctor, DOCTOR_WARNING, "cache",
                     "free some space there, or set SHANNON_CACHE_DIR to a folder that has it",
                     "%s has %" PRIu64 " MB free; translating an interpreter takes about 300", root,
                     free_bytes >> 20);
    else
        doctor_ok(doctor, "cache", "%s, %" PRIu64 " MB free%s", root, free_bytes >> 20,
                  strcmp(root, existing) == 0 ? "" : "; the folder is made when it is needed");
}

void doctor_check_cache(struct doctor *doctor)
{
    BUFFER_LOCAL struct buffer root = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer existing = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    if (object_cache_directory(&root, &error) != 0) {
        doctor_error(doctor, DOCTOR_PROBLEM, "cache", &error);
        return;
    }
    if (!check_owners(doctor, buffer_text(&root)) ||
        buffer_append(&existing, root.data, root.size) != 0)
        return;
    shorten_to_existing(&existing);
    check_space(doctor, buffer_text(&root), existing.size == 0 ? "." : buffer_text(&existing));
}

/* ---- the files ---- */

static void report_untranslated(struct doctor *doctor, const struct catalog_entry *entry)
{
    struct translate_tools tools;
    BUFFER_LOCAL struct buffer remedy = BUFFER_EMPTY;
    if (translate_find_tools(&tools, NULL) != 0) {
        doctor_fault(doctor, entry->is_default ? DOCTOR_PROBLEM : DOCTOR_WARNING, "interpreter",
                     "apt-get install wabt clang-19 lld-19",
                     "%s: not translated, and the tools for that are missing", entry->path);
        return;
    }
    (void)buffer_append_format(&remedy,
                               "nothing need be done; shannon interpreter build %s does "
                               "it now",
                               entry->name);
    doctor_fault(doctor, DOCTOR_WARNING, "interpreter", buffer_text(&remedy),
                 "%s: not translated yet; its first run does it, in about a minute", entry->path);
}

static void check_run(struct doctor *doctor, const struct catalog_entry *entry,
                      const struct config *config)
{
    struct execution_result result;
    struct error error = ERROR_NONE;
    if (trial_run(entry->path, TRIAL_CODE, TRIAL_TIMEOUT_MS,
                  config_number(config, CONFIG_WASI_MEMORY_LIMIT_BYTES), &result, &error) != 0) {
        doctor_error(doctor, DOCTOR_PROBLEM, "sandbox", &error);
        return;
    }
    if (result.status == ERROR_OK && strcmp(buffer_text(&result.stdout_bytes), TRIAL_OUTPUT) == 0)
        doctor_ok(doctor, "sandbox", TRIAL_CODE " by %s printed 42, in %" PRIu64 " ms", entry->name,
                  result.wall_us / 1000);
    else
        doctor_fault(doctor, DOCTOR_PROBLEM, "sandbox", "shannon interpreter check tells more",
                     TRIAL_CODE " by %s did not print 42: %s", entry->path,
                     result.status == ERROR_OK ? "it printed something else" : result.message);
    execution_result_free(&result);
}

static void check_entry(struct doctor *doctor, const struct catalog_entry *entry,
                        const struct config *config)
{
    struct module_file file;
    struct error error = ERROR_NONE;
    if (module_file_open(&file, entry->path, wasi_preview1_imports, &error) != 0) {
        doctor_error(doctor, entry->is_default ? DOCTOR_PROBLEM : DOCTOR_WARNING, "interpreter",
                     &error);
        return;
    }
    module_file_close(&file);
    if (!object_cache_has(entry->path)) {
        report_untranslated(doctor, entry);
        return;
    }
    doctor_ok(doctor, "interpreter", "%s%s: translated", entry->path,
              entry->is_default ? " (default)" : "");
    if (entry->is_default)
        check_run(doctor, entry, config);
}

void doctor_check_interpreters(struct doctor *doctor, const struct config *config)
{
    const char *configured = config_text(config, CONFIG_WASI_INTERPRETER_PATH);
    const char *usual = config_text(config, CONFIG_WASI_INTERPRETER);
    struct interpreter_catalog catalog;
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    if (interpreter_find(configured[0] == '\0' ? usual : NULL, configured, &path, &error) != 0)
        doctor_error(doctor, DOCTOR_PROBLEM, "interpreter", &error);
    error = ERROR_NONE;
    if (interpreter_catalog_read(config, &catalog, &error) != 0)
        doctor_error(doctor, DOCTOR_PROBLEM, "interpreter", &error);
    for (size_t i = 0; i < catalog.count; i++)
        check_entry(doctor, &catalog.entries[i], config);
    interpreter_catalog_free(&catalog);
}
