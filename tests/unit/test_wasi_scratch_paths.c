/* src/wasi/scratch_paths.c: opening, creating, changing and asking about names in scratch. */
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <string.h>

#define CREATE WASI_OFLAGS_CREAT
#define EXCLUSIVE (WASI_OFLAGS_CREAT | WASI_OFLAGS_EXCL)
#define TRUNCATE WASI_OFLAGS_TRUNC
#define DIRECTORY WASI_OFLAGS_DIRECTORY

static void make_file(struct fixture *fixture, uint32_t directory, const char *path,
                      const char *text)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, directory, path, CREATE | TRUNCATE, READ_WRITE, &fd), 0);
    if (text[0] != '\0')
        assert_int_equal(guest_write(fixture, fd, text), 0);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static void make_folder(struct fixture *fixture, uint32_t directory, const char *path)
{
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, directory, path), 0);
}

static void expect_content(struct fixture *fixture, uint32_t directory, const char *path,
                           const char *text)
{
    uint32_t fd;
    char content[256];
    assert_int_equal(guest_open(fixture, directory, path, 0, READ_ONLY, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, content, sizeof(content)), 0);
    assert_string_equal(content, text);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

/* What the host's rw folder has: "file", and "sub" with "deep". */
static void populate(struct fixture *fixture)
{
    make_file(fixture, WORKSPACE, "file", "0123456789");
    make_folder(fixture, WORKSPACE, "sub");
    make_file(fixture, WORKSPACE, "sub/deep", "deep");
}

static void the_preopens_are_the_next_two(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"/tmp", "/workspace"};
    for (uint32_t fd = TMP; fd <= WORKSPACE; fd++) {
        uint32_t size = (uint32_t)strlen(names[fd - TMP]);
        assert_int_equal(preview1_fd_prestat_get(fixture->host, fd, RESULT_AT), 0);
        assert_int_equal(load_u32(memory_at(fixture, RESULT_AT + 4)), size);
        assert_int_equal(preview1_fd_prestat_dir_name(fixture->host, fd, BUFFER_AT, size), 0);
        assert_memory_equal(memory_at(fixture, BUFFER_AT), names[fd - TMP], size);
    }
    assert_int_equal(preview1_fd_prestat_get(fixture->host, SCRATCH_NEXT_FD, RESULT_AT),
                     WASI_ERRNO_BADF);
    struct error error = ERROR_NONE;
    assert_int_equal(wasi_host_add_scratch(fixture->host, 1, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    /* The rights are those of a preopen of the host. */
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, RW, RESULT_AT), 0);
    memcpy(memory_at(fixture, BUFFER_AT), memory_at(fixture, RESULT_AT), WASI_FDSTAT_SIZE);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, TMP, RESULT_AT), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), memory_at(fixture, RESULT_AT),
                        WASI_FDSTAT_SIZE);
}

static void files_are_opened(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    static const char *const names[] = {
        "file", "./file", "sub/../file", "sub//../file", "./././file", "sub/./.././file",
    };
    populate(fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_content(fixture, WORKSPACE, names[i], "0123456789");
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "sub/", &fd), 0);
    expect_content(fixture, fd, "deep", "deep");
    assert_int_equal(guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL), WASI_ERRNO_NOENT);
}

