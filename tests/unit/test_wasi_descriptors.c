/* src/wasi/descriptors.c, src/wasi/host.c: guest numbers, rights, standard descriptors, preopens.
 */
#include "test_wasi_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t call(struct fixture *fixture, const char *name, const uint64_t *arguments)
{
    return guest_call(fixture->host, import_named(name), arguments);
}

/* Every function that takes a descriptor, with arguments that are right otherwise; the descriptor
 * is the argument at `position`. */
static const struct {
    const char *name;
    int position;
    uint64_t arguments[9];
} descriptor_calls[] = {
    {"fd_advise", 0, {0, 0, 1, 0}},
    {"fd_allocate", 0, {0, 0, 1}},
    {"fd_close", 0, {0}},
    {"fd_datasync", 0, {0}},
    {"fd_fdstat_get", 0, {0, RESULT_AT}},
    {"fd_fdstat_set_flags", 0, {0, 0}},
    {"fd_fdstat_set_rights", 0, {0, 0, 0}},
    {"fd_filestat_get", 0, {0, RESULT_AT}},
    {"fd_filestat_set_size", 0, {0, 0}},
    {"fd_filestat_set_times", 0, {0, 0, 0, 0}},
    {"fd_pread", 0, {0, VECTORS_AT, 0, 0, RESULT_AT}},
    {"fd_prestat_get", 0, {0, RESULT_AT}},
    {"fd_prestat_dir_name", 0, {0, BUFFER_AT, 100}},
    {"fd_pwrite", 0, {0, VECTORS_AT, 0, 0, RESULT_AT}},
    {"fd_read", 0, {0, VECTORS_AT, 0, RESULT_AT}},
    {"fd_readdir", 0, {0, BUFFER_AT, 100, 0, RESULT_AT}},
    {"fd_renumber", 0, {0, RW}},
    {"fd_renumber", 1, {RW, 0}},
    {"fd_seek", 0, {0, 0, 0, RESULT_AT}},
    {"fd_sync", 0, {0}},
    {"fd_tell", 0, {0, RESULT_AT}},
    {"fd_write", 0, {0, VECTORS_AT, 0, RESULT_AT}},
    {"path_create_directory", 0, {0, PATH_AT, 3}},
    {"path_filestat_get", 0, {0, 0, PATH_AT, 3, RESULT_AT}},
    {"path_filestat_set_times", 0, {0, 0, PATH_AT, 3, 0, 0, 0}},
    {"path_link", 0, {0, 0, PATH_AT, 3, RW, PATH_AT, 3}},
    {"path_link", 4, {RW, 0, PATH_AT, 3, 0, PATH_AT, 3}},
    {"path_open", 0, {0, 0, PATH_AT, 3, 0, 0, 0, 0, RESULT_AT}},
    {"path_readlink", 0, {0, PATH_AT, 3, BUFFER_AT, 10, RESULT_AT}},
    {"path_remove_directory", 0, {0, PATH_AT, 3}},
    {"path_rename", 0, {0, PATH_AT, 3, RW, PATH_AT, 3}},
    {"path_rename", 3, {RW, PATH_AT, 3, 0, PATH_AT, 3}},
    {"path_symlink", 2, {PATH_AT, 3, 0, PATH_AT, 3}},
    {"path_unlink_file", 0, {0, PATH_AT, 3}},
    {"sock_accept", 0, {0, 0, RESULT_AT}},
    {"sock_recv", 0, {0, VECTORS_AT, 0, 0, RESULT_AT, RESULT_AT}},
    {"sock_send", 0, {0, VECTORS_AT, 0, 0, RESULT_AT}},
    {"sock_shutdown", 0, {0, 0}},
};

#define DESCRIPTOR_CALLS (sizeof(descriptor_calls) / sizeof(descriptor_calls[0]))

