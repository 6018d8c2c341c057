/* src/wasi/fd_io.c, src/wasi/fd_stat.c: bytes, positions, sizes, times and flags of what is open.
 */
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t open_file(struct fixture *fixture, const char *path, uint64_t rights)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, path, 0, rights, &fd), WASI_ERRNO_SUCCESS);
    return fd;
}

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    assert_int_equal(guest_write(fixture, fd, "ABC"), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "3456789");
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    host_check_content(fixture, "rw/file", "ABC3456789");
}

static void vectors_are_scattered_and_gathered(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    put_vector(fixture, 0, BUFFER_AT, 3);
    put_vector(fixture, 1, BUFFER_AT + 100, 0);
    put_vector(fixture, 2, BUFFER_AT + 200, 4);
    assert_int_equal(preview1_fd_read(fixture->host, fd, VECTORS_AT, 3, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 7);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "012", 3);
    assert_memory_equal(memory_at(fixture, BUFFER_AT + 200), "3456", 4);
    put_vector(fixture, 0, BUFFER_AT + 200, 2);
    put_vector(fixture, 1, BUFFER_AT, 1);
    assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 2, RESULT_AT), 0);
    host_check_content(fixture, "rw/file", "0123456340");
}

static void positioned_transfers_leave_the_position(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    put_vector(fixture, 0, BUFFER_AT, 2);
    assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, 4, RESULT_AT), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "45", 2);
    assert_int_equal(preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, 8, RESULT_AT), 0);
    assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 0);
    host_check_content(fixture, "rw/file", "0123456745");
}

static void absurd_offsets_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    const uint64_t offsets[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX, UINT64_MAX - 1};
    put_vector(fixture, 0, BUFFER_AT, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, offsets[i], RESULT_AT),
                         WASI_ERRNO_INVAL);
        assert_int_equal(
            preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, offsets[i], RESULT_AT),
            WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, offsets[i]),
                         WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_allocate(fixture->host, fd, offsets[i], 1), WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_allocate(fixture->host, fd, 1, offsets[i]), WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_advise(fixture->host, fd, offsets[i], 1, 0), WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_advise(fixture->host, fd, 1, offsets[i], 0), WASI_ERRNO_INVAL);
    }
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, INT64_MAX, INT64_MAX),
                     WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 0), WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_advise(fixture->host, fd, INT64_MAX, INT64_MAX, 0),
                     WASI_ERRNO_INVAL);
    const uint64_t most_negative = (uint64_t)INT64_MIN;
    for (uint32_t whence = 0; whence < 3; whence++)
        assert_int_equal(preview1_fd_seek(fixture->host, fd, most_negative, whence, RESULT_AT),
                         WASI_ERRNO_INVAL);
    assert_int_not_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, INT64_MAX, RESULT_AT),
                         0);
    host_check_content(fixture, "rw/file", "0123456789");
}

static void seeking_is_as_lseek(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_ONLY);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 4, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 4);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, (uint64_t)-1, WASI_WHENCE_CUR, RESULT_AT),
                     0);
    assert_int_equal(result_u64(fixture), 3);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, (uint64_t)-2, WASI_WHENCE_END, RESULT_AT),
                     0);
    assert_int_equal(result_u64(fixture), 8);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 100, WASI_WHENCE_CUR, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 108);
    assert_int_equal(
        preview1_fd_seek(fixture->host, fd, (uint64_t)-109, WASI_WHENCE_CUR, RESULT_AT),
        WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 108);
    /* A pipe has no position. */
    assert_int_equal(preview1_fd_seek(fixture->host, 0, 0, WASI_WHENCE_SET, RESULT_AT),
                     WASI_ERRNO_SPIPE);
}

static void the_right_to_tell_is_enough_for_telling(void **state)
{
    struct fixture *fixture = *state;
    uint32_t teller = open_file(fixture, "file", WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_READ);
    uint32_t seeker = open_file(fixture, "file", WASI_RIGHT_FD_SEEK);
    assert_int_equal(preview1_fd_tell(fixture->host, teller, RESULT_AT), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, teller, 0, WASI_WHENCE_CUR, RESULT_AT), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, teller, 1, WASI_WHENCE_CUR, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_seek(fixture->host, teller, 0, WASI_WHENCE_SET, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_tell(fixture->host, seeker, RESULT_AT), 0);
}