static void what_cannot_be_opened_says_why(void **state)
{
    static const struct {
        const char *path;
        uint32_t flags;
        uint64_t rights;
        uint32_t answer;
    } tests[] = {
        {"", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing/file", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing/file", CREATE, READ_WRITE, WASI_ERRNO_NOENT},
        {"missing/..", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"file/", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file///", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file/.", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file/..", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file/x", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file", DIRECTORY, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file", EXCLUSIVE, READ_WRITE, WASI_ERRNO_EXIST},
        {"sub", EXCLUSIVE, READ_WRITE, WASI_ERRNO_EXIST},
        {"sub", 0, READ_WRITE, WASI_ERRNO_ISDIR},
        {"sub", DIRECTORY, READ_WRITE, WASI_ERRNO_ISDIR},
        {"sub", TRUNCATE, READ_ONLY, WASI_ERRNO_ISDIR},
        {"sub", CREATE, READ_ONLY, WASI_ERRNO_ISDIR},
        {".", CREATE, READ_ONLY, WASI_ERRNO_ISDIR},
        {"new/", CREATE, READ_WRITE, WASI_ERRNO_ISDIR},
        {"new", CREATE | DIRECTORY, READ_WRITE, WASI_ERRNO_INVAL},
        {"..", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"../tmp", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"../workspace/file", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"sub/../..", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"sub/../../workspace", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"../new", CREATE, READ_WRITE, WASI_ERRNO_NOTCAPABLE},
        {"/workspace/file", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
        {"/", 0, READ_ONLY, WASI_ERRNO_NOTCAPABLE},
    };
    struct fixture *fixture = *state;
    populate(fixture);
    uint64_t charged = fixture->memory.charged;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint32_t answer =
            guest_open(fixture, WORKSPACE, tests[i].path, tests[i].flags, tests[i].rights, NULL);
        if (answer != tests[i].answer)
            fail_msg("opening '%s' with %u answers %u, not %u", tests[i].path, tests[i].flags,
                     answer, tests[i].answer);
    }
    assert_int_equal(fixture->memory.charged, charged);
}

static void files_are_created_and_truncated(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, TMP, "new", EXCLUSIVE, READ_WRITE, &fd), 0);
    assert_int_equal(guest_write(fixture, fd, "fresh"), 0);
    assert_int_equal(guest_open(fixture, TMP, "new", CREATE, READ_WRITE, NULL), 0);
    expect_content(fixture, TMP, "new", "fresh");
    assert_int_equal(guest_open(fixture, TMP, "new", CREATE | TRUNCATE, READ_WRITE, NULL), 0);
    expect_content(fixture, TMP, "new", "");
    assert_int_equal(guest_write(fixture, fd, "X"), 0);
    assert_int_equal(guest_open(fixture, TMP, "new", TRUNCATE, 0, NULL), 0);
    expect_content(fixture, TMP, "new", "");
}

/* A directory descriptor is the top for what is opened through it. */
static void a_folder_opened_beneath_is_a_boundary_too(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    populate(fixture);
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "sub", &fd), 0);
    assert_int_equal(guest_open(fixture, fd, "../file", 0, READ_ONLY, NULL), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, fd, "..", false), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, fd, "../file"),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_rename(fixture, fd, "deep", fd, "../deep"), WASI_ERRNO_NOTCAPABLE);
    make_folder(fixture, TMP, "other");
    assert_int_equal(guest_rename(fixture, WORKSPACE, "sub", TMP, "other/sub"), 0);
    assert_int_equal(guest_stat(fixture, fd, "..", false), WASI_ERRNO_NOTCAPABLE);
    expect_content(fixture, fd, "deep", "deep");
}

static void a_removed_folder_is_of_no_use(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    populate(fixture);
    make_folder(fixture, WORKSPACE, "gone");
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "gone", &fd), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, WORKSPACE, "gone"),
                     0);
    assert_int_equal(guest_open(fixture, fd, "new", CREATE, READ_WRITE, NULL), WASI_ERRNO_NOENT);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, fd, "new"),
                     WASI_ERRNO_NOENT);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "file", fd, "new"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_stat(fixture, fd, "..", false), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, fd, ".", false), 0);
    assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 24)), 0);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static void a_file_descriptor_is_not_a_place_for_paths(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    populate(fixture);
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(guest_open(fixture, fd, "x", 0, READ_ONLY, NULL), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_stat(fixture, fd, ".", false), WASI_ERRNO_NOTDIR);
    assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 100, 0, RESULT_AT),
                     WASI_ERRNO_NOTDIR);
}

