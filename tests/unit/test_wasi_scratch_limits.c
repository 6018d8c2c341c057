/* src/wasi/scratch_*.c: what scratch may take, read-only scratch, the guest's stack, and the
 * kernel's filter. */
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>

#define CREATE WASI_OFLAGS_CREAT
#define MIB (UINT64_C(1) << 20)

static uint32_t open_new(struct fixture *fixture, const char *path, uint32_t *fd)
{
    return guest_open(fixture, WORKSPACE, path, CREATE, READ_WRITE, fd);
}

/* Writes `size` bytes at `offset`; returns the answer, how much was written is the result. */
static uint32_t write_at(struct fixture *fixture, uint32_t fd, uint64_t offset, uint32_t size)
{
    put_vector(fixture, 0, 0, size);
    return preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, offset, RESULT_AT);
}

/* Writes until nothing more can be written; returns how much was. */
static uint64_t fill(struct fixture *fixture, uint32_t fd)
{
    uint64_t written = 0;
    uint32_t answer;
    while ((answer = write_at(fixture, fd, written, 100000)) == 0) {
        assert_int_not_equal(result_u32(fixture), 0);
        written += result_u32(fixture);
    }
    assert_int_equal(answer, WASI_ERRNO_NOSPC);
    return written;
}

static void the_scratch_limit_holds(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    uint32_t other;
    assert_int_equal(open_new(fixture, "file", &fd), 0);
    uint64_t written = fill(fixture, fd);
    assert_true(written <= SCRATCH_LIMIT && written > SCRATCH_LIMIT - SCRATCH_LIMIT / 64);
    assert_true(fixture->memory.charged <= SCRATCH_LIMIT);
    assert_int_equal(open_new(fixture, "other", &other), 0);
    assert_int_equal(write_at(fixture, other, 0, 1), WASI_ERRNO_NOSPC);
    assert_int_equal(write_at(fixture, other, 0, 0), 0);
    assert_int_equal(preview1_fd_allocate(fixture->host, other, 0, 10), WASI_ERRNO_NOSPC);
    /* Overwriting needs nothing, and deleting gives back. */
    assert_int_equal(write_at(fixture, fd, 0, 100000), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, written / 2), 0);
    assert_int_equal(write_at(fixture, other, 0, 100000), 0);
    assert_int_equal(result_u32(fixture), 100000);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "file"), 0);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "other"), 0);
    assert_int_equal(preview1_fd_close(fixture->host, other), 0);
    assert_int_equal(open_new(fixture, "file", &fd), 0);
    assert_int_equal(fill(fixture, fd), written);
}

static void empty_files_and_folders_are_counted(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_set_scratch_limit(fixture->host, MIB);
    char path[32];
    uint32_t made = 0;
    uint32_t answer;
    do {
        (void)snprintf(path, sizeof(path), "%u", made);
        answer = made % 2 == 0 ? guest_path_call(fixture, preview1_path_create_directory, TMP, path)
                               : open_new(fixture, path, NULL);
        if (answer == 0 && made % 2 != 0)
            assert_int_equal(preview1_fd_close(fixture->host, result_u32(fixture)), 0);
        made++;
    } while (answer == WASI_ERRNO_SUCCESS);
    assert_int_equal(answer, WASI_ERRNO_NOSPC);
    assert_in_range(made, 1000, 2100);
    /* Names that are there can still be changed. */
    assert_int_equal(guest_rename(fixture, TMP, "0", WORKSPACE, "a much longer name"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, TMP, "2"),
                     WASI_ERRNO_EXIST);
}

static void the_number_of_nodes_is_limited(void **state)
{
    struct fixture *fixture = *state;
    char path[32];
    uint32_t made = 0;
    uint32_t answer = 0;
    wasi_host_set_scratch_limit(fixture->host, UINT64_MAX);
    while (answer == WASI_ERRNO_SUCCESS) {
        (void)snprintf(path, sizeof(path), "%u", made);
        answer = guest_path_call(fixture, preview1_path_create_directory, TMP, path);
        made += answer == WASI_ERRNO_SUCCESS;
    }
    assert_int_equal(answer, WASI_ERRNO_NOSPC);
    assert_int_equal(made, WASI_SCRATCH_NODES_MAX - 2);
}

