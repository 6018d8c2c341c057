/* src/wasi/scratch_files.c: bytes, positions, sizes, times, flags, listings and waiting in scratch.
 */
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CREATE WASI_OFLAGS_CREAT
#define MANY 700

static uint32_t make_file(struct fixture *fixture, const char *path, const char *text)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, WORKSPACE, path, CREATE, READ_WRITE, &fd), 0);
    if (text[0] != '\0')
        assert_int_equal(guest_write(fixture, fd, text), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    return fd;
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

static uint64_t stat_field(struct fixture *fixture, uint32_t fd, uint32_t offset)
{
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    return load_u64(memory_at(fixture, RESULT_AT + offset));
}

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t fd = make_file(fixture, "file", "0123456789");
    assert_int_equal(fd, SCRATCH_NEXT_FD);
    assert_int_equal(guest_write(fixture, fd, "ABC"), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "3456789");
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_int_equal(result_u32(fixture), 0);
    expect_content(fixture, "file", "ABC3456789");
}

static void no_host_descriptor_is_used(void **state)
{
    struct fixture *fixture = *state;
    int descriptors = open_descriptor_count();
    int entries = host_entry_count(fixture);
    uint32_t fd = make_file(fixture, "file", "x");
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, ".", NULL), 0);
    assert_int_equal(preview1_fd_readdir(fixture->host, WORKSPACE, BUFFER_AT, 100, 0, RESULT_AT),
                     0);
    assert_int_equal(open_descriptor_count(), descriptors);
    assert_int_equal(host_entry_count(fixture), entries);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static void vectors_are_scattered_and_gathered(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "0123456789");
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
    expect_content(fixture, "file", "0123456340");
}

static void positioned_transfers_leave_the_position(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "0123456789");
    put_vector(fixture, 0, BUFFER_AT, 2);
    assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, 4, RESULT_AT), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "45", 2);
    assert_int_equal(preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, 8, RESULT_AT), 0);
    assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 0);
    expect_content(fixture, "file", "0123456745");
}

static void absurd_offsets_are_refused(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "0123456789");
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
    }
    const uint64_t large[] = {WASI_SCRATCH_FILE_MAX, WASI_SCRATCH_FILE_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, large[i], RESULT_AT),
                         WASI_ERRNO_FBIG);
        assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, large[i], RESULT_AT),
                         0);
        assert_int_equal(result_u32(fixture), 0);
        assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, large[i] + (i == 0)),
                         WASI_ERRNO_FBIG);
        assert_int_equal(preview1_fd_allocate(fixture->host, fd, large[i], 1),
                         i == 2 ? WASI_ERRNO_INVAL : WASI_ERRNO_FBIG);
        assert_int_equal(preview1_fd_seek(fixture->host, fd, large[i], WASI_WHENCE_SET, RESULT_AT),
                         0);
        assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT),
                         WASI_ERRNO_FBIG);
        assert_int_equal(preview1_fd_read(fixture->host, fd, VECTORS_AT, 1, RESULT_AT), 0);
        assert_int_equal(result_u32(fixture), 0);
    }
    assert_int_equal(stat_field(fixture, fd, 32), 10);
}

static void seeking_is_as_lseek(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "0123456789");
    static const struct {
        int64_t offset;
        uint32_t whence;
        uint32_t answer;
        uint64_t position;
    } tests[] = {
        {4, WASI_WHENCE_SET, 0, 4},
        {-1, WASI_WHENCE_CUR, 0, 3},
        {-2, WASI_WHENCE_END, 0, 8},
        {100, WASI_WHENCE_CUR, 0, 108},
        {-109, WASI_WHENCE_CUR, WASI_ERRNO_INVAL, 108},
        {-11, WASI_WHENCE_END, WASI_ERRNO_INVAL, 108},
        {-1, WASI_WHENCE_SET, WASI_ERRNO_INVAL, 108},
        {INT64_MIN, WASI_WHENCE_SET, WASI_ERRNO_INVAL, 108},
        {INT64_MIN, WASI_WHENCE_CUR, WASI_ERRNO_INVAL, 108},
        {INT64_MAX, WASI_WHENCE_CUR, WASI_ERRNO_INVAL, 108},
        {INT64_MAX, WASI_WHENCE_END, WASI_ERRNO_INVAL, 108},
        {INT64_MAX, WASI_WHENCE_SET, 0, INT64_MAX},
        {0, 3, WASI_ERRNO_INVAL, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        assert_int_equal(preview1_fd_seek(fixture->host, fd, (uint64_t)tests[i].offset,
                                          tests[i].whence, RESULT_AT),
                         tests[i].answer);
        assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), 0);
        assert_int_equal(result_u64(fixture), tests[i].position);
    }
}