static void a_number_that_is_not_open_is_badf_everywhere(void **state)
{
    struct fixture *fixture = *state;
    (void)put_text(fixture, PATH_AT, "abc");
    const uint32_t numbers[] = {NEXT_FD,
                                NEXT_FD + 1,
                                255,
                                256,
                                WASI_DESCRIPTORS_MAX - 1,
                                WASI_DESCRIPTORS_MAX,
                                65536,
                                INT32_MAX,
                                0x80000000u,
                                0x80000003u,
                                UINT32_MAX - 1,
                                UINT32_MAX};
    int descriptors = open_descriptor_count();
    for (size_t i = 0; i < DESCRIPTOR_CALLS; i++) {
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            uint64_t arguments[9];
            memcpy(arguments, descriptor_calls[i].arguments, sizeof(arguments));
            arguments[descriptor_calls[i].position] = numbers[n];
            uint32_t answer = call(fixture, descriptor_calls[i].name, arguments);
            if (answer != WASI_ERRNO_BADF)
                fail_msg("%s of descriptor %#x answers %u, not badf", descriptor_calls[i].name,
                         numbers[n], answer);
        }
    }
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void a_host_number_means_nothing_to_the_guest(void **state)
{
    struct fixture *fixture = *state;
    int secret = openat(fixture->folder_fd, "outside/secret", O_RDONLY | O_CLOEXEC);
    assert_true(secret > (int)RO);
    int high = fcntl(secret, F_DUPFD_CLOEXEC, 200);
    char text[16];
    assert_int_equal(guest_read(fixture, (uint32_t)secret, text, sizeof(text)), WASI_ERRNO_BADF);
    assert_int_equal(guest_read(fixture, (uint32_t)high, text, sizeof(text)), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_close(fixture->host, (uint32_t)high), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_renumber(fixture->host, RW, (uint32_t)high), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_renumber(fixture->host, (uint32_t)high, RW), WASI_ERRNO_BADF);
    assert_int_equal(lseek(high, 0, SEEK_CUR), 0);
    (void)close(high);
    (void)close(secret);
}

static void closing_twice_is_badf(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    int descriptors = open_descriptor_count();
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(open_descriptor_count(), descriptors + 1);
    assert_int_equal(preview1_fd_close(fixture->host, fd), WASI_ERRNO_SUCCESS);
    assert_int_equal(preview1_fd_close(fixture->host, fd), WASI_ERRNO_BADF);
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void closing_a_standard_descriptor_leaves_the_hosts(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t fd = 0; fd < 3; fd++)
        assert_int_equal(preview1_fd_close(fixture->host, fd), WASI_ERRNO_SUCCESS);
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_BADF);
    assert_int_equal(write(fixture->guest_stdout, "y", 1), 1);
    /* The lowest number is given next. */
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, 0);
}

static void a_standard_descriptor_that_was_not_granted_is_badf(void **state)
{
    struct fixture *fixture = *state;
    struct wasi_host *bare = wasi_host_new(&fixture->memory);
    assert_non_null(bare);
    for (uint32_t fd = 0; fd < 4; fd++)
        assert_int_equal(preview1_fd_fdstat_get(bare, fd, RESULT_AT), WASI_ERRNO_BADF);
    wasi_host_free(bare);
}

static size_t read_letter(void *argument, const struct iovec *vectors, int count)
{
    assert_true(count == 1 && vectors[0].iov_len > 0);
    memcpy(vectors[0].iov_base, argument, 1);
    return 1;
}

static int write_count(void *argument, const struct iovec *vectors, int count)
{
    assert_int_equal(count, 1);
    *(size_t *)argument += vectors[0].iov_len;
    return 0;
}

static void a_closed_stream_can_be_renewed(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    size_t written = 0;
    char text[4] = "";
    uint32_t fd;
    const struct wasi_stream input = {.read = read_letter, .argument = (void *)"a"};
    const struct wasi_stream output = {.write = write_count, .argument = &written};
    assert_int_equal(wasi_host_set_stream(fixture->host, 0, &input, &error), 0);
    assert_int_equal(wasi_host_set_stream(fixture->host, 1, &output, &error), 0);
    for (fd = 0; fd < 3; fd++)
        assert_int_equal(preview1_fd_close(fixture->host, fd), WASI_ERRNO_SUCCESS);
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_BADF);
    wasi_host_renew_streams(fixture->host);
    wasi_host_renew_streams(fixture->host);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "a");
    assert_int_equal(guest_write(fixture, 1, "xy"), WASI_ERRNO_SUCCESS);
    assert_int_equal(written, 2);
    /* What is no stream stays closed, and its number is the next one given. */
    assert_int_equal(guest_write(fixture, 2, "x"), WASI_ERRNO_BADF);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, 2);
}