static void the_memory_limit_holds_for_both_together(void **state)
{
    struct fixture *fixture = *state;
    struct linear_memory *memory = &fixture->memory;
    uint32_t fd;
    memory->maximum = UINT64_C(4096) << 20;
    linear_memory_set_limit(memory, memory->size + MIB);
    assert_int_equal(open_new(fixture, "file", &fd), 0);
    uint64_t written = fill(fixture, fd);
    assert_true(written < MIB && written > MIB - MIB / 32);
    assert_true(memory->size + memory->charged <= memory->limit);
    assert_false(memory->growth_refused);
    assert_int_equal(linear_memory_grow(memory, 1), UINT32_MAX);
    assert_true(memory->growth_refused);
    linear_memory_set_limit(memory, memory->size + memory->charged);
    assert_int_equal(open_new(fixture, "other", NULL), WASI_ERRNO_NOSPC);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0), 0);
    linear_memory_set_limit(memory, memory->size + memory->charged + 3 * 4096);
    assert_true(fill(fixture, fd) <= 3 * 4096);
}

static void a_lower_limit_forbids_only_more(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(open_new(fixture, "file", &fd), 0);
    assert_int_equal(write_at(fixture, fd, 0, 100000), 0);
    wasi_host_set_scratch_limit(fixture->host, 1);
    assert_int_equal(write_at(fixture, fd, 200000, 1), WASI_ERRNO_NOSPC);
    assert_int_equal(write_at(fixture, fd, 0, 100000), 0);
    assert_int_equal(open_new(fixture, "other", NULL), WASI_ERRNO_NOSPC);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 10), 0);
    wasi_host_set_scratch_limit(fixture->host, SCRATCH_LIMIT);
    assert_int_equal(write_at(fixture, fd, 200000, 1), 0);
}

static void sparse_files_are_no_bombs(void **state)
{
    struct fixture *fixture = *state;
    char path[32];
    uint32_t fd;
    uint64_t charged = fixture->memory.charged;
    /* A size alone takes nothing. */
    for (int i = 0; i < 100; i++) {
        (void)snprintf(path, sizeof(path), "%d", i);
        assert_int_equal(open_new(fixture, path, &fd), 0);
        assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, WASI_SCRATCH_FILE_MAX),
                         0);
        assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    }
    assert_true(fixture->memory.charged - charged <= 100 * 1024);
    /* A block far out takes its index, and that is counted. */
    uint32_t made = 0;
    for (; made < 100; made++) {
        (void)snprintf(path, sizeof(path), "far%u", made);
        assert_int_equal(open_new(fixture, path, &fd), 0);
        if (write_at(fixture, fd, WASI_SCRATCH_FILE_MAX - 1, 1) != 0)
            break;
    }
    assert_in_range(made, 1, 4);
    assert_true(fixture->memory.charged <= SCRATCH_LIMIT);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, WASI_SCRATCH_FILE_MAX),
                     WASI_ERRNO_NOSPC);
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 32)), 0);
}

static void fifty_thousand_files_are_quick(void **state)
{
    struct fixture *fixture = *state;
    struct timespec start;
    struct timespec end;
    char path[32];
    uint32_t fd;
    wasi_host_set_scratch_limit(fixture->host, UINT64_MAX);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < 50000; i++) {
        (void)snprintf(path, sizeof(path), "file-%d", i);
        assert_int_equal(open_new(fixture, path, &fd), 0);
        assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    print_message("# 50000 files opened with creat and closed in %.3f s\n", seconds);
    assert_true(seconds < 20);
}

static void a_grant_that_cannot_be_made_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    fixture->memory.limit = fixture->memory.size + 600;
    assert_int_equal(wasi_host_add_scratch(fixture->host, SCRATCH_LIMIT, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    assert_int_equal(fixture->memory.charged, 0);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, TMP, RESULT_AT), WASI_ERRNO_BADF);
}

