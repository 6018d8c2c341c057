/* src/wasi/syscalls.c: the host works beneath a filter that allows what that list names and nothing
 * else, and without the marked calls a read-only preopen still works. */
#include "test_wasi_fixture.h"
#include "test_wasi_random_calls.h"

#include "wasi/syscalls.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED 1
#endif

/* The instrumentation makes system calls of its own. */
#ifndef INSTRUMENTED

static int enter_filter(enum wasi_syscall_need most)
{
    static const int beside[] = {SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap),
                                 SCMP_SYS(exit_group)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, beside[i], 0) != 0)
            return -1;
    }
    for (const struct wasi_syscall *call = wasi_syscalls; call->purpose != NULL; call++) {
        struct scmp_arg_cmp second =
            SCMP_CMP32(1, SCMP_CMP_EQ, (uint32_t)call->second, (uint32_t)0);
        if (call->need > most)
            continue;
        if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, call->second != 0 ? 1 : 0,
                                   &second) != 0)
            return -1;
    }
    return seccomp_load(filter);
}

static bool expect(uint32_t answer, uint32_t wanted)
{
    return answer == wanted;
}

static bool reading_works(struct fixture *fixture, uint32_t directory)
{
    struct wasi_host *host = fixture->host;
    uint32_t fd;
    uint32_t folder;
    char text[32];
    bool good = expect(guest_open_follow(fixture, directory, "file", 0,
                                         READ_ONLY | WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &fd),
                       0);
    good &= expect(guest_read(fixture, fd, text, sizeof(text)), 0);
    good &= strcmp(text, "0123456789") == 0;
    good &= expect(preview1_fd_pread(host, fd, VECTORS_AT, 1, 0, RESULT_AT), 0);
    good &= expect(preview1_fd_seek(host, fd, 0, 0, RESULT_AT), 0);
    good &= expect(preview1_fd_filestat_get(host, fd, RESULT_AT), 0);
    good &= expect(preview1_fd_fdstat_set_flags(host, fd, WASI_FDFLAGS_APPEND), 0);
    good &= expect(preview1_fd_sync(host, directory), 0);
    good &= expect(guest_open_directory(fixture, directory, "sub", &folder), 0);
    good &= expect(preview1_fd_readdir(host, folder, BUFFER_AT, 1000, 0, RESULT_AT), 0);
    good &= expect(guest_stat(fixture, directory, "sub/deep", true), 0);
    good &= expect(guest_readlink(fixture, directory, "link"), 0);
    good &= expect(guest_open(fixture, directory, "missing", 0, READ_ONLY, NULL), WASI_ERRNO_NOENT);
    good &= expect(guest_open(fixture, directory, "../outside", 0, READ_ONLY, NULL),
                   WASI_ERRNO_NOTCAPABLE);
    good &= expect(preview1_fd_close(host, fd), 0);
    good &= expect(preview1_fd_renumber(host, folder, 2), 0);
    return good;
}

static bool the_rest_works(struct fixture *fixture)
{
    struct wasi_host *host = fixture->host;
    bool good = true;
    for (uint32_t clock = 0; clock < 4; clock++) {
        good &= expect(preview1_clock_time_get(host, clock, 0, RESULT_AT), 0);
        good &= expect(preview1_clock_res_get(host, clock, RESULT_AT), 0);
    }
    good &= expect(preview1_random_get(host, BUFFER_AT, 100), 0);
    good &= expect(preview1_sched_yield(host), 0);
    good &= expect(guest_write(fixture, 1, "x"), 0);
    good &= expect(preview1_fd_fdstat_set_flags(host, 0, WASI_FDFLAGS_NONBLOCK), 0);
    good &= expect(preview1_fd_read(host, 0, VECTORS_AT, 1, RESULT_AT), WASI_ERRNO_AGAIN);
    for (uint32_t fd = 0; fd < 2; fd++)
        good &= expect(preview1_fd_filestat_get(host, fd, RESULT_AT), 0);
    /* A clock of 1 ms, and standard output for writing. */
    uint8_t *subscription = memory_at(fixture, BUFFER_AT);
    memset(subscription, 0, WASI_SUBSCRIPTION_SIZE);
    store_u32(subscription + 16, WASI_CLOCKID_MONOTONIC);
    store_u64(subscription + 24, 1000000);
    good &= expect(preview1_poll_oneoff(host, BUFFER_AT, BUFFER_AT + 0x1000, 1, RESULT_AT), 0);
    subscription[8] = WASI_EVENTTYPE_FD_WRITE;
    store_u32(subscription + 16, 1);
    good &= expect(preview1_poll_oneoff(host, BUFFER_AT, BUFFER_AT + 0x1000, 1, RESULT_AT), 0);
    return good;
}

