/* src/wasi/scratch_owner.c: files that the owner puts into scratch, and those it gets back. */
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATE WASI_OFLAGS_CREAT
#define MIB (UINT64_C(1) << 20)

static int put(struct fixture *fixture, const char *path, const char *text, struct error *error)
{
    *error = ERROR_NONE;
    return wasi_host_scratch_put(fixture->host, path, strlen(path), text, strlen(text), error);
}

static void must_put(struct fixture *fixture, const char *path, const char *text)
{
    struct error error;
    if (put(fixture, path, text, &error) != 0)
        fail_msg("putting '%s': %s", path, error.message);
}

static void make_file(struct fixture *fixture, uint32_t directory, const char *path,
                      const char *text)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, directory, path, CREATE, READ_WRITE, &fd), 0);
    if (text[0] != '\0')
        assert_int_equal(guest_write(fixture, fd, text), 0);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static void make_folder(struct fixture *fixture, uint32_t directory, const char *path)
{
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, directory, path), 0);
}

static void expect_content(struct fixture *fixture, const char *path, const char *text)
{
    uint32_t fd;
    char content[256];
    assert_int_equal(guest_open(fixture, WORKSPACE, path, 0, READ_ONLY, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, content, sizeof(content)), 0);
    assert_string_equal(content, text);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

/* ---- putting ---- */

static void the_guest_reads_what_was_put(void **state)
{
    struct fixture *fixture = *state;
    must_put(fixture, "input.csv", "a,b\n");
    must_put(fixture, "data/2024/\xff\xfe.bin", "deep");
    must_put(fixture, "data/empty", "");
    expect_content(fixture, "input.csv", "a,b\n");
    expect_content(fixture, "data/2024/\xff\xfe.bin", "deep");
    expect_content(fixture, "data/empty", "");
    /* In the guest's hands they are files as any. */
    assert_int_equal(guest_rename(fixture, WORKSPACE, "data", TMP, "data"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "input.csv"),
                     0);
}

static void a_file_of_that_name_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[32];
    must_put(fixture, "a/file", "first");
    assert_int_equal(guest_open(fixture, WORKSPACE, "a/file", 0, READ_WRITE, &fd), 0);
    uint64_t charged = fixture->memory.charged;
    must_put(fixture, "a/file", "second");
    expect_content(fixture, "a/file", "second");
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "first");
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    assert_int_equal(fixture->memory.charged, charged);
}

static void bad_paths_are_refused_and_say_why(void **state)
{
    static const struct {
        const char *path;
        const char *says;
    } tests[] = {
        {"", "is empty"},
        {"/a", "is absolute"},
        {"/", "is absolute"},
        {"a//b", "empty component"},
        {"a/", "empty component"},
        {".", "component \".\""},
        {"..", "component \".\""},
        {"a/../b", "component \".\""},
        {"a/.", "component \".\""},
        {"./a", "component \".\""},
        {"file/x", "leads through a file"},
        {"file/x/y", "leads through a file"},
        {"folder", "that of a folder"},
    };
    struct fixture *fixture = *state;
    struct error error;
    must_put(fixture, "file", "x");
    must_put(fixture, "folder/file", "x");
    uint64_t charged = fixture->memory.charged;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        assert_int_equal(put(fixture, tests[i].path, "y", &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        if (strstr(error.message, tests[i].says) == NULL)
            fail_msg("'%s': %s", tests[i].path, error.message);
    }
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "a\0b", 3, "y", 1, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    char path[WASI_PATH_MAX + 1];
    memset(path, 'x', sizeof(path));
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, path, 256, "y", 1, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    for (size_t i = 255; i < sizeof(path); i += 256)
        path[i] = '/';
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, path, sizeof(path), "y", 1, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_int_equal(fixture->memory.charged, charged);
    path[WASI_PATH_MAX - 1] = 'x';
    path[WASI_PATH_MAX - 2] = '/';
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, path, WASI_PATH_MAX, "y", 1, &error), 0);
    expect_content(fixture, "file", "x");
}

