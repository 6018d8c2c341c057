/* src/sandbox/interpreter.c */
#include "sandbox/interpreter.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/shannon-test-XXXXXX";

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static int enter_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("wasm-interpreters", 0700) != 0 ||
        mkdir("wasm-interpreters/folder.wasm", 0700) != 0)
        return -1;
    make_file("wasm-interpreters/python-3.11.wasm");
    make_file("wasm-interpreters/other.wasm");
    make_file("file.wasm");
    make_file("plain");
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    (void)unlink("wasm-interpreters/python-3.11.wasm");
    (void)unlink("wasm-interpreters/other.wasm");
    (void)unlink("file.wasm");
    (void)unlink("plain");
    (void)rmdir("wasm-interpreters/folder.wasm");
    (void)rmdir("wasm-interpreters");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void each_way_to_name_one(void **state)
{
    static const struct {
        const char *name;
        const char *configured;
        const char *path; /* NULL: an error */
    } cases[] = {
        {NULL, NULL, "wasm-interpreters/python-3.11.wasm"},
        {NULL, "", "wasm-interpreters/python-3.11.wasm"},
        {NULL, "plain", "plain"},
        {NULL, "./file.wasm", "./file.wasm"},
        {NULL, "missing.wasm", NULL},
        {NULL, "wasm-interpreters", NULL},
        {"other", NULL, "wasm-interpreters/other.wasm"},
        {"other", "plain", "wasm-interpreters/other.wasm"},
        {"other", "missing.wasm", "wasm-interpreters/other.wasm"},
        {"file.wasm", NULL, "file.wasm"},
        {"./plain", NULL, "./plain"},
        {"plain", NULL, NULL},
        {"folder", NULL, NULL},
        {"missing", NULL, NULL},
        {"./missing", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
        struct error error = ERROR_NONE;
        int status = interpreter_find(cases[i].name, cases[i].configured, &path, &error);
        if (cases[i].path == NULL) {
            if (status != -1 || error.kind != ERROR_INTERPRETER_NOT_FOUND ||
                strncmp(error.message, "Python WASI interpreter not found", 33) != 0)
                fail_msg("case %zu: status %d, \"%s\"", i, status, error.message);
        } else if (status != 0 || strcmp(buffer_text(&path), cases[i].path) != 0) {
            fail_msg("case %zu: \"%s\", \"%s\"", i, buffer_text(&path), error.message);
        }
    }
}

static void names_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {"", ".", "..", ".hidden", "a b", "a;b", "a\nb", "\xc3\xa4"};
    static const char *const good[] = {"a", "python-3.11", "A_b.c-9", "-"};
    char longest[102];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
        struct error error = ERROR_NONE;
        assert_false(interpreter_name_is_valid(bad[i]));
        assert_int_equal(interpreter_find(bad[i], NULL, &path, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(interpreter_name_is_valid(good[i]));
    memset(longest, 'a', 101);
    longest[101] = '\0';
    assert_false(interpreter_name_is_valid(longest));
    longest[100] = '\0';
    assert_true(interpreter_name_is_valid(longest));
}

static void the_working_folder_comes_first(void **state)
{
    char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX];
    (void)state;
    size_t count = interpreter_folders(folders);
    assert_true(count >= 2 && count <= INTERPRETER_FOLDERS_MAX);
    assert_string_equal(folders[0], "wasm-interpreters");
    assert_string_equal(folders[1], "/opt/wasm-interpreters");
    for (size_t i = 1; i < count; i++)
        assert_int_equal(folders[i][0], '/');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_name_one),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(the_working_folder_comes_first),
    };
    return cmocka_run_group_tests_name("interpreter", tests, enter_folder, leave_folder);
}