static void a_grant_needs_two_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    struct rlimit limit;
    uint32_t fd = 0;
    fixture->memory.limit = MEMORY_LIMIT;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < WASI_DESCRIPTORS_MAX + 100) {
        print_message("# skipped: this user may not open as many descriptors as a guest\n");
        skip();
    }
    const struct rlimit enough = {.rlim_cur = WASI_DESCRIPTORS_MAX + 100,
                                  .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
    while (fd < WASI_DESCRIPTORS_MAX - 2)
        assert_int_equal(guest_open(fixture, RW, "sub", 0, 0, &fd), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(wasi_host_add_scratch(fixture->host, SCRATCH_LIMIT, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_int_equal(fixture->memory.charged, 0);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, fd + 1, RESULT_AT), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_close(fixture->host, TMP), 0);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_add_scratch(fixture->host, SCRATCH_LIMIT, &error), 0);
    assert_int_equal(preview1_fd_prestat_get(fixture->host, TMP, RESULT_AT), 0);
}

/* ---- read-only scratch ---- */

static uint32_t change(struct fixture *fixture, uint32_t fd, int what)
{
    uint32_t size;
    switch (what) {
    case 0:
        return open_new(fixture, "new", NULL);
    case 1:
        return guest_open(fixture, WORKSPACE, "file", WASI_OFLAGS_TRUNC, WASI_RIGHT_FD_READ, NULL);
    case 2:
        return guest_open(fixture, WORKSPACE, "file", 0, READ_WRITE, NULL);
    case 3:
        return guest_open(fixture, WORKSPACE, "file", CREATE, WASI_RIGHT_FD_READ, NULL);
    case 4:
        return guest_path_call(fixture, preview1_path_create_directory, WORKSPACE, "folder");
    case 5:
        return guest_rename(fixture, WORKSPACE, "file", TMP, "renamed");
    case 6:
        return guest_rename(fixture, TMP, "renamed", WORKSPACE, "file");
    case 7:
        size = put_text(fixture, PATH_AT, "file");
        return preview1_path_filestat_set_times(fixture->host, WORKSPACE, 0, PATH_AT, size, 1, 1,
                                                WASI_FSTFLAGS_MTIM);
    case 8:
        return preview1_fd_filestat_set_times(fixture->host, fd, 1, 1, WASI_FSTFLAGS_MTIM);
    case 9:
        return preview1_fd_filestat_set_times(fixture->host, TMP, 1, 1, WASI_FSTFLAGS_MTIM);
    case 10:
        return write_at(fixture, fd, 0, 4);
    case 11:
        return guest_write(fixture, fd, "x");
    case 12:
        return preview1_fd_filestat_set_size(fixture->host, fd, 0);
    case 13:
        return preview1_fd_allocate(fixture->host, fd, 0, 1000);
    case 14:
        return guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "sub/deep");
    case 15:
        return guest_path_call(fixture, preview1_path_remove_directory, WORKSPACE, "sub");
    default:
        return UINT32_MAX;
    }
}

#define CHANGES 16