static void a_number_that_the_guest_uses_again_is_not_renewed(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char text[16];
    uint32_t fd;
    const struct wasi_stream input = {.read = read_letter, .argument = (void *)"a"};
    assert_int_equal(wasi_host_set_stream(fixture->host, 0, &input, &error), 0);
    assert_int_equal(preview1_fd_close(fixture->host, 0), WASI_ERRNO_SUCCESS);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), WASI_ERRNO_SUCCESS);
    assert_int_equal(fd, 0);
    wasi_host_renew_streams(fixture->host);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "0123456789");
}

static void renumbering_replaces(void **state)
{
    struct fixture *fixture = *state;
    uint32_t first;
    uint32_t second;
    char text[16];
    int descriptors = open_descriptor_count();
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &first), 0);
    assert_int_equal(guest_open(fixture, RW, "sub/deep", 0, READ_ONLY, &second), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, second, first), WASI_ERRNO_SUCCESS);
    assert_int_equal(open_descriptor_count(), descriptors + 1);
    assert_int_equal(guest_read(fixture, first, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "deep");
    assert_int_equal(guest_read(fixture, second, text, sizeof(text)), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_renumber(fixture->host, second, first), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_renumber(fixture->host, first, second), WASI_ERRNO_BADF);
    /* The number that became free is given again. */
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &second), 0);
    assert_int_equal(second, first + 1);
}

static void renumbering_to_itself_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[16];
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    for (uint32_t n = 0; n <= fd; n++)
        assert_int_equal(preview1_fd_renumber(fixture->host, n, n), WASI_ERRNO_SUCCESS);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "0123456789");
    assert_int_equal(guest_stat(fixture, RW, "file", false), WASI_ERRNO_SUCCESS);
}

static void standard_descriptors_and_preopens_can_be_renumbered(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[16];
    int descriptors = open_descriptor_count();
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, fd, 0), WASI_ERRNO_SUCCESS);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "0123456789");
    assert_int_equal(preview1_fd_renumber(fixture->host, RW, RO), WASI_ERRNO_SUCCESS);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, RW, RESULT_AT), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_prestat_dir_name(fixture->host, RO, BUFFER_AT, 3), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "/rw", 3);
    assert_int_equal(open_descriptor_count(), descriptors);
    /* The host's end of the former standard input is still there. */
    assert_true(fcntl(fixture->guest_stdin, F_GETFD) >= 0);
}