static bool changing_works(struct fixture *fixture)
{
    struct wasi_host *host = fixture->host;
    uint32_t fd;
    bool good = expect(guest_open(fixture, RW, "new", WASI_OFLAGS_CREAT, READ_WRITE, &fd), 0);
    good &= expect(guest_write(fixture, fd, "x"), 0);
    good &= expect(preview1_fd_pwrite(host, fd, VECTORS_AT, 1, 0, RESULT_AT), 0);
    good &= expect(preview1_fd_filestat_set_size(host, fd, 10), 0);
    uint32_t allocated = preview1_fd_allocate(host, fd, 0, 20);
    good &= allocated == WASI_ERRNO_SUCCESS || allocated == WASI_ERRNO_NOTSUP;
    good &= expect(preview1_fd_datasync(host, fd), 0);
    good &= expect(preview1_fd_advise(host, fd, 0, 1, 0), 0);
    good &= expect(preview1_fd_fdstat_set_flags(host, fd, WASI_FDFLAGS_APPEND), 0);
    good &= expect(preview1_fd_filestat_set_times(host, fd, 1, 1, WASI_FSTFLAGS_MTIM), 0);
    uint32_t size = put_text(fixture, PATH_AT, "new");
    good &= expect(
        preview1_path_filestat_set_times(host, RW, 0, PATH_AT, size, 1, 1, WASI_FSTFLAGS_MTIM), 0);
    good &= expect(guest_path_call(fixture, preview1_path_create_directory, RW, "folder"), 0);
    good &= expect(guest_rename(fixture, RW, "new", RW, "folder/new"), 0);
    good &= expect(guest_link(fixture, RW, "folder/new", RW, "hard"), 0);
    good &= expect(guest_symlink(fixture, "hard", RW, "soft"), 0);
    good &= expect(guest_path_call(fixture, preview1_path_unlink_file, RW, "folder/new"), 0);
    good &= expect(guest_path_call(fixture, preview1_path_remove_directory, RW, "folder"), 0);
    return good;
}

static int beneath_filter(struct fixture *fixture, enum wasi_syscall_need most)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (enter_filter(most) != 0)
            _exit(100);
        if (most >= WASI_SYSCALL_FOLDER && !reading_works(fixture, RO))
            _exit(1);
        if (most >= WASI_SYSCALL_WRITABLE_FOLDER && !changing_works(fixture))
            _exit(2);
        _exit(the_rest_works(fixture) ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void the_listed_calls_are_enough(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "file", "ro/link");
    assert_int_equal(beneath_filter(fixture, WASI_SYSCALL_WRITABLE_FOLDER), 0);
}

static void reading_needs_no_call_that_changes_files(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "file", "ro/link");
    assert_int_equal(beneath_filter(fixture, WASI_SYSCALL_FOLDER), 0);
}

static void standard_descriptors_need_no_call_that_takes_a_path(void **state)
{
    assert_int_equal(beneath_filter(*state, WASI_SYSCALL_ALWAYS), 0);
}

#define HOSTS 400
#define SCRATCH_SIZE (UINT64_C(512) << 20)

