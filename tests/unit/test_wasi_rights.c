/* src/wasi: which rights a call needs, how they are passed on, and flags that do not exist. */
#include "test_wasi_fixture.h"

#include <string.h>

static uint32_t call(struct fixture *fixture, const char *name, const uint64_t *arguments)
{
    return guest_call(fixture->host, import_named(name), arguments);
}

static void get_rights(struct fixture *fixture, uint32_t fd, uint64_t *rights, uint64_t *inheriting)
{
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
    *rights = load_u64(memory_at(fixture, RESULT_AT + 8));
    *inheriting = load_u64(memory_at(fixture, RESULT_AT + 16));
}

static void rights_only_shrink(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[16];
    const uint64_t read_seek = WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK;
    assert_int_equal(guest_open(fixture, RW, "file", 0, read_seek, &fd), 0);
    for (int bit = 0; bit < 30; bit++) {
        uint64_t right = UINT64_C(1) << bit;
        uint32_t answer = preview1_fd_fdstat_set_rights(fixture->host, fd, read_seek | right, 0);
        assert_int_equal(answer,
                         (read_seek & right) != 0 ? WASI_ERRNO_SUCCESS : WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, read_seek, right),
                         WASI_ERRNO_NOTCAPABLE);
    }
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, UINT64_C(1) << 30, 0),
                     WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, UINT64_MAX, UINT64_MAX),
                     WASI_ERRNO_INVAL);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, WASI_RIGHT_FD_SEEK, 0), 0);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, 0, RESULT_AT), WASI_ERRNO_SUCCESS);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, read_seek, 0),
                     WASI_ERRNO_NOTCAPABLE);
}

/* Which right each function asks for: with all others it answers notcapable, with it something
 * else. */
static void each_function_needs_its_right(void **state)
{
    static const struct {
        const char *name;
        uint64_t right;
        bool directory;
        uint64_t arguments[9];
    } tests[] = {
        {"fd_advise", WASI_RIGHT_FD_ADVISE, false, {0, 0, 1, 0}},
        {"fd_allocate", WASI_RIGHT_FD_ALLOCATE, false, {0, 0, 1}},
        {"fd_datasync", WASI_RIGHT_FD_DATASYNC, false, {0}},
        {"fd_fdstat_set_flags", WASI_RIGHT_FD_FDSTAT_SET_FLAGS, false, {0, 0}},
        {"fd_filestat_get", WASI_RIGHT_FD_FILESTAT_GET, false, {0, RESULT_AT}},
        {"fd_filestat_set_size", WASI_RIGHT_FD_FILESTAT_SET_SIZE, false, {0, 10}},
        {"fd_filestat_set_times", WASI_RIGHT_FD_FILESTAT_SET_TIMES, false, {0, 0, 0, 0}},
        {"fd_pread", WASI_RIGHT_FD_READ, false, {0, VECTORS_AT, 0, 0, RESULT_AT}},
        {"fd_pread", WASI_RIGHT_FD_SEEK, false, {0, VECTORS_AT, 0, 0, RESULT_AT}},
        {"fd_pwrite", WASI_RIGHT_FD_WRITE, false, {0, VECTORS_AT, 0, 0, RESULT_AT}},
        {"fd_pwrite", WASI_RIGHT_FD_SEEK, false, {0, VECTORS_AT, 0, 0, RESULT_AT}},
        {"fd_read", WASI_RIGHT_FD_READ, false, {0, VECTORS_AT, 0, RESULT_AT}},
        {"fd_write", WASI_RIGHT_FD_WRITE, false, {0, VECTORS_AT, 0, RESULT_AT}},
        {"fd_seek", WASI_RIGHT_FD_SEEK, false, {0, 1, 0, RESULT_AT}},
        {"fd_sync", WASI_RIGHT_FD_SYNC, false, {0}},
        {"fd_readdir", WASI_RIGHT_FD_READDIR, true, {0, BUFFER_AT, 100, 0, RESULT_AT}},
        {"path_create_directory", WASI_RIGHT_PATH_CREATE_DIRECTORY, true, {0, PATH_AT, 4}},
        {"path_filestat_get", WASI_RIGHT_PATH_FILESTAT_GET, true, {0, 0, PATH_AT, 4, RESULT_AT}},
        {"path_filestat_set_times",
         WASI_RIGHT_PATH_FILESTAT_SET_TIMES,
         true,
         {0, 0, PATH_AT, 4, 0, 0, 0}},
        {"path_open", WASI_RIGHT_PATH_OPEN, true, {0, 0, PATH_AT, 4, 0, 0, 0, 0, RESULT_AT}},
        {"path_open",
         WASI_RIGHT_PATH_CREATE_FILE,
         true,
         {0, 0, PATH_AT, 4, WASI_OFLAGS_CREAT, 0, 0, 0, RESULT_AT}},
        {"path_open",
         WASI_RIGHT_PATH_FILESTAT_SET_SIZE,
         true,
         {0, 0, PATH_AT, 4, WASI_OFLAGS_TRUNC, 0, 0, 0, RESULT_AT}},
        {"path_readlink",
         WASI_RIGHT_PATH_READLINK,
         true,
         {0, PATH_AT, 4, BUFFER_AT, 10, RESULT_AT}},
        {"path_remove_directory", WASI_RIGHT_PATH_REMOVE_DIRECTORY, true, {0, PATH_AT, 4}},
        {"path_unlink_file", WASI_RIGHT_PATH_UNLINK_FILE, true, {0, PATH_AT, 4}},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint32_t fd;
        uint64_t rights;
        uint64_t inheriting;
        uint64_t arguments[9];
        (void)put_text(fixture, PATH_AT, "file");
        host_write(fixture, "rw/file", "0123456789");
        if (tests[i].directory)
            assert_int_equal(guest_open_directory(fixture, RW, ".", &fd), 0);
        else
            assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
        memcpy(arguments, tests[i].arguments, sizeof(arguments));
        arguments[0] = fd;
        (void)put_text(fixture, PATH_AT, "file");
        uint32_t answer = call(fixture, tests[i].name, arguments);
        if (answer == WASI_ERRNO_NOTCAPABLE)
            fail_msg("%s is not capable with all rights", tests[i].name);
        host_write(fixture, "rw/file", "0123456789");
        get_rights(fixture, fd, &rights, &inheriting);
        assert_int_equal(
            preview1_fd_fdstat_set_rights(fixture->host, fd, rights & ~tests[i].right, inheriting),
            0);
        answer = call(fixture, tests[i].name, arguments);
        if (answer != WASI_ERRNO_NOTCAPABLE)
            fail_msg("%s without right %#lx answers %u, not notcapable", tests[i].name,
                     (unsigned long)tests[i].right, answer);
        host_check_content(fixture, "rw/file", "0123456789");
        assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    }
}