static void each_descriptor_has_its_own_position(void **state)
{
    struct fixture *fixture = *state;
    uint32_t other;
    char text[8];
    uint32_t fd = make_file(fixture, "file", "0123456789");
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &other), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 5, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_read(fixture, other, text, 4), 0);
    assert_string_equal(text, "012");
    assert_int_equal(guest_read(fixture, fd, text, 4), 0);
    assert_string_equal(text, "567");
}

static void sizes_can_be_set(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "0123456789");
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 4), 0);
    expect_content(fixture, "file", "0123");
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 1000), 0);
    assert_int_equal(stat_field(fixture, fd, 32), 1000);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 10), 0);
    assert_int_equal(stat_field(fixture, fd, 32), 1000);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 0), WASI_ERRNO_INVAL);
    for (uint32_t advice = 0; advice < 6; advice++)
        assert_int_equal(preview1_fd_advise(fixture->host, fd, 0, 100, advice), 0);
    assert_int_equal(preview1_fd_advise(fixture->host, fd, 0, 100, 6), WASI_ERRNO_INVAL);
    assert_int_equal(preview1_fd_sync(fixture->host, fd), 0);
    assert_int_equal(preview1_fd_datasync(fixture->host, fd), 0);
    assert_int_equal(preview1_fd_sync(fixture->host, TMP), 0);
    assert_int_equal(preview1_fd_advise(fixture->host, TMP, 0, 1, 0), 0);
}

static void appending_can_be_switched(void **state)
{
    struct fixture *fixture = *state;
    (void)make_file(fixture, "file", "0123456789");
    uint32_t size = put_text(fixture, PATH_AT, "file");
    assert_int_equal(preview1_path_open(fixture->host, WORKSPACE, 0, PATH_AT, size, 0, READ_WRITE,
                                        0, WASI_FDFLAGS_APPEND, RESULT_AT),
                     0);
    uint32_t fd = result_u32(fixture);
    assert_int_equal(guest_write(fixture, fd, "A"), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_write(fixture, fd, "B"), 0);
    expect_content(fixture, "file", "0123456789AB");
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, 0), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_write(fixture, fd, "C"), 0);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd,
                                                  WASI_FDFLAGS_APPEND | WASI_FDFLAGS_NONBLOCK),
                     0);
    assert_int_equal(guest_write(fixture, fd, "D"), 0);
    expect_content(fixture, "file", "C123456789ABD");
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(load_u16(memory_at(fixture, RESULT_AT + 2)),
                     WASI_FDFLAGS_APPEND | WASI_FDFLAGS_NONBLOCK);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, WASI_FDFLAGS_SYNC),
                     WASI_ERRNO_NOTSUP);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, TMP, WASI_FDFLAGS_APPEND),
                     WASI_ERRNO_NOTSUP);
}

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void the_filestat_record_is_whole(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = now();
    uint32_t fd = make_file(fixture, "file", "0123456789");
    uint64_t after = now();
    uint8_t *record = memory_at(fixture, RESULT_AT);
    memset(record, 0xAA, WASI_FILESTAT_SIZE + 1);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    assert_true(load_u64(record) == UINT64_C(0x7368616e6e6f6e00));
    uint64_t serial = load_u64(record + 8);
    assert_int_equal(load_u64(record + 16), WASI_FILETYPE_REGULAR_FILE);
    assert_int_equal(load_u64(record + 24), 1);
    assert_int_equal(load_u64(record + 32), 10);
    for (uint32_t offset = 40; offset < 64; offset += 8)
        assert_true(load_u64(record + offset) >= before && load_u64(record + offset) <= after);
    assert_int_equal(record[WASI_FILESTAT_SIZE], 0xAA);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "file", true), 0);
    assert_int_equal(load_u64(record + 8), serial);
    assert_int_equal(guest_stat(fixture, WORKSPACE, ".", true), 0);
    assert_int_equal(load_u64(record + 16), WASI_FILETYPE_DIRECTORY);
    assert_int_equal(load_u64(record + 24), 2);
    assert_true(load_u64(record + 8) != serial);
}