/* A host with nothing that could wait and only a read-only preopen, or only scratch. */
static struct wasi_host *make_quiet_host(struct fixture *fixture, int null, int output, bool folder)
{
    struct error error = ERROR_NONE;
    struct wasi_host *host = wasi_host_new(&fixture->memory);
    int preopen = openat(fixture->folder_fd, "ro", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host == NULL || wasi_host_set_standard(host, 0, null, &error) != 0 ||
        wasi_host_set_standard(host, 1, output, &error) != 0 ||
        wasi_host_set_standard(host, 2, null, &error) != 0 ||
        (folder ? wasi_host_add_preopen(host, preopen, "/ro", false, &error)
                : wasi_host_add_scratch(host, SCRATCH_SIZE, &error)) != 0)
        _exit(100);
    return host;
}

static _Noreturn void make_random_calls(struct fixture *fixture, int null, int output, bool folder)
{
    static struct wasi_host *hosts[HOSTS];
    static uint8_t bytes[400];
    static uint32_t seed = 1;
    for (int i = 0; i < HOSTS; i++)
        hosts[i] = make_quiet_host(fixture, null, output, folder);
    if (enter_filter(folder ? WASI_SYSCALL_FOLDER : WASI_SYSCALL_ALWAYS) != 0)
        _exit(101);
    for (volatile int i = 0; i < HOSTS; i++) {
        for (size_t b = 0; b < sizeof(bytes); b++) {
            seed = seed * 1103515245u + 12345u;
            bytes[b] = (uint8_t)(seed >> 16);
        }
        if (setjmp(exit_target) == 0)
            random_calls_run(hosts[i], &fixture->memory, bytes, sizeof(bytes));
        wasi_host_free(hosts[i]);
    }
    _exit(0);
}

/* Whatever a guest asks for: the filter of a read-only preopen kills no one, nor that of none. */
static void no_request_leads_to_another_call(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "file", "ro/link");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int output = openat(fixture->folder_fd, "outside/secret", O_RDWR | O_CLOEXEC);
    fixture->memory.limit = UINT64_MAX;
    for (int folder = 0; folder < 2; folder++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            make_random_calls(fixture, null, output, folder != 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    (void)close(null);
    (void)close(output);
    host_check_content(fixture, "ro/file", "0123456789");
}

/* ---- scratch ---- */

/* So many that the table of names is larger than what the C library takes from its heap. */
#define NODES 30000

static struct wasi_host *make_scratch_host(struct linear_memory *memory)
{
    struct error error = ERROR_NONE;
    struct wasi_host *host = wasi_host_new(memory);
    assert_non_null(host);
    assert_int_equal(wasi_host_add_scratch(host, SCRATCH_SIZE, &error), 0);
    return host;
}

/* A large file, one with a large index, many names; then all are changed and removed again. */
static bool scratch_works(struct fixture *fixture, uint32_t top)
{
    struct wasi_host *host = fixture->host;
    uint32_t fd;
    bool good = expect(guest_open(fixture, top, "file", WASI_OFLAGS_CREAT, READ_WRITE, &fd), 0);
    put_vector(fixture, 0, 0, MEMORY_SIZE);
    for (uint64_t at = 0; at < 100; at++)
        good &= expect(preview1_fd_pwrite(host, fd, VECTORS_AT, 1, at * MEMORY_SIZE, RESULT_AT), 0);
    good &= expect(preview1_fd_allocate(host, fd, 0, 200 * MEMORY_SIZE), 0);
    good &= expect(preview1_fd_pread(host, fd, VECTORS_AT, 1, 0, RESULT_AT), 0);
    put_vector(fixture, 0, 0, 1);
    for (uint64_t size = 1 << 20; size < WASI_SCRATCH_FILE_MAX; size *= 2)
        good &= expect(preview1_fd_pwrite(host, fd, VECTORS_AT, 1, size, RESULT_AT), 0);
    good &= expect(preview1_fd_sync(host, fd), 0);
    good &= expect(preview1_fd_fdstat_set_flags(host, fd, WASI_FDFLAGS_APPEND), 0);
    good &= expect(preview1_fd_filestat_set_times(host, fd, 1, 1, WASI_FSTFLAGS_MTIM), 0);
    good &= expect(preview1_fd_filestat_get(host, fd, RESULT_AT), 0);
    for (int i = 0; i < NODES; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "d%d", i);
        good &= expect(guest_path_call(fixture, preview1_path_create_directory, top, path), 0);
    }
    good &= expect(preview1_fd_readdir(host, top, BUFFER_AT, 1000, 0, RESULT_AT), 0);
    good &= expect(guest_rename(fixture, top, "d1", top, "d2"), 0);
    good &= expect(guest_path_call(fixture, preview1_path_remove_directory, top, "d2"), 0);
    return good;
}