static void weird_names_are_only_names(void **state)
{
    static const char *const names[] = {
        "a b", "new\nline", "\xff\xfe", "\xe2\x80\xaertl",  "...", "..x", " ", "-rf", "a\\b",
        "con", "*",         "\x01",     "\xf0\x9f\x90\x8d",
    };
    struct fixture *fixture = *state;
    populate(fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        make_file(fixture, WORKSPACE, names[i], names[i]);
        expect_content(fixture, WORKSPACE, names[i], names[i]);
        assert_int_equal(guest_rename(fixture, WORKSPACE, names[i], TMP, "other"), 0);
        assert_int_equal(guest_rename(fixture, TMP, "other", WORKSPACE, names[i]), 0);
        assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, names[i]),
                         0);
    }
    memcpy(memory_at(fixture, PATH_AT), "fi\0le", 5);
    assert_int_equal(
        preview1_path_open(fixture->host, WORKSPACE, 0, PATH_AT, 5, CREATE, 0, 0, 0, RESULT_AT),
        WASI_ERRNO_INVAL);
    assert_int_equal(preview1_path_create_directory(fixture->host, WORKSPACE, PATH_AT, 5),
                     WASI_ERRNO_INVAL);
    memset(memory_at(fixture, PATH_AT), 'x', 256);
    assert_int_equal(preview1_path_create_directory(fixture->host, WORKSPACE, PATH_AT, 256),
                     WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(
        preview1_path_filestat_get(fixture->host, WORKSPACE, 0, PATH_AT, 256, RESULT_AT),
        WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(preview1_path_create_directory(fixture->host, WORKSPACE, PATH_AT, 255), 0);
    assert_int_equal(preview1_path_create_directory(fixture->host, WORKSPACE, PATH_AT, 4097),
                     WASI_ERRNO_NAMETOOLONG);
}

static void folders_come_and_go(void **state)
{
    static const struct {
        uint32_t (*function)(void *, uint32_t, uint32_t, uint32_t);
        const char *path;
        uint32_t answer;
    } tests[] = {
        {preview1_path_create_directory, "a", 0},
        {preview1_path_create_directory, "a/b/", 0},
        {preview1_path_create_directory, "a", WASI_ERRNO_EXIST},
        {preview1_path_create_directory, "file/", WASI_ERRNO_EXIST},
        {preview1_path_create_directory, "x/y", WASI_ERRNO_NOENT},
        {preview1_path_create_directory, "file/y", WASI_ERRNO_NOTDIR},
        {preview1_path_remove_directory, "a", WASI_ERRNO_NOTEMPTY},
        {preview1_path_remove_directory, "x", WASI_ERRNO_NOENT},
        {preview1_path_remove_directory, "file", WASI_ERRNO_NOTDIR},
        {preview1_path_remove_directory, "file/", WASI_ERRNO_NOTDIR},
        {preview1_path_unlink_file, "a/b", WASI_ERRNO_ISDIR},
        {preview1_path_unlink_file, "a/b/", WASI_ERRNO_ISDIR},
        {preview1_path_remove_directory, "a/b//", 0},
        {preview1_path_remove_directory, "a", 0},
        {preview1_path_unlink_file, "file/", WASI_ERRNO_NOTDIR},
        {preview1_path_unlink_file, "missing/", WASI_ERRNO_NOENT},
        {preview1_path_unlink_file, "../tmp", WASI_ERRNO_NOTCAPABLE},
        {preview1_path_remove_directory, "..", WASI_ERRNO_NOTCAPABLE},
        {preview1_path_unlink_file, "file", 0},
        {preview1_path_unlink_file, "file", WASI_ERRNO_NOENT},
    };
    struct fixture *fixture = *state;
    populate(fixture);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint32_t answer = guest_path_call(fixture, tests[i].function, WORKSPACE, tests[i].path);
        if (answer != tests[i].answer)
            fail_msg("test %zu, '%s', answers %u", i, tests[i].path, answer);
    }
}

static void dots_are_not_names(void **state)
{
    static const char *const names[] = {".", "./", "sub/.", "sub/..", "sub/../", "sub/./"};
    struct fixture *fixture = *state;
    populate(fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *name = names[i];
        assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, WORKSPACE, name),
                         WASI_ERRNO_EXIST);
        assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, WORKSPACE, name),
                         WASI_ERRNO_INVAL);
        assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, name),
                         WASI_ERRNO_ISDIR);
        assert_int_equal(guest_rename(fixture, WORKSPACE, name, WORKSPACE, "x"), WASI_ERRNO_BUSY);
        assert_int_equal(guest_rename(fixture, WORKSPACE, "file", WORKSPACE, name),
                         WASI_ERRNO_BUSY);
        assert_int_equal(guest_stat(fixture, WORKSPACE, name, false), 0);
        assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_DIRECTORY);
    }
}

