/* src/engine/object_cache.c, the part that needs no compiler; tests/e2e/test_cli_translation.py has
 * the rest. */
#include "engine/object_cache.h"

#include "engine/module_file.h"
#include "wasi/wasi_host.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/shannon-test-XXXXXX";

static void set(const char *name, const char *value)
{
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void the_folder_is_the_first_that_is_named(void **state)
{
    static const struct {
        const char *own;
        const char *cache;
        const char *home;
        const char *path; /* NULL: an error */
    } cases[] = {
        {"/own", "/cache", "/home/u", "/own"},
        {"own", "/cache", "/home/u", "own"},
        {"", "/cache", "/home/u", "/cache/shannon"},
        {NULL, "/cache", "/home/u", "/cache/shannon"},
        {NULL, "cache", "/home/u", "/home/u/.cache/shannon"},
        {NULL, "", "/home/u", "/home/u/.cache/shannon"},
        {NULL, NULL, "/home/u", "/home/u/.cache/shannon"},
        {NULL, NULL, "home", NULL},
        {NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
        struct error error = ERROR_NONE;
        set("SHANNON_CACHE_DIR", cases[i].own);
        set("XDG_CACHE_HOME", cases[i].cache);
        set("HOME", cases[i].home);
        int status = object_cache_directory(&path, &error);
        if (cases[i].path == NULL) {
            assert_int_equal(status, -1);
            assert_non_null(strstr(error.message, "SHANNON_CACHE_DIR"));
        } else if (status != 0 || strcmp(buffer_text(&path), cases[i].path) != 0) {
            fail_msg("case %zu: \"%s\"", i, buffer_text(&path));
        }
    }
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
}

static void asking_makes_nothing(void **state)
{
    struct stat status;
    (void)state;
    set("SHANNON_CACHE_DIR", "cache/deep");
    write_file("module.wasm", "\0asm\1\0\0\0", 8);
    assert_false(object_cache_has("module.wasm"));
    assert_int_equal(stat("cache", &status), -1);
}

static void what_cannot_be_translated_is_told_apart(void **state)
{
    static const struct {
        const char *path;
        enum error_kind kind;
    } cases[] = {
        {"missing.wasm", ERROR_INTERPRETER_NOT_FOUND},
        {"text.wasm", ERROR_INVALID_REQUEST},
        {"empty.wasm", ERROR_INVALID_REQUEST},
    };
    (void)state;
    set("SHANNON_CACHE_DIR", "cache");
    write_file("text.wasm", "print(1)", 8);
    write_file("empty.wasm", "", 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
        struct error error = ERROR_NONE;
        struct module_file file;
        assert_int_equal(
            object_cache_get(cases[i].path, wasi_preview1_imports, NULL, NULL, &path, &error), -1);
        assert_int_equal(error.kind, cases[i].kind);
        assert_non_null(strstr(error.message, cases[i].path));
        assert_int_equal(path.size, 0);
        error = ERROR_NONE;
        assert_int_equal(module_file_open(&file, cases[i].path, wasi_preview1_imports, &error), -1);
        assert_int_equal(error.kind, cases[i].kind);
    }
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_the_first_that_is_named),
        cmocka_unit_test(asking_makes_nothing),
        cmocka_unit_test(what_cannot_be_translated_is_told_apart),
    };
    return cmocka_run_group_tests_name("object_cache", tests, enter_folder, leave_folder);
}