static void times_can_be_set(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "x");
    const uint64_t value = UINT64_C(1500000000123456789);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, value, value + 1,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM),
                     0);
    assert_true(stat_field(fixture, fd, 40) == value);
    assert_true(stat_field(fixture, fd, 48) == value + 1);
    assert_int_equal(
        preview1_fd_filestat_set_times(fixture->host, fd, 0, UINT64_MAX, WASI_FSTFLAGS_MTIM), 0);
    assert_true(stat_field(fixture, fd, 40) == value);
    assert_true(stat_field(fixture, fd, 48) == UINT64_MAX);
    uint64_t before = now();
    assert_int_equal(preview1_fd_filestat_set_times(
                         fixture->host, fd, 0, 0, WASI_FSTFLAGS_ATIM_NOW | WASI_FSTFLAGS_MTIM_NOW),
                     0);
    for (uint32_t offset = 40; offset < 64; offset += 8)
        assert_true(stat_field(fixture, fd, offset) >= before);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 0, 0,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_ATIM_NOW),
                     WASI_ERRNO_INVAL);
    uint32_t size = put_text(fixture, PATH_AT, "file");
    assert_int_equal(preview1_path_filestat_set_times(fixture->host, WORKSPACE, 0, PATH_AT, size, 0,
                                                      5000000000, WASI_FSTFLAGS_MTIM),
                     0);
    assert_true(stat_field(fixture, fd, 48) == 5000000000);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, TMP, 1, 2,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM),
                     0);
    assert_int_equal(stat_field(fixture, TMP, 48), 2);
}

static void times_follow_what_happens(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "x");
    const uint32_t both = WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM;
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 1, 1, both), 0);
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, WORKSPACE, 1, 1, both), 0);
    uint64_t before = now();
    char text[8];
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_int_equal(stat_field(fixture, fd, 48), 1);
    assert_int_equal(guest_write(fixture, fd, "y"), 0);
    assert_true(stat_field(fixture, fd, 48) >= before);
    assert_int_equal(stat_field(fixture, fd, 40), 1);
    assert_int_equal(stat_field(fixture, WORKSPACE, 48), 1);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "file"), 0);
    assert_true(stat_field(fixture, WORKSPACE, 48) >= before);
    assert_int_equal(stat_field(fixture, fd, 24), 0);
}

static void what_is_removed_lives_until_it_is_closed(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    uint32_t other;
    uint32_t fd = make_file(fixture, "file", "0123456789");
    uint64_t charged = fixture->memory.charged;
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &other), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "file"), 0);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "file", false), WASI_ERRNO_NOENT);
    assert_int_equal(guest_write(fixture, fd, "AB"), 0);
    assert_int_equal(guest_read(fixture, other, text, sizeof(text)), 0);
    assert_string_equal(text, "AB23456789");
    assert_int_equal(preview1_fd_close(fixture->host, other), 0);
    assert_int_equal(fixture->memory.charged, charged);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    assert_true(fixture->memory.charged < charged);
    /* By a descriptor that is put over it, too. */
    fd = make_file(fixture, "file", "0123456789");
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "file"), 0);
    assert_int_equal(fixture->memory.charged, charged);
    assert_int_equal(preview1_fd_renumber(fixture->host, RW, fd), 0);
    assert_true(fixture->memory.charged < charged);
}

static void folders_are_not_read_or_written(void **state)
{
    struct fixture *fixture = *state;
    put_vector(fixture, 0, BUFFER_AT, 4);
    assert_int_equal(preview1_fd_read(fixture->host, TMP, VECTORS_AT, 1, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_pwrite(fixture->host, TMP, VECTORS_AT, 1, 0, RESULT_AT),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_seek(fixture->host, TMP, 0, 0, RESULT_AT), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_allocate(fixture->host, TMP, 0, 1), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, TMP, 0), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_sock_shutdown(fixture->host, TMP, 0), WASI_ERRNO_NOTSOCK);
}

static void rights_are_those_of_the_descriptor(void **state)
{
    struct fixture *fixture = *state;
    uint32_t reader;
    uint32_t writer;
    char text[8];
    (void)make_file(fixture, "file", "0123456789");
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_ONLY, &reader), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, WASI_RIGHT_FD_WRITE, &writer), 0);
    assert_int_equal(guest_write(fixture, reader, "x"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_read(fixture, writer, text, sizeof(text)), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_tell(fixture->host, writer, RESULT_AT), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, reader, 0),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_allocate(fixture->host, reader, 0, 1), WASI_ERRNO_NOTCAPABLE);
    /* A file that is not open for writing has no use for them. */
    assert_int_equal(
        guest_open(fixture, WORKSPACE, "file", 0,
                   READ_ONLY | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE, &reader),
        0);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, reader, RESULT_AT), 0);
    assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 8)) &
                         (WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE),
                     0);
    expect_content(fixture, "file", "0123456789");
}

/* ---- listings ---- */