static void a_child_has_no_more_than_its_parent_passes_on(void **state)
{
    struct fixture *fixture = *state;
    uint32_t directory;
    uint32_t fd;
    uint64_t rights;
    uint64_t inheriting;
    assert_int_equal(guest_open_directory(fixture, RW, ".", &directory), 0);
    get_rights(fixture, directory, &rights, &inheriting);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, directory, rights,
                                                   inheriting & ~WASI_RIGHT_FD_WRITE),
                     0);
    assert_int_equal(guest_open(fixture, directory, "file", 0, WASI_RIGHT_FD_WRITE, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    uint32_t size = put_text(fixture, PATH_AT, "sub");
    assert_int_equal(preview1_path_open(fixture->host, directory, 0, PATH_AT, size,
                                        WASI_OFLAGS_DIRECTORY, WASI_RIGHT_PATH_OPEN,
                                        WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE, 0, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_path_open(fixture->host, directory, 0, PATH_AT, size,
                                        WASI_OFLAGS_DIRECTORY, WASI_RIGHT_PATH_OPEN,
                                        WASI_RIGHT_FD_READ, 0, RESULT_AT),
                     WASI_ERRNO_SUCCESS);
    fd = result_u32(fixture);
    get_rights(fixture, fd, &rights, &inheriting);
    assert_int_equal(rights, WASI_RIGHT_PATH_OPEN);
    assert_int_equal(inheriting, WASI_RIGHT_FD_READ);
    assert_int_equal(guest_open(fixture, fd, "deep", 0, WASI_RIGHT_FD_READ, NULL), 0);
    assert_int_equal(guest_open(fixture, fd, "deep", 0, WASI_RIGHT_FD_SEEK, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_open(fixture, fd, "new", WASI_OFLAGS_CREAT, WASI_RIGHT_FD_READ, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, fd, "deep", false), WASI_ERRNO_NOTCAPABLE);
}

/* Programs ask for every right there is and expect to get what applies. */
static void rights_that_do_not_apply_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    uint64_t rights;
    uint64_t inheriting;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, WASI_RIGHTS_ALL, &fd), 0);
    get_rights(fixture, fd, &rights, &inheriting);
    assert_int_equal(rights & (WASI_RIGHT_PATH_OPEN | WASI_RIGHT_FD_READDIR |
                               WASI_RIGHT_SOCK_ACCEPT | WASI_RIGHT_SOCK_SHUTDOWN),
                     0);
    assert_int_equal(rights & READ_WRITE, READ_WRITE);
    assert_int_equal(inheriting, 0);
    assert_int_equal(guest_open(fixture, RW, "sub", 0, WASI_RIGHTS_ALL & ~WASI_RIGHT_FD_WRITE, &fd),
                     0);
    get_rights(fixture, fd, &rights, &inheriting);
    assert_int_equal(rights & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK |
                               WASI_RIGHT_FD_FILESTAT_SET_SIZE | WASI_RIGHT_SOCK_ACCEPT),
                     0);
    assert_int_equal(rights & WASI_RIGHT_PATH_OPEN, WASI_RIGHT_PATH_OPEN);
}