static void limits_hold_for_the_owner_too(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char *bytes = calloc(1, SCRATCH_LIMIT);
    assert_non_null(bytes);
    must_put(fixture, "file", "x");
    uint64_t charged = fixture->memory.charged;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "file", 4, bytes, SCRATCH_LIMIT, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    assert_int_equal(fixture->memory.charged, charged);
    expect_content(fixture, "file", "x");
    /* Read-only scratch has no limit but the memory's. */
    wasi_host_set_scratch_limit(fixture->host, 0);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "file", 4, bytes, SCRATCH_LIMIT, &error),
                     0);
    linear_memory_set_limit(&fixture->memory, fixture->memory.size + SCRATCH_LIMIT + MIB);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "other", 5, bytes, SCRATCH_LIMIT, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "other", 5, bytes, MIB / 4, &error), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "other", 0, READ_WRITE, NULL), WASI_ERRNO_ROFS);
    assert_int_equal(guest_open(fixture, WORKSPACE, "other", 0, READ_ONLY, NULL), 0);
    free(bytes);
}

static void too_many_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char path[16];
    wasi_host_set_scratch_limit(fixture->host, UINT64_MAX);
    for (int i = 0; i < WASI_SCRATCH_NODES_MAX - 2; i++) {
        (void)snprintf(path, sizeof(path), "%d", i);
        must_put(fixture, path, "");
    }
    assert_int_equal(put(fixture, "one more", "", &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "too many"));
    assert_int_equal(put(fixture, "1/x", "", &error), -1);
    assert_non_null(strstr(error.message, "leads through a file"));
}

static void files_can_be_put_before_there_is_a_memory(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    struct wasi_host *host = wasi_host_new(NULL);
    assert_non_null(host);
    assert_int_equal(wasi_host_add_scratch(host, 0, &error), 0);
    assert_int_equal(wasi_host_scratch_put(host, "file", 4, "x", 1, &error), 0);
    uint64_t charged = fixture->memory.charged;
    wasi_host_set_memory(host, &fixture->memory);
    assert_true(fixture->memory.charged > charged + 4096);
    wasi_host_set_memory(host, NULL);
    assert_int_equal(fixture->memory.charged, charged);
    wasi_host_set_memory(host, &fixture->memory);
    wasi_host_free(host);
    assert_int_equal(fixture->memory.charged, charged);
}

/* ---- visiting ---- */

struct visited {
    char text[8192]; /* paths and contents, "path=content;" */
    int until;       /* stop with 7 after so many */
};

static int note(void *argument, const char *path, size_t path_size, uint64_t size,
                const struct scratch_node *file)
{
    struct visited *visited = argument;
    char content[64] = "";
    assert_int_equal(strlen(path), path_size);
    assert_true(size < sizeof(content));
    assert_int_equal(wasi_scratch_read(file, 0, content, sizeof(content)), size);
    assert_int_equal(wasi_scratch_read(file, size, content, 1), 0);
    size_t used = strlen(visited->text);
    (void)snprintf(visited->text + used, sizeof(visited->text) - used, "%s=%s;", path, content);
    return --visited->until == 0 ? 7 : 0;
}

static void expect_changed(struct fixture *fixture, const char *text)
{
    struct visited visited = {.until = 1000};
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, note, &visited), 0);
    assert_string_equal(visited.text, text);
}

static void new_and_changed_files_are_visited(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    expect_changed(fixture, "");
    must_put(fixture, "input", "i");
    make_file(fixture, WORKSPACE, "old", "o");
    make_file(fixture, TMP, "elsewhere", "e");
    expect_changed(fixture, "input=i;old=o;");
    wasi_host_scratch_mark(fixture->host);
    expect_changed(fixture, "");
    make_file(fixture, WORKSPACE, "new", "n");
    make_folder(fixture, WORKSPACE, "folder");
    expect_changed(fixture, "new=n;");
    /* Reading, asking, setting times and opening are no changes. */
    wasi_host_scratch_mark(fixture->host);
    expect_content(fixture, "old", "o");
    assert_int_equal(guest_stat(fixture, WORKSPACE, "old", false), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "old", CREATE, READ_WRITE, &fd), 0);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 1, 1, WASI_FSTFLAGS_MTIM),
                     0);
    put_vector(fixture, 0, BUFFER_AT, 0);
    assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT), 0);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "old", WORKSPACE, "old"), 0);
    expect_changed(fixture, "");
    assert_int_equal(guest_write(fixture, fd, "O"), 0);
    expect_changed(fixture, "old=O;");
    wasi_host_scratch_mark(fixture->host);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0), 0);
    must_put(fixture, "input", "I");
    expect_changed(fixture, "input=I;old=;");
    wasi_host_scratch_mark(fixture->host);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 1), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "new", WASI_OFLAGS_TRUNC, 0, NULL), 0);
    expect_changed(fixture, "new=;old=;");
}