static int read_file(void *argument, const char *path, size_t path_size, uint64_t size,
                     const struct scratch_node *file)
{
    char bytes[16];
    (void)path;
    (void)path_size;
    (void)size;
    *(size_t *)argument += wasi_scratch_read(file, 0, bytes, sizeof(bytes));
    return 0;
}

static bool owner_works(struct wasi_host *host, struct wasi_host *fresh)
{
    static const char bytes[1 << 20];
    struct error error = ERROR_NONE;
    struct buffer state = BUFFER_EMPTY;
    size_t read = 0;
    bool good = wasi_host_scratch_put(host, "a/b/c", 5, bytes, sizeof(bytes), &error) == 0;
    good &= wasi_host_scratch_visit_changed(host, read_file, &read) == 0 && read > 0;
    wasi_host_scratch_mark(host);
    good &= wasi_host_save(host, &state, &error) == 0;
    good &= wasi_host_restore(fresh, state.data, state.size, &error) == 0;
    buffer_free(&state);
    wasi_host_free(host);
    wasi_host_free(fresh);
    return good;
}

/* Nothing that scratch does needs a call that is not on the list, nor one that takes a path. */
static void scratch_needs_no_call_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct linear_memory other = {.limit = UINT64_MAX};
    struct wasi_host *former = fixture->host;
    fixture->memory.limit = UINT64_MAX;
    struct wasi_host *host = make_scratch_host(&fixture->memory);
    struct wasi_host *fresh = make_scratch_host(&other);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fixture->host = host;
        if (enter_filter(WASI_SYSCALL_ALWAYS) != 0)
            _exit(100);
        if (!scratch_works(fixture, 3) || !scratch_works(fixture, 4))
            _exit(1);
        _exit(owner_works(host, fresh) ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture->host = former;
    wasi_host_free(host);
    wasi_host_free(fresh);
}

#endif

static void no_call_makes_a_process_or_a_socket(void **state)
{
    (void)state;
    static const int never[] = {SYS_clone,   SYS_clone3,  SYS_execve,   SYS_execveat, SYS_socket,
                                SYS_kill,    SYS_tgkill,  SYS_ptrace,   SYS_openat,   SYS_mount,
                                SYS_unshare, SYS_connect, SYS_mprotect, SYS_prctl};
    size_t count = 0;
    for (const struct wasi_syscall *call = wasi_syscalls; call->purpose != NULL; call++, count++) {
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
            assert_int_not_equal(call->number, never[i]);
        assert_true(strlen(call->purpose) > 0);
    }
    assert_in_range(count, 20, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef INSTRUMENTED
        WASI_TEST(the_listed_calls_are_enough),
        WASI_TEST(reading_needs_no_call_that_changes_files),
        WASI_TEST(standard_descriptors_need_no_call_that_takes_a_path),
        WASI_TEST(no_request_leads_to_another_call),
        WASI_TEST(scratch_needs_no_call_of_its_own),
#endif
        cmocka_unit_test(no_call_makes_a_process_or_a_socket),
    };
    return cmocka_run_group_tests_name("wasi_syscalls", tests, NULL, NULL);
}