static void a_hundred_thousand_mixed_calls_leak_nothing(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "../outside", "rw/out");
    assert_int_equal(mkfifoat(fixture->folder_fd, "rw/fifo", 0600), 0);
    uint32_t keep;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &keep), 0);
    int descriptors = open_descriptor_count();
    for (int i = 0; i < 10000; i++) {
        uint32_t fd;
        uint32_t other;
        assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
        assert_int_equal(guest_open_directory(fixture, RO, "sub", &other), 0);
        assert_int_equal(preview1_fd_readdir(fixture->host, other, BUFFER_AT, 100, 0, RESULT_AT),
                         0);
        assert_int_equal(preview1_fd_renumber(fixture->host, fd, other), 0);
        assert_int_equal(preview1_fd_renumber(fixture->host, keep, keep), 0);
        assert_int_equal(preview1_fd_close(fixture->host, other), 0);
        assert_int_equal(guest_open(fixture, RW, "missing", 0, READ_ONLY, NULL), WASI_ERRNO_NOENT);
        assert_int_equal(guest_open(fixture, RW, "fifo", 0, READ_ONLY, NULL), WASI_ERRNO_ACCES);
        assert_int_equal(guest_open_follow(fixture, RW, "out/secret", 0, READ_ONLY, NULL),
                         WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(guest_stat(fixture, RW, "sub/deep", false), 0);
        assert_int_equal(guest_rename(fixture, RW, "sub/deep", RW, "out/deep"),
                         WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(guest_link(fixture, RW, "sub/deep", RW, "sub/deep"), WASI_ERRNO_EXIST);
        assert_int_equal(guest_readlink(fixture, RW, "sub/deep"), WASI_ERRNO_INVAL);
    }
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void the_table_has_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < WASI_DESCRIPTORS_MAX + 100) {
        print_message("# skipped: this user may not open as many descriptors as a guest\n");
        skip();
    }
    const struct rlimit enough = {.rlim_cur = WASI_DESCRIPTORS_MAX + 100,
                                  .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
    uint32_t fd = 0;
    uint32_t answer;
    while ((answer = guest_open(fixture, RW, "file", 0, READ_ONLY, &fd)) == WASI_ERRNO_SUCCESS)
        continue;
    assert_int_equal(answer, WASI_ERRNO_NFILE);
    assert_int_equal(fd, WASI_DESCRIPTORS_MAX - 1);
    int descriptors = open_descriptor_count();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(guest_open(fixture, RW, "new", WASI_OFLAGS_CREAT, READ_WRITE, NULL),
                         WASI_ERRNO_NFILE);
    assert_false(host_exists(fixture, "rw/new"));
    assert_int_equal(open_descriptor_count(), descriptors);
    assert_int_equal(preview1_fd_close(fixture->host, 100), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, 100);
    /* Where the process has no more either. */
    const struct rlimit tight = {.rlim_cur = 64, .rlim_max = limit.rlim_max};
    for (uint32_t n = 200; n < 210; n++)
        assert_int_equal(preview1_fd_close(fixture->host, n), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), WASI_ERRNO_MFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void preopens_are_counted_up_from_three(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"/rw", "/ro"};
    for (uint32_t fd = 0; fd < 3; fd++)
        assert_int_equal(preview1_fd_prestat_get(fixture->host, fd, RESULT_AT), WASI_ERRNO_BADF);
    for (uint32_t fd = RW; fd <= RO; fd++) {
        uint8_t *record = memory_at(fixture, RESULT_AT);
        memset(record, 0xAA, WASI_PRESTAT_SIZE + 1);
        assert_int_equal(preview1_fd_prestat_get(fixture->host, fd, RESULT_AT), 0);
        assert_int_equal(load_u32(record), WASI_PREOPENTYPE_DIR);
        assert_int_equal(load_u32(record + 4), 3);
        assert_int_equal(record[WASI_PRESTAT_SIZE], 0xAA);
        memset(memory_at(fixture, BUFFER_AT), 0xAA, 8);
        assert_int_equal(preview1_fd_prestat_dir_name(fixture->host, fd, BUFFER_AT, 2),
                         WASI_ERRNO_NAMETOOLONG);
        assert_int_equal(preview1_fd_prestat_dir_name(fixture->host, fd, BUFFER_AT, 8), 0);
        assert_memory_equal(memory_at(fixture, BUFFER_AT), names[fd - RW], 3);
        assert_int_equal(memory_at(fixture, BUFFER_AT)[3], 0xAA);
    }
    assert_int_equal(preview1_fd_prestat_get(fixture->host, NEXT_FD, RESULT_AT), WASI_ERRNO_BADF);
    uint32_t fd;
    assert_int_equal(guest_open_directory(fixture, RW, "sub", &fd), 0);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, fd, RESULT_AT), WASI_ERRNO_BADF);
}

static void a_grant_that_cannot_be_made_fails_and_leaks_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char long_path[WASI_PATH_MAX + 2];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    int descriptors = open_descriptor_count();
    int file = openat(fixture->folder_fd, "rw/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, file, "/file", false, &error), -1);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_add_preopen(fixture->host, -1, "/none", false, &error), -1);
    error = ERROR_NONE;
    int folder = openat(fixture->folder_fd, "rw", O_RDONLY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, folder, "", false, &error), -1);
    error = ERROR_NONE;
    folder = openat(fixture->folder_fd, "rw", O_RDONLY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, folder, long_path, false, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_add_preopen(fixture->host,
                                           open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                           "/proc", false, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "/proc"));
    assert_int_equal(open_descriptor_count(), descriptors);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_set_standard(fixture->host, 3, fixture->guest_stdin, &error), -1);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_set_standard(fixture->host, -1, fixture->guest_stdin, &error), -1);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_set_standard(fixture->host, 0, -1, &error), -1);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_set_standard(fixture->host, 0, fixture->folder_fd, &error), -1);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, NEXT_FD, RESULT_AT), WASI_ERRNO_BADF);
}