static void with_a_limit_of_0_it_is_read_only(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[16];
    struct error error = ERROR_NONE;
    wasi_host_set_scratch_limit(fixture->host, 0);
    assert_int_equal(wasi_host_scratch_put(fixture->host, "file", 4, "0123456789", 10, &error), 0);
    assert_int_equal(wasi_host_scratch_put(fixture->host, "sub/deep", 8, "deep", 4, &error), 0);
    wasi_host_set_scratch_limit(fixture->host, SCRATCH_LIMIT);
    assert_int_equal(guest_open(fixture, WORKSPACE, "file", 0, READ_WRITE, &fd), 0);
    wasi_host_set_scratch_limit(fixture->host, 0);
    uint64_t charged = fixture->memory.charged;
    for (int what = 0; what < CHANGES; what++) {
        uint32_t answer = change(fixture, fd, what);
        if (answer != WASI_ERRNO_ROFS)
            fail_msg("change %d of read-only scratch answers %u, not rofs", what, answer);
    }
    assert_int_equal(guest_symlink(fixture, "file", TMP, "link"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_link(fixture, WORKSPACE, "file", TMP, "link"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_rename(fixture, WORKSPACE, "file", RW, "stolen"), WASI_ERRNO_ROFS);
    assert_int_equal(fixture->memory.charged, charged);
    /* What is there is answered as ever. */
    assert_int_equal(guest_open(fixture, WORKSPACE, "missing", 0, READ_WRITE, NULL),
                     WASI_ERRNO_NOENT);
    assert_int_equal(guest_open(fixture, WORKSPACE, "sub", 0, READ_WRITE, NULL), WASI_ERRNO_ISDIR);
    assert_int_equal(
        guest_open(fixture, WORKSPACE, "file", CREATE | WASI_OFLAGS_EXCL, READ_WRITE, NULL),
        WASI_ERRNO_EXIST);
    assert_int_equal(guest_open(fixture, WORKSPACE, "../x", CREATE, READ_WRITE, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "0123456789");
    assert_int_equal(preview1_fd_readdir(fixture->host, TMP, BUFFER_AT, 100, 0, RESULT_AT), 0);
    /* The same changes succeed when it is writable. */
    wasi_host_set_scratch_limit(fixture->host, SCRATCH_LIMIT);
    for (int what = 0; what < CHANGES; what++) {
        uint32_t answer = change(fixture, fd, what);
        if (answer != WASI_ERRNO_SUCCESS)
            fail_msg("change %d of writable scratch answers %u", what, answer);
    }
}

/* ---- the guest's stack ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_IS_INSTRUMENTED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define STACK_IS_INSTRUMENTED 1
#endif

#ifndef STACK_IS_INSTRUMENTED
#define STACK_SIZE ((size_t)256 << 10)
#define STACK_USE_MAX 4096u

static ucontext_t back;
static struct fixture *stack_fixture;

static void call_everything(void)
{
    struct fixture *fixture = stack_fixture;
    uint32_t fd = SCRATCH_NEXT_FD;
    for (int what = 0; what < CHANGES; what++)
        (void)change(fixture, fd, what);
    (void)guest_read(fixture, fd, (char *)memory_at(fixture, 0x10000), 16);
    (void)preview1_fd_filestat_get(fixture->host, fd, RESULT_AT);
    (void)guest_stat(fixture, WORKSPACE, "sub/../file", false);
    (void)preview1_fd_readdir(fixture->host, WORKSPACE, BUFFER_AT, 1000, 0, RESULT_AT);
    (void)preview1_fd_seek(fixture->host, fd, 0, 2, RESULT_AT);
    (void)guest_open(fixture, WORKSPACE, "another", CREATE, READ_WRITE, NULL);
    (void)preview1_fd_renumber(fixture->host, fd, TMP);
    (void)preview1_fd_close(fixture->host, TMP);
}

/* The functions run on the guest's stack: what the guest leaves free there must be enough. */
static void little_of_the_stack_is_used(void **state)
{
    stack_fixture = *state;
    uint32_t fd;
    assert_int_equal(open_new(stack_fixture, "file", &fd), 0);
    assert_int_equal(fd, SCRATCH_NEXT_FD);
    uint8_t *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stack, MAP_FAILED);
    memset(stack, 0xA5, STACK_SIZE);
    ucontext_t context;
    assert_int_equal(getcontext(&context), 0);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK_SIZE;
    context.uc_link = &back;
    makecontext(&context, call_everything, 0);
    assert_int_equal(swapcontext(&back, &context), 0);
    size_t unused = 0;
    while (unused < STACK_SIZE && stack[unused] == 0xA5)
        unused++;
    assert_in_range(STACK_SIZE - unused, 200, STACK_USE_MAX);
    (void)munmap(stack, STACK_SIZE);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_scratch_limit_holds),
        SCRATCH_TEST(empty_files_and_folders_are_counted),
        SCRATCH_TEST(the_number_of_nodes_is_limited),
        SCRATCH_TEST(the_memory_limit_holds_for_both_together),
        SCRATCH_TEST(a_lower_limit_forbids_only_more),
        SCRATCH_TEST(sparse_files_are_no_bombs),
        SCRATCH_TEST(fifty_thousand_files_are_quick),
        WASI_TEST(a_grant_that_cannot_be_made_leaves_nothing),
        WASI_TEST(a_grant_needs_two_numbers),
        SCRATCH_TEST(with_a_limit_of_0_it_is_read_only),
#ifndef STACK_IS_INSTRUMENTED
        SCRATCH_TEST(little_of_the_stack_is_used),
#endif
    };
    return cmocka_run_group_tests_name("wasi_scratch_limits", tests, NULL, NULL);
}