static void directories_are_not_read_or_written(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open_directory(fixture, RW, "sub", &fd), 0);
    put_vector(fixture, 0, BUFFER_AT, 4);
    assert_int_equal(preview1_fd_read(fixture->host, fd, VECTORS_AT, 1, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, 0, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, 0, RESULT_AT), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 1), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_sync(fixture->host, fd), WASI_ERRNO_SUCCESS);
}

static void sizes_can_be_set(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 4), 0);
    host_check_content(fixture, "rw/file", "0123");
    uint32_t answer = preview1_fd_allocate(fixture->host, fd, 0, 1000);
    assert_true(answer == WASI_ERRNO_SUCCESS || answer == WASI_ERRNO_NOTSUP);
    if (answer == WASI_ERRNO_SUCCESS) {
        assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
        assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 32)), 1000);
    }
    for (uint32_t advice = 0; advice < 6; advice++)
        assert_int_equal(preview1_fd_advise(fixture->host, fd, 0, 100, advice), 0);
    assert_int_equal(preview1_fd_sync(fixture->host, fd), 0);
    assert_int_equal(preview1_fd_datasync(fixture->host, fd), 0);
}

static void a_file_size_limit_is_an_error_not_a_signal(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit limit;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {.rlim_cur = 100, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint32_t truncated = preview1_fd_filestat_set_size(fixture->host, fd, 1000);
    put_vector(fixture, 0, BUFFER_AT, 100);
    uint32_t written = preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, 1000, RESULT_AT);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(truncated, WASI_ERRNO_FBIG);
    assert_int_equal(written, WASI_ERRNO_FBIG);
}

static void the_filestat_record_is_whole(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_ONLY);
    uint8_t *record = memory_at(fixture, RESULT_AT);
    memset(record, 0xAA, WASI_FILESTAT_SIZE + 1);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    struct stat status;
    assert_int_equal(fstatat(fixture->folder_fd, "rw/file", &status, 0), 0);
    assert_int_equal(load_u64(record), status.st_dev);
    assert_int_equal(load_u64(record + 8), status.st_ino);
    assert_int_equal(load_u64(record + 16), WASI_FILETYPE_REGULAR_FILE);
    assert_int_equal(load_u64(record + 24), 1);
    assert_int_equal(load_u64(record + 32), 10);
    assert_int_equal(load_u64(record + 48), (uint64_t)status.st_mtim.tv_sec * 1000000000u +
                                                (uint64_t)status.st_mtim.tv_nsec);
    assert_int_equal(record[WASI_FILESTAT_SIZE], 0xAA);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, 0, RESULT_AT), 0);
    assert_int_equal(load_u64(record + 16), WASI_FILETYPE_UNKNOWN);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, 2, RESULT_AT), 0);
    assert_int_equal(load_u64(record + 16), WASI_FILETYPE_CHARACTER_DEVICE);
}

static uint64_t modified_after_host_sets(struct fixture *fixture, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(fixture->folder_fd, "rw/file", times, 0), 0);
    struct stat status;
    assert_int_equal(fstatat(fixture->folder_fd, "rw/file", &status, 0), 0);
    assert_int_equal(guest_stat(fixture, RW, "file", false), 0);
    uint64_t answer = load_u64(memory_at(fixture, RESULT_AT + 48));
    if (status.st_mtim.tv_sec < 0)
        assert_int_equal(answer, 0);
    else if ((uint64_t)status.st_mtim.tv_sec > UINT64_MAX / 1000000000u)
        assert_true(answer == UINT64_MAX);
    else
        assert_int_equal(answer / 1000000000u, status.st_mtim.tv_sec);
    return answer;
}

static void extreme_times_are_answered(void **state)
{
    struct fixture *fixture = *state;
    (void)modified_after_host_sets(fixture, -1);
    (void)modified_after_host_sets(fixture, -2000000000);
    (void)modified_after_host_sets(fixture, INT64_MIN);
    (void)modified_after_host_sets(fixture, INT64_MAX);
    (void)modified_after_host_sets(fixture, INT64_C(18446744074));
    assert_true(modified_after_host_sets(fixture, 1) == 1000000000);
}

