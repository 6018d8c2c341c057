/* src/wasi/scratch_*.c, src/wasi/host_*.c: the C library gives no memory at any one moment.
 * Whatever fails then has changed nothing. */
#include "test_scratch_check.h"
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATE WASI_OFLAGS_CREAT

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* Allocations until the one that fails; 0 when none shall. */
static int until_failure;
static bool has_failed;

static bool fails_now(void)
{
    if (until_failure == 0 || --until_failure > 0)
        return false;
    has_failed = true;
    return true;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

static void check(struct fixture *fixture, uint32_t answer)
{
    int former = until_failure;
    until_failure = 0;
    const char *wrong = scratch_check(fixture->host);
    if (wrong != NULL)
        fail_msg("%s is wrong", wrong);
    assert_true(answer == WASI_ERRNO_SUCCESS || answer == WASI_ERRNO_NOMEM);
    assert_true(answer == WASI_ERRNO_SUCCESS || has_failed);
    until_failure = former;
}

static uint32_t write_at(struct fixture *fixture, uint32_t fd, uint64_t offset, uint32_t size)
{
    put_vector(fixture, 0, 0, size);
    uint32_t answer = preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, offset, RESULT_AT);
    if (answer == WASI_ERRNO_SUCCESS && result_u32(fixture) < size)
        assert_true(has_failed);
    return answer;
}

/* One of everything that allocates. */
static void use_guest(struct fixture *fixture)
{
    char path[16];
    uint32_t fd;
    uint32_t answer = guest_open(fixture, TMP, "file", CREATE, READ_WRITE, &fd);
    check(fixture, answer);
    if (answer == WASI_ERRNO_SUCCESS) {
        check(fixture, write_at(fixture, fd, 0, 10000));
        check(fixture, write_at(fixture, fd, UINT64_C(1) << 20, 1));
        check(fixture, preview1_fd_allocate(fixture->host, fd, 0, 30000));
        check(fixture, preview1_fd_filestat_set_size(fixture->host, fd, 100));
    }
    for (int i = 0; i < 80; i++) {
        (void)snprintf(path, sizeof(path), "d%d", i);
        check(fixture, guest_path_call(fixture, preview1_path_create_directory, WORKSPACE, path));
    }
    answer = guest_open(fixture, RW, "file", 0, READ_ONLY, NULL);
    check(fixture, answer);
}

static void use_owner(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer state = BUFFER_EMPTY;
    if (wasi_host_scratch_put(fixture->host, "a/b", 3, "content", 7, &error) != 0) {
        assert_true(has_failed);
        assert_int_equal(error.kind, ERROR_INTERNAL);
    }
    check(fixture, WASI_ERRNO_SUCCESS);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_save(fixture->host, &state, &error), 0);
    int former = until_failure;
    until_failure = 0;
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    until_failure = former;
    if (wasi_host_restore(fixture->host, state.data, state.size, &error) != 0) {
        assert_true(has_failed);
        assert_int_equal(error.kind, ERROR_INTERNAL);
    } else {
        check(fixture, WASI_ERRNO_SUCCESS);
    }
}

static void a_shortage_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    int failures = 0;
    do {
        wasi_host_free(fixture->host);
        fixture->host = scratch_fresh_host(fixture);
        has_failed = false;
        until_failure = ++failures;
        use_guest(fixture);
        use_owner(fixture);
        until_failure = 0;
    } while (has_failed);
    assert_true(failures > 150);
    int descriptors = open_descriptor_count();
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    assert_in_range(descriptors - open_descriptor_count(), 0, 1);
}

static void scratch_itself_may_not_be_had(void **state)
{
    struct fixture *fixture = *state;
    uint64_t charged = fixture->memory.charged;
    int failures = 0;
    int result;
    do {
        struct error error = ERROR_NONE;
        struct wasi_host *host = wasi_host_new(&fixture->memory);
        until_failure = ++failures;
        result = wasi_host_add_scratch(host, SCRATCH_LIMIT, &error);
        until_failure = 0;
        assert_true(result == 0 || error.kind == ERROR_INTERNAL ||
                    error.kind == ERROR_MEMORY_LIMIT);
        wasi_host_free(host);
        assert_int_equal(fixture->memory.charged, charged);
    } while (result != 0);
    assert_true(failures > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_shortage_changes_nothing),
        SCRATCH_TEST(scratch_itself_may_not_be_had),
    };
    return cmocka_run_group_tests_name("wasi_scratch_shortage", tests, NULL, NULL);
}