static void make_many(struct fixture *fixture)
{
    char path[32];
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, WORKSPACE, "many"),
                     0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof(path), "many/f%d", i);
        assert_int_equal(preview1_fd_close(fixture->host, make_file(fixture, path, "")), 0);
    }
}

/* What to do with an entry. */
typedef void visit_entry(struct fixture *fixture, uint32_t fd, const char *name);

/* Lists a folder as a libc does; returns how many entries there were, "." and ".." included. */
static int list_all(struct fixture *fixture, uint32_t fd, uint32_t size, visit_entry *visit)
{
    uint64_t cookie = 0;
    int entries = 0;
    uint32_t used;
    do {
        static uint8_t listing[BUFFER_SIZE];
        assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, size, cookie, RESULT_AT),
                         0);
        used = result_u32(fixture);
        assert_true(used <= size);
        memcpy(listing, memory_at(fixture, BUFFER_AT), used);
        for (uint32_t at = 0; used - at >= WASI_DIRENT_SIZE;) {
            char name[256];
            uint32_t length = load_u32(listing + at + 16);
            if (used - at - WASI_DIRENT_SIZE < length)
                break;
            memcpy(name, listing + at + WASI_DIRENT_SIZE, length);
            name[length] = '\0';
            assert_true(load_u64(listing + at) > cookie);
            cookie = load_u64(listing + at);
            at += WASI_DIRENT_SIZE + length;
            entries++;
            if (visit != NULL && name[0] != '.')
                visit(fixture, fd, name);
        }
    } while (used == size);
    return entries;
}

static int seen[2 * MANY];

static void note(struct fixture *fixture, uint32_t fd, const char *name)
{
    int number;
    (void)fixture;
    (void)fd;
    assert_int_equal(sscanf(name, "f%d", &number), 1);
    seen[number]++;
}

static void every_entry_comes_once_whatever_the_buffer(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t sizes[] = {28, 29, 30, 56, 57, 100, 255, 256, 1000, 4096, BUFFER_SIZE};
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "many", &fd), 0);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        memset(seen, 0, sizeof(seen));
        assert_int_equal(list_all(fixture, fd, sizes[s], note), MANY + 2);
        for (int i = 0; i < MANY; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void entries_say_what_they_are(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd = make_file(fixture, "file", "");
    uint64_t serial = stat_field(fixture, fd, 8);
    uint64_t own = stat_field(fixture, WORKSPACE, 8);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, WORKSPACE, "sub"), 0);
    memset(memory_at(fixture, BUFFER_AT), 0xAA, 1024);
    assert_int_equal(preview1_fd_readdir(fixture->host, WORKSPACE, BUFFER_AT, 1024, 0, RESULT_AT),
                     0);
    const uint8_t *at = memory_at(fixture, BUFFER_AT);
    assert_int_equal(result_u32(fixture), 4 * WASI_DIRENT_SIZE + 1 + 2 + 4 + 3);
    assert_int_equal(load_u64(at), 1);
    assert_int_equal(load_u64(at + 8), own);
    assert_int_equal(load_u32(at + 16), 1);
    assert_int_equal(load_u32(at + 20), WASI_FILETYPE_DIRECTORY);
    assert_memory_equal(at + 24, ".", 1);
    at += 25;
    assert_int_equal(load_u64(at), 2);
    assert_int_equal(load_u64(at + 8), 0);
    assert_memory_equal(at + 24, "..", 2);
    at += 26;
    assert_int_equal(load_u64(at + 8), serial);
    assert_int_equal(load_u32(at + 20), WASI_FILETYPE_REGULAR_FILE);
    assert_memory_equal(at + 24, "file", 4);
    at += 28;
    assert_int_equal(load_u32(at + 20), WASI_FILETYPE_DIRECTORY);
    assert_memory_equal(at + 24, "sub\xAA", 4);
    for (uint32_t size = 0; size < 60; size++) {
        memset(memory_at(fixture, BUFFER_AT), 0xAA, 128);
        assert_int_equal(
            preview1_fd_readdir(fixture->host, WORKSPACE, BUFFER_AT, size, 0, RESULT_AT), 0);
        assert_int_equal(result_u32(fixture), size);
        assert_int_equal(memory_at(fixture, BUFFER_AT)[size], 0xAA);
    }
}

static void remove_it(struct fixture *fixture, uint32_t fd, const char *name)
{
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, fd, name), 0);
    note(fixture, fd, name);
}

static void make_another(struct fixture *fixture, uint32_t fd, const char *name)
{
    char other[32];
    (void)snprintf(other, sizeof(other), "f%d", atoi(name + 1) + MANY);
    assert_int_equal(guest_rename(fixture, fd, name, fd, other), 0);
    assert_int_equal(guest_open(fixture, fd, name, CREATE, 0, NULL), 0);
    assert_int_equal(preview1_fd_close(fixture->host, result_u32(fixture)), 0);
    note(fixture, fd, name);
}