static void times_can_be_set(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = open_file(fixture, "file", READ_WRITE);
    const uint64_t value = UINT64_C(1500000000123456789);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, value, value + 1,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM),
                     0);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 40)) / 1000 == value / 1000);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 48)) / 1000 == (value + 1) / 1000);
    /* Only what is asked for. */
    assert_int_equal(
        preview1_fd_filestat_set_times(fixture->host, fd, 0, 5000000000, WASI_FSTFLAGS_MTIM), 0);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 40)) / 1000 == value / 1000);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 48)) == 5000000000);
    assert_int_equal(preview1_fd_filestat_set_times(
                         fixture->host, fd, 0, 0, WASI_FSTFLAGS_ATIM_NOW | WASI_FSTFLAGS_MTIM_NOW),
                     0);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 48)) > value);
    /* Both ways at once make no sense. */
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 0, 0,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_ATIM_NOW),
                     WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 0, 0,
                                                    WASI_FSTFLAGS_MTIM | WASI_FSTFLAGS_MTIM_NOW),
                     WASI_ERRNO_INVAL);
    /* The end of time: whatever the file system makes of it. */
    (void)preview1_fd_filestat_set_times(fixture->host, fd, UINT64_MAX, UINT64_MAX,
                                         WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
}

static void appending_can_be_switched(void **state)
{
    struct fixture *fixture = *state;
    uint32_t size = put_text(fixture, PATH_AT, "file");
    assert_int_equal(preview1_path_open(fixture->host, RW, 0, PATH_AT, size, 0, READ_WRITE, 0,
                                        WASI_FDFLAGS_APPEND, RESULT_AT),
                     0);
    uint32_t fd = result_u32(fixture);
    assert_int_equal(guest_write(fixture, fd, "A"), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_write(fixture, fd, "B"), 0);
    host_check_content(fixture, "rw/file", "0123456789AB");
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, 0), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_write(fixture, fd, "C"), 0);
    host_check_content(fixture, "rw/file", "C123456789AB");
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd,
                                                  WASI_FDFLAGS_APPEND | WASI_FDFLAGS_NONBLOCK),
                     0);
    assert_int_equal(guest_write(fixture, fd, "D"), 0);
    host_check_content(fixture, "rw/file", "C123456789ABD");
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(load_u16(memory_at(fixture, RESULT_AT + 2)),
                     WASI_FDFLAGS_APPEND | WASI_FDFLAGS_NONBLOCK);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, WASI_FDFLAGS_SYNC),
                     WASI_ERRNO_NOTSUP);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, RW, WASI_FDFLAGS_APPEND),
                     WASI_ERRNO_NOTSUP);
}

static void sync_flags_are_kept(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t flags = WASI_FDFLAGS_DSYNC | WASI_FDFLAGS_RSYNC | WASI_FDFLAGS_SYNC;
    uint32_t size = put_text(fixture, PATH_AT, "file");
    assert_int_equal(
        preview1_path_open(fixture->host, RW, 0, PATH_AT, size, 0, READ_WRITE, 0, flags, RESULT_AT),
        0);
    uint32_t fd = result_u32(fixture);
    assert_int_equal(guest_write(fixture, fd, "A"), 0);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(load_u16(memory_at(fixture, RESULT_AT + 2)), flags);
}

static void standard_descriptors_carry_bytes(void **state)
{
    struct fixture *fixture = *state;
    char text[16] = {0};
    assert_int_equal(write(fixture->to_stdin, "hello", 5), 5);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(guest_write(fixture, 1, "world"), 0);
    memset(text, 0, sizeof(text));
    assert_int_equal(read(fixture->from_stdout, text, sizeof(text)), 5);
    assert_string_equal(text, "world");
    assert_int_equal(guest_write(fixture, 2, "lost"), 0);
    assert_int_equal(guest_write(fixture, 0, "x"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_read(fixture, 1, text, sizeof(text)), WASI_ERRNO_NOTCAPABLE);
    (void)close(fixture->to_stdin);
    fixture->to_stdin = -1;
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_int_equal(result_u32(fixture), 0);
}

static void a_closed_pipe_is_an_error_not_a_signal(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->from_stdout);
    fixture->from_stdout = -1;
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_PIPE);
}

static void nonblocking_is_the_guests_own_affair(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    int before = fcntl(fixture->guest_stdin, F_GETFL);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 0, WASI_FDFLAGS_NONBLOCK), 0);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 1, WASI_FDFLAGS_NONBLOCK), 0);
    assert_int_equal(fcntl(fixture->guest_stdin, F_GETFL), before);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_AGAIN);
    assert_int_equal(write(fixture->to_stdin, "x", 1), 1);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "x");
    /* Fill the pipe: ends with again, never blocks, never writes more than it says. */
    uint64_t written = 0;
    uint32_t answer;
    put_vector(fixture, 0, BUFFER_AT, 10);
    put_vector(fixture, 1, BUFFER_AT, BUFFER_SIZE);
    while ((answer = preview1_fd_write(fixture->host, 1, VECTORS_AT, 2, RESULT_AT)) == 0) {
        assert_in_range(result_u32(fixture), 1, PIPE_BUF);
        written += result_u32(fixture);
    }
    assert_int_equal(answer, WASI_ERRNO_AGAIN);
    uint64_t seen = 0;
    char block[4096];
    while (seen < written)
        seen += (uint64_t)read(fixture->from_stdout, block, sizeof(block));
    assert_int_equal(seen, written);
    assert_int_equal(guest_write(fixture, 1, "x"), 0);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 1, WASI_FDFLAGS_APPEND),
                     WASI_ERRNO_NOTSUP);
}