static void renaming_follows_the_rules_of_rename(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        uint32_t answer;
    } tests[] = {
        {"sub/", "moved", 0},
        {"moved", "sub/", 0},
        {"sub/", "empty/", 0},
        {"file/", "x", WASI_ERRNO_NOTDIR},
        {"file", "x/", WASI_ERRNO_NOTDIR},
        {"file", "empty", WASI_ERRNO_ISDIR},
        {"empty", "file", WASI_ERRNO_NOTDIR},
        {"empty", "empty/x", WASI_ERRNO_INVAL},
        {"empty/deep", "empty", WASI_ERRNO_NOTEMPTY},
        {"missing", "x", WASI_ERRNO_NOENT},
        {"missing/", "x/", WASI_ERRNO_NOENT},
        {"file", "missing/x", WASI_ERRNO_NOENT},
        {"file", "empty/deep/x", WASI_ERRNO_NOTDIR},
        {"file", "../file", WASI_ERRNO_NOTCAPABLE},
        {"file", "file", 0},
        {"empty/deep", "file", 0},
    };
    struct fixture *fixture = *state;
    populate(fixture);
    make_folder(fixture, WORKSPACE, "empty");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint32_t answer = guest_rename(fixture, WORKSPACE, tests[i].from, WORKSPACE, tests[i].to);
        if (answer != tests[i].answer)
            fail_msg("renaming '%s' to '%s' answers %u, not %u", tests[i].from, tests[i].to, answer,
                     tests[i].answer);
    }
    expect_content(fixture, WORKSPACE, "file", "deep");
}

static void a_rename_replaces_at_once(void **state)
{
    struct fixture *fixture = *state;
    uint32_t old;
    char text[16];
    populate(fixture);
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &old), 0);
    make_file(fixture, TMP, "file", "new content");
    assert_int_equal(guest_rename(fixture, TMP, "file", WORKSPACE, "file"), 0);
    expect_content(fixture, WORKSPACE, "file", "new content");
    assert_int_equal(guest_stat(fixture, TMP, "file", false), WASI_ERRNO_NOENT);
    assert_int_equal(guest_read(fixture, old, text, sizeof(text)), 0);
    assert_string_equal(text, "0123456789");
}

static void nothing_moves_between_scratch_and_the_host(void **state)
{
    struct fixture *fixture = *state;
    populate(fixture);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "file", RW, "new"), WASI_ERRNO_XDEV);
    assert_int_equal(guest_rename(fixture, RW, "file", WORKSPACE, "new"), WASI_ERRNO_XDEV);
    assert_int_equal(guest_link(fixture, WORKSPACE, "file", RW, "new"), WASI_ERRNO_XDEV);
    assert_int_equal(guest_link(fixture, RW, "file", WORKSPACE, "new"), WASI_ERRNO_XDEV);
    assert_int_equal(guest_rename(fixture, RO, "file", WORKSPACE, "new"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "file", RO, "new"), WASI_ERRNO_ROFS);
    host_check_content(fixture, "rw/file", "0123456789");
    assert_false(host_exists(fixture, "rw/new"));
    expect_content(fixture, WORKSPACE, "file", "0123456789");
}

static void there_are_no_links(void **state)
{
    struct fixture *fixture = *state;
    populate(fixture);
    /* Not NOTSUP: programs look for the answer of Linux when they fall back on renaming. */
    assert_int_equal(guest_symlink(fixture, "file", WORKSPACE, "link"), WASI_ERRNO_PERM);
    assert_int_equal(guest_symlink(fixture, "/file", WORKSPACE, "link"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_link(fixture, WORKSPACE, "file", TMP, "link"), WASI_ERRNO_PERM);
    assert_int_equal(guest_readlink(fixture, WORKSPACE, "file"), WASI_ERRNO_INVAL);
    assert_int_equal(guest_readlink(fixture, WORKSPACE, "."), WASI_ERRNO_INVAL);
    assert_int_equal(guest_readlink(fixture, WORKSPACE, "missing"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_readlink(fixture, WORKSPACE, "../x"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "link", false), WASI_ERRNO_NOENT);
    /* Following links is the same as not following them. */
    assert_int_equal(guest_open_follow(fixture, WORKSPACE, "file", 0, READ_ONLY, NULL), 0);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "file", true), 0);
}