static void unknown_bits_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    (void)put_text(fixture, PATH_AT, "file");
    (void)put_text(fixture, OTHER_PATH_AT, "new");
    const uint64_t open_arguments[9] = {RW, 0, PATH_AT, 4, 0, 0, 0, 0, RESULT_AT};
    static const struct {
        int argument;
        int first_unknown;
        int bits;
    } masks[] = {{1, 1, 32}, {4, 4, 32}, {5, 30, 64}, {6, 30, 64}, {7, 5, 32}};
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        for (int bit = masks[i].first_unknown; bit < masks[i].bits; bit++) {
            uint64_t arguments[9];
            memcpy(arguments, open_arguments, sizeof(arguments));
            arguments[masks[i].argument] = UINT64_C(1) << bit;
            assert_int_equal(call(fixture, "path_open", arguments), WASI_ERRNO_INVAL);
        }
    }
    assert_int_equal(call(fixture, "path_open", open_arguments), WASI_ERRNO_SUCCESS);
    for (int bit = 5; bit < 32; bit++)
        assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, 1u << bit),
                         WASI_ERRNO_INVAL);
    for (uint32_t bit = 4; bit < 32; bit++) {
        assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 0, 0, 1u << bit),
                         WASI_ERRNO_INVAL);
        assert_int_equal(
            preview1_path_filestat_set_times(fixture->host, RW, 0, PATH_AT, 4, 0, 0, 1u << bit),
            WASI_ERRNO_INVAL);
    }
    const uint32_t values[] = {3, 4, 255, 256, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, values[i], RESULT_AT),
                         WASI_ERRNO_INVAL);
    for (uint32_t advice = 6; advice < 600; advice++)
        assert_int_equal(preview1_fd_advise(fixture->host, fd, 0, 1, advice), WASI_ERRNO_INVAL);
    for (int bit = 1; bit < 32; bit++) {
        assert_int_equal(
            preview1_path_filestat_get(fixture->host, RW, 1u << bit, PATH_AT, 4, RESULT_AT),
            WASI_ERRNO_INVAL);
        assert_int_equal(
            preview1_path_filestat_set_times(fixture->host, RW, 1u << bit, PATH_AT, 4, 0, 0, 0),
            WASI_ERRNO_INVAL);
        assert_int_equal(
            preview1_path_link(fixture->host, RW, 1u << bit, PATH_AT, 4, RW, OTHER_PATH_AT, 3),
            WASI_ERRNO_INVAL);
    }
    assert_false(host_exists(fixture, "rw/new"));
}

static void the_fdstat_record_is_whole(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, WASI_RIGHT_FD_READ, &fd), 0);
    uint8_t *record = memory_at(fixture, RESULT_AT);
    memset(record, 0xAA, WASI_FDSTAT_SIZE + 1);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(record[0], WASI_FILETYPE_REGULAR_FILE);
    assert_int_equal(record[1], 0);
    assert_int_equal(load_u16(record + 2), 0);
    assert_int_equal(load_u32(record + 4), 0);
    assert_int_equal(load_u64(record + 8), WASI_RIGHT_FD_READ);
    assert_int_equal(load_u64(record + 16), 0);
    assert_int_equal(record[WASI_FDSTAT_SIZE], 0xAA);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, RW, RESULT_AT), 0);
    assert_int_equal(record[0], WASI_FILETYPE_DIRECTORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(rights_only_shrink),
        WASI_TEST(each_function_needs_its_right),
        WASI_TEST(a_child_has_no_more_than_its_parent_passes_on),
        WASI_TEST(rights_that_do_not_apply_are_left_out),
        WASI_TEST(unknown_bits_are_invalid),
        WASI_TEST(the_fdstat_record_is_whole),
    };
    return cmocka_run_group_tests_name("wasi_rights", tests, NULL, NULL);
}