/* Returns when the process waits for something. */
static void wait_until_asleep(pid_t process)
{
    char path[64];
    char text[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, text, sizeof(text) - 1);
        (void)close(fd);
        if (size <= 0)
            _exit(2);
        text[size] = '\0';
        const char *end_of_name = strrchr(text, ')');
        if (end_of_name != NULL && end_of_name[2] == 'S')
            return;
        (void)sched_yield();
    }
}

static void a_nonblocking_host_descriptor_still_blocks_the_guest(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    assert_int_equal(fcntl(fixture->guest_stdin, F_SETFL, O_NONBLOCK), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wait_until_asleep(getppid());
        _exit(write(fixture->to_stdin, "late", 4) == 4 ? 0 : 1);
    }
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "late");
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_terminal_is_told_from_other_devices(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(wasi_host_set_standard(fixture->host, 0, null, &error), 0);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, 0, RESULT_AT), 0);
    assert_int_equal(memory_at(fixture, RESULT_AT)[0], WASI_FILETYPE_CHARACTER_DEVICE);
    assert_int_not_equal(load_u64(memory_at(fixture, RESULT_AT + 8)) & WASI_RIGHT_FD_SEEK, 0);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0) {
        assert_int_equal(wasi_host_set_standard(fixture->host, 0, terminal, &error), 0);
        assert_int_equal(preview1_fd_fdstat_get(fixture->host, 0, RESULT_AT), 0);
        assert_int_equal(memory_at(fixture, RESULT_AT)[0], WASI_FILETYPE_CHARACTER_DEVICE);
        assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 8)) &
                             (WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL),
                         0);
        (void)close(terminal);
    }
    (void)close(null);
}

static void a_file_as_standard_output_cannot_be_cut(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int file = openat(fixture->folder_fd, "outside/secret", O_RDWR | O_APPEND | O_CLOEXEC);
    assert_int_equal(wasi_host_set_standard(fixture->host, 1, file, &error), 0);
    assert_int_equal(guest_write(fixture, 1, "!"), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, 1, 0), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_allocate(fixture->host, 1, 0, 100), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, 1, 0, 0, WASI_FSTFLAGS_MTIM),
                     WASI_ERRNO_NOTCAPABLE);
    char text[16];
    assert_int_equal(guest_read(fixture, 1, text, sizeof(text)), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, 1, RESULT_AT), 0);
    assert_int_equal(load_u16(memory_at(fixture, RESULT_AT + 2)), WASI_FDFLAGS_APPEND);
    host_check_content(fixture, "outside/secret", "SECRET!");
    (void)close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(what_was_written_is_read),
        WASI_TEST(vectors_are_scattered_and_gathered),
        WASI_TEST(positioned_transfers_leave_the_position),
        WASI_TEST(absurd_offsets_are_invalid),
        WASI_TEST(seeking_is_as_lseek),
        WASI_TEST(the_right_to_tell_is_enough_for_telling),
        WASI_TEST(directories_are_not_read_or_written),
        WASI_TEST(sizes_can_be_set),
        WASI_TEST(a_file_size_limit_is_an_error_not_a_signal),
        WASI_TEST(the_filestat_record_is_whole),
        WASI_TEST(extreme_times_are_answered),
        WASI_TEST(times_can_be_set),
        WASI_TEST(appending_can_be_switched),
        WASI_TEST(sync_flags_are_kept),
        WASI_TEST(standard_descriptors_carry_bytes),
        WASI_TEST(a_closed_pipe_is_an_error_not_a_signal),
        WASI_TEST(nonblocking_is_the_guests_own_affair),
        WASI_TEST(a_nonblocking_host_descriptor_still_blocks_the_guest),
        WASI_TEST(a_terminal_is_told_from_other_devices),
        WASI_TEST(a_file_as_standard_output_cannot_be_cut),
    };
    return cmocka_run_group_tests_name("wasi_files", tests, NULL, NULL);
}