static void what_was_brought_to_its_path_is_visited(void **state)
{
    struct fixture *fixture = *state;
    make_folder(fixture, WORKSPACE, "a");
    make_folder(fixture, WORKSPACE, "a/b");
    make_file(fixture, WORKSPACE, "a/b/deep", "d");
    make_file(fixture, WORKSPACE, "a/file", "f");
    make_file(fixture, TMP, "x", "x");
    wasi_host_scratch_mark(fixture->host);
    assert_int_equal(guest_rename(fixture, TMP, "x", WORKSPACE, "x"), 0);
    expect_changed(fixture, "x=x;");
    wasi_host_scratch_mark(fixture->host);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "a", WORKSPACE, "c"), 0);
    expect_changed(fixture, "c/b/deep=d;c/file=f;");
    wasi_host_scratch_mark(fixture->host);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "x", WORKSPACE, "c/file"), 0);
    expect_changed(fixture, "c/file=x;");
    /* What is gone, or moved to /tmp, is not visited. */
    assert_int_equal(guest_rename(fixture, WORKSPACE, "c", TMP, "c"), 0);
    expect_changed(fixture, "");
}

static void paths_come_in_the_order_of_their_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const char *const folders[] = {"a", "b", "a-", "a/z", "\xff"};
    static const char *const files[] = {"a.txt", "a/b", "a/z/x", "a-/x",   "a0",   "b/1",
                                        "aa",    "B",   "a\n",   "\xff/1", "a/z.", "~"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(fixture, WORKSPACE, folders[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        make_file(fixture, WORKSPACE, files[i], "");
    expect_changed(fixture, "B=;a\n=;a-/x=;a.txt=;a/b=;a/z.=;a/z/x=;a0=;aa=;b/1=;~=;\xff/1=;");
    struct visited visited = {.until = 3};
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, note, &visited), 7);
    assert_string_equal(visited.text, "B=;a\n=;a-/x=;");
}

static int check_size(void *argument, const char *path, size_t path_size, uint64_t size,
                      const struct scratch_node *file)
{
    char byte;
    (void)path;
    assert_true(size == WASI_SCRATCH_FILE_MAX);
    assert_int_equal(wasi_scratch_read(file, WASI_SCRATCH_FILE_MAX - 1, &byte, 1), 1);
    *(size_t *)argument = path_size;
    return 0;
}

static void the_deepest_and_the_largest_are_visited(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    uint32_t folder;
    size_t path_size = 0;
    uint32_t answer = 0;
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, ".", &folder), 0);
    while (answer == 0) {
        answer = guest_path_call(fixture, preview1_path_create_directory, folder, "d");
        if (answer == 0) {
            assert_int_equal(guest_open_directory(fixture, folder, "d", &fd), 0);
            assert_int_equal(preview1_fd_renumber(fixture->host, fd, folder), 0);
        }
    }
    assert_int_equal(answer, WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(guest_open(fixture, folder, "x", CREATE, READ_WRITE, NULL),
                     WASI_ERRNO_NAMETOOLONG);
    must_put(fixture, "short", "");
    assert_int_equal(guest_open(fixture, WORKSPACE, "short", 0, READ_WRITE, &fd), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, WASI_SCRATCH_FILE_MAX), 0);
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, check_size, &path_size), 0);
    assert_int_equal(path_size, 5);
    /* A path of 4096 bytes. */
    char path[WASI_PATH_MAX];
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 == 0 ? 'd' : '/';
    path[WASI_PATH_MAX - 2] = 'd';
    path[WASI_PATH_MAX - 1] = 'x';
    wasi_host_scratch_mark(fixture->host);
    struct error error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, path, sizeof(path), "", 0, &error), 0);
    struct visited visited = {.until = 2};
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, note, &visited), 0);
    assert_memory_equal(visited.text, path, sizeof(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_guest_reads_what_was_put),
        SCRATCH_TEST(a_file_of_that_name_is_replaced),
        SCRATCH_TEST(bad_paths_are_refused_and_say_why),
        SCRATCH_TEST(limits_hold_for_the_owner_too),
        SCRATCH_TEST(too_many_files_are_refused),
        SCRATCH_TEST(files_can_be_put_before_there_is_a_memory),
        SCRATCH_TEST(new_and_changed_files_are_visited),
        SCRATCH_TEST(what_was_brought_to_its_path_is_visited),
        SCRATCH_TEST(paths_come_in_the_order_of_their_bytes),
        SCRATCH_TEST(the_deepest_and_the_largest_are_visited),
    };
    return cmocka_run_group_tests_name("wasi_scratch_owner", tests, NULL, NULL);
}