static void an_o_path_folder_can_be_granted(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int folder = openat(fixture->folder_fd, "rw", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, folder, "/", false, &error), 0);
    assert_int_equal(preview1_fd_readdir(fixture->host, NEXT_FD, BUFFER_AT, 100, 0, RESULT_AT), 0);
    assert_int_equal(guest_open(fixture, NEXT_FD, "file", 0, READ_ONLY, NULL), 0);
}

static void host_descriptors_are_close_on_exec(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    bool before[256];
    for (int n = 0; n < 256; n++)
        before[n] = fcntl(n, F_GETFD) >= 0;
    int folder = openat(fixture->folder_fd, "rw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, folder, "/", false, &error), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, NULL), 0);
    assert_int_equal(guest_open_directory(fixture, RW, "sub", NULL), 0);
    assert_int_equal(preview1_fd_readdir(fixture->host, RW, BUFFER_AT, 100, 0, RESULT_AT), 0);
    int opened = 0;
    for (int n = 0; n < 256; n++) {
        int flags = fcntl(n, F_GETFD);
        if (before[n] || flags < 0)
            continue;
        opened++;
        assert_int_equal(flags & FD_CLOEXEC, FD_CLOEXEC);
    }
    assert_int_equal(opened, 4);
}

static void sockets_are_not_supported(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"sock_accept", "sock_recv", "sock_send", "sock_shutdown"};
    uint32_t file;
    int pair[2];
    struct error error = ERROR_NONE;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wasi_host_set_standard(fixture->host, 0, pair[0], &error), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &file), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t arguments[9] = {0, VECTORS_AT, 0, 0, RESULT_AT, RESULT_AT};
        for (uint32_t fd = 0; fd < 3; fd++) {
            arguments[0] = fd;
            assert_int_equal(call(fixture, names[i], arguments), WASI_ERRNO_NOTSUP);
        }
        const uint32_t files[] = {RW, RO, file};
        for (size_t f = 0; f < 3; f++) {
            arguments[0] = files[f];
            assert_int_equal(call(fixture, names[i], arguments), WASI_ERRNO_NOTSOCK);
        }
    }
    /* Nothing happened to the socket. */
    assert_int_equal(write(pair[1], "hi", 2), 2);
    char text[8];
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_SUCCESS);
    assert_string_equal(text, "hi");
    (void)close(pair[0]);
    (void)close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(a_number_that_is_not_open_is_badf_everywhere),
        WASI_TEST(a_host_number_means_nothing_to_the_guest),
        WASI_TEST(closing_twice_is_badf),
        WASI_TEST(closing_a_standard_descriptor_leaves_the_hosts),
        WASI_TEST(a_standard_descriptor_that_was_not_granted_is_badf),
        WASI_TEST(a_closed_stream_can_be_renewed),
        WASI_TEST(a_number_that_the_guest_uses_again_is_not_renewed),
        WASI_TEST(renumbering_replaces),
        WASI_TEST(renumbering_to_itself_changes_nothing),
        WASI_TEST(standard_descriptors_and_preopens_can_be_renumbered),
        WASI_TEST(a_hundred_thousand_mixed_calls_leak_nothing),
        WASI_TEST(the_table_has_a_limit),
        WASI_TEST(preopens_are_counted_up_from_three),
        WASI_TEST(a_grant_that_cannot_be_made_fails_and_leaks_nothing),
        WASI_TEST(an_o_path_folder_can_be_granted),
        WASI_TEST(host_descriptors_are_close_on_exec),
        WASI_TEST(sockets_are_not_supported),
    };
    return cmocka_run_group_tests_name("wasi_descriptors", tests, NULL, NULL);
}