static void rights_are_passed_on(void **state)
{
    struct fixture *fixture = *state;
    uint32_t weak;
    populate(fixture);
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, ".", &weak), 0);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, weak, RESULT_AT), 0);
    uint64_t rights = load_u64(memory_at(fixture, RESULT_AT + 8));
    uint64_t inheriting = load_u64(memory_at(fixture, RESULT_AT + 16));
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, weak, rights,
                                                   inheriting & ~WASI_RIGHT_FD_WRITE),
                     0);
    assert_int_equal(guest_open(fixture, weak, "file", 0, READ_WRITE, NULL), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_open(fixture, weak, "file", 0, READ_ONLY, NULL), 0);
    assert_int_equal(guest_rename(fixture, weak, "file", TMP, "stronger"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "file", weak, "weaker"), 0);
    static const struct {
        uint64_t right;
        uint32_t (*function)(void *, uint32_t, uint32_t, uint32_t);
    } needs[] = {
        {WASI_RIGHT_PATH_CREATE_DIRECTORY, preview1_path_create_directory},
        {WASI_RIGHT_PATH_REMOVE_DIRECTORY, preview1_path_remove_directory},
        {WASI_RIGHT_PATH_UNLINK_FILE, preview1_path_unlink_file},
    };
    for (size_t i = 0; i < 3; i++) {
        rights &= ~needs[i].right;
        assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, weak, rights, 0), 0);
        assert_int_equal(guest_path_call(fixture, needs[i].function, weak, "new"),
                         WASI_ERRNO_NOTCAPABLE);
    }
    rights &= ~(WASI_RIGHT_PATH_FILESTAT_GET | WASI_RIGHT_PATH_RENAME_TARGET);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, weak, rights, 0), 0);
    assert_int_equal(guest_stat(fixture, weak, "file", false), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_rename(fixture, TMP, "x", weak, "x"), WASI_ERRNO_NOTCAPABLE);
}

static void the_table_of_descriptors_has_its_limit(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = 0;
    uint32_t answer;
    populate(fixture);
    uint64_t charged = fixture->memory.charged;
    while ((answer = guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &fd)) == 0)
        continue;
    assert_int_equal(answer, WASI_ERRNO_NFILE);
    assert_int_equal(fd, WASI_DESCRIPTORS_MAX - 1);
    assert_int_equal(guest_open(fixture, WORKSPACE, "new", CREATE, READ_WRITE, NULL),
                     WASI_ERRNO_NFILE);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "new", false), WASI_ERRNO_NOENT);
    assert_int_equal(fixture->memory.charged, charged);
    assert_int_equal(preview1_fd_close(fixture->host, 100), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, 100);
}

static void preopens_can_be_closed_and_moved(void **state)
{
    struct fixture *fixture = *state;
    populate(fixture);
    assert_int_equal(preview1_fd_renumber(fixture->host, WORKSPACE, TMP), 0);
    expect_content(fixture, TMP, "file", "0123456789");
    assert_int_equal(preview1_fd_prestat_get(fixture->host, WORKSPACE, RESULT_AT), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_close(fixture->host, TMP), 0);
    assert_int_equal(guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL), WASI_ERRNO_BADF);
}

static void a_path_is_checked_before_anything_changes(void **state)
{
    struct fixture *fixture = *state;
    populate(fixture);
    assert_int_equal(preview1_path_create_directory(fixture->host, TMP, MEMORY_SIZE - 1, 2),
                     WASI_ERRNO_FAULT);
    (void)put_text(fixture, PATH_AT, "new");
    assert_int_equal(preview1_path_open(fixture->host, TMP, 0, PATH_AT, 3, CREATE, READ_WRITE, 0, 0,
                                        MEMORY_SIZE - 3),
                     WASI_ERRNO_FAULT);
    assert_int_equal(
        preview1_path_rename(fixture->host, WORKSPACE, PATH_AT, 3, TMP, MEMORY_SIZE, 1),
        WASI_ERRNO_FAULT);
    assert_int_equal(guest_stat(fixture, TMP, "new", false), WASI_ERRNO_NOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_preopens_are_the_next_two),
        SCRATCH_TEST(files_are_opened),
        SCRATCH_TEST(what_cannot_be_opened_says_why),
        SCRATCH_TEST(files_are_created_and_truncated),
        SCRATCH_TEST(a_folder_opened_beneath_is_a_boundary_too),
        SCRATCH_TEST(a_removed_folder_is_of_no_use),
        SCRATCH_TEST(a_file_descriptor_is_not_a_place_for_paths),
        SCRATCH_TEST(weird_names_are_only_names),
        SCRATCH_TEST(folders_come_and_go),
        SCRATCH_TEST(dots_are_not_names),
        SCRATCH_TEST(renaming_follows_the_rules_of_rename),
        SCRATCH_TEST(a_rename_replaces_at_once),
        SCRATCH_TEST(nothing_moves_between_scratch_and_the_host),
        SCRATCH_TEST(there_are_no_links),
        SCRATCH_TEST(rights_are_passed_on),
        SCRATCH_TEST(the_table_of_descriptors_has_its_limit),
        SCRATCH_TEST(preopens_can_be_closed_and_moved),
        SCRATCH_TEST(a_path_is_checked_before_anything_changes),
    };
    return cmocka_run_group_tests_name("wasi_scratch_paths", tests, NULL, NULL);
}