static void changing_while_listing_skips_nothing_and_ends(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "many", &fd), 0);
    memset(seen, 0, sizeof(seen));
    assert_int_equal(list_all(fixture, fd, 333, make_another), MANY + 2);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(seen[i], 1);
    memset(seen, 0, sizeof(seen));
    assert_int_equal(list_all(fixture, fd, 333, remove_it), 2 * MANY + 2);
    for (int i = 0; i < 2 * MANY; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(list_all(fixture, fd, 333, NULL), 2);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, WORKSPACE, "many"),
                     0);
    assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 100, 0, RESULT_AT),
                     WASI_ERRNO_NOENT);
}

static void any_cookie_is_answered(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "many", &fd), 0);
    const uint64_t ends[] = {5000, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(
            preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 1000, ends[i], RESULT_AT), 0);
        assert_int_equal(result_u32(fixture), 0);
    }
    /* Also the first call need not have cookie 0; back and forth is as good as forth. */
    uint64_t cookie = 1;
    for (int i = 0; i < 2000; i++) {
        cookie = (cookie * 7919 + 13) % 1000;
        assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 24, cookie, RESULT_AT),
                         0);
        if (result_u32(fixture) > 0)
            assert_true(load_u64(memory_at(fixture, BUFFER_AT)) > cookie);
    }
}

/* ---- waiting ---- */

static void files_are_always_ready(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t events = BUFFER_AT + 0x1000;
    uint32_t fd = make_file(fixture, "file", "0123456789");
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 4, WASI_WHENCE_SET, RESULT_AT), 0);
    uint8_t *subscription = memory_at(fixture, BUFFER_AT);
    memset(subscription, 0, 3 * WASI_SUBSCRIPTION_SIZE);
    subscription[8] = WASI_EVENTTYPE_FD_READ;
    store_u32(subscription + 16, fd);
    subscription[WASI_SUBSCRIPTION_SIZE + 8] = WASI_EVENTTYPE_FD_WRITE;
    store_u32(subscription + WASI_SUBSCRIPTION_SIZE + 16, fd);
    store_u64(subscription + 2 * WASI_SUBSCRIPTION_SIZE + 24, UINT64_MAX);
    assert_int_equal(preview1_poll_oneoff(fixture->host, BUFFER_AT, events, 3, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 2);
    assert_int_equal(load_u16(memory_at(fixture, events + 8)), WASI_ERRNO_SUCCESS);
    assert_int_equal(load_u64(memory_at(fixture, events + 16)), 6);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 40, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(preview1_poll_oneoff(fixture->host, BUFFER_AT, events, 1, RESULT_AT), 0);
    assert_int_equal(load_u64(memory_at(fixture, events + 16)), 0);
    store_u32(subscription + 16, TMP);
    assert_int_equal(preview1_poll_oneoff(fixture->host, BUFFER_AT, events, 1, RESULT_AT), 0);
    assert_int_equal(load_u16(memory_at(fixture, events + 8)), WASI_ERRNO_NOTCAPABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(what_was_written_is_read),
        SCRATCH_TEST(no_host_descriptor_is_used),
        SCRATCH_TEST(vectors_are_scattered_and_gathered),
        SCRATCH_TEST(positioned_transfers_leave_the_position),
        SCRATCH_TEST(absurd_offsets_are_refused),
        SCRATCH_TEST(seeking_is_as_lseek),
        SCRATCH_TEST(each_descriptor_has_its_own_position),
        SCRATCH_TEST(sizes_can_be_set),
        SCRATCH_TEST(appending_can_be_switched),
        SCRATCH_TEST(the_filestat_record_is_whole),
        SCRATCH_TEST(times_can_be_set),
        SCRATCH_TEST(times_follow_what_happens),
        SCRATCH_TEST(what_is_removed_lives_until_it_is_closed),
        SCRATCH_TEST(folders_are_not_read_or_written),
        SCRATCH_TEST(rights_are_those_of_the_descriptor),
        SCRATCH_TEST(every_entry_comes_once_whatever_the_buffer),
        SCRATCH_TEST(entries_say_what_they_are),
        SCRATCH_TEST(changing_while_listing_skips_nothing_and_ends),
        SCRATCH_TEST(any_cookie_is_answered),
        SCRATCH_TEST(files_are_always_ready),
    };
    return cmocka_run_group_tests_name("wasi_scratch_files", tests, NULL, NULL);
}
