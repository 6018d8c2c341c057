/* src/sandbox/run_request.c */
#include "sandbox/run_request.h"

#include "shannon_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const arguments[] = {"main.py", "one", ""};
static const char *const variables[] = {"A=1"};
static const struct execution_request example = {
    .code = "print(1)\0x",
    .code_size = 10,
    .filename = "main.py",
    .arguments = arguments,
    .argument_count = 3,
    .variables = variables,
    .variable_count = 1,
    .timeout_ms = 1500,
    .memory_limit_bytes = (uint64_t)5 << 32,
};

struct visit {
    uint32_t kinds[16];
    size_t sizes[16];
    char bytes[16][32];
    size_t count;
};

static int remember(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct visit *visit = argument;
    assert_true(visit->count < 16 && size < 32);
    visit->kinds[visit->count] = kind;
    visit->sizes[visit->count] = size;
    memcpy(visit->bytes[visit->count++], bytes, size);
    return 0;
}

static void what_is_written_is_read(void **state)
{
    static const uint32_t kinds[] = {SHANNON_REQUEST_FLAGS,      SHANNON_REQUEST_CODE,
                                     SHANNON_REQUEST_FILENAME,   SHANNON_REQUEST_ARGUMENT,
                                     SHANNON_REQUEST_ARGUMENT,   SHANNON_REQUEST_ARGUMENT,
                                     SHANNON_REQUEST_ENVIRONMENT};
    struct error error = ERROR_NONE;
    struct run_request request;
    struct visit visit = {0};
    (void)state;
    int fd = run_request_write(&example, RUN_REQUEST_PYTHON, SHANNON_RUN_FINAL, &error);
    assert_true(fd >= 0);
    assert_int_equal(run_request_read(fd, &request, &error), 0);
    (void)close(fd); /* the mapping stays */
    assert_int_equal(request.head.timeout_ms, 1500);
    assert_int_equal(request.head.memory_limit_bytes, (uint64_t)5 << 32);
    assert_int_equal(request.head.kind, RUN_REQUEST_PYTHON);
    assert_int_equal(run_request_visit(&request, remember, &visit), 0);
    assert_int_equal(visit.count, 7);
    assert_memory_equal(visit.kinds, kinds, sizeof(kinds));
    assert_int_equal(visit.sizes[1], 10);
    assert_memory_equal(visit.bytes[1], "print(1)\0x", 10);
    assert_int_equal(visit.sizes[5], 0);
    assert_memory_equal(visit.bytes[6], "A=1", 3);
}

static int stop_at_second(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    size_t *count = argument;
    (void)kind;
    (void)bytes;
    (void)size;
    return ++*count == 2 ? 77 : 0;
}

static void a_visitor_can_stop(void **state)
{
    struct error error = ERROR_NONE;
    struct run_request request;
    size_t count = 0;
    (void)state;
    int fd = run_request_write(&example, RUN_REQUEST_COMMAND, 0, &error);
    assert_int_equal(run_request_read(fd, &request, &error), 0);
    assert_int_equal(run_request_visit(&request, stop_at_second, &count), 77);
    assert_int_equal(count, 2);
    (void)close(fd);
}

/* Whoever holds the descriptor cannot change what was checked. */
static void the_file_is_sealed(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    int files[] = {run_request_write(&example, RUN_REQUEST_PYTHON, 0, &error),
                   run_request_bytes_file("input", 5, &error)};
    for (size_t i = 0; i < 2; i++) {
        assert_true(files[i] >= 0);
        assert_int_equal(write(files[i], "x", 1), -1);
        assert_int_equal(ftruncate(files[i], 0), -1);
        assert_int_equal(ftruncate(files[i], 1 << 20), -1);
        assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, files[i], 0),
                         MAP_FAILED);
        assert_int_equal(fcntl(files[i], F_ADD_SEALS, 0), -1);
        assert_true((fcntl(files[i], F_GETFD) & FD_CLOEXEC) != 0);
        (void)close(files[i]);
    }
}

static void input_is_at_its_start_and_ends(void **state)
{
    struct error error = ERROR_NONE;
    char bytes[16];
    (void)state;
    int fd = run_request_bytes_file("in\0put", 6, &error);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "in\0put", 6);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
    (void)close(fd);
    fd = run_request_bytes_file(NULL, 0, &error);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
    (void)close(fd);
}

static void too_much_is_refused(void **state)
{
    struct execution_request request = example;
    struct error error = ERROR_NONE;
    size_t size = ((size_t)64 << 20) + 1;
    char *code = calloc(1, size);
    (void)state;
    assert_non_null(code);
    request.code = code;
    request.code_size = size;
    assert_int_equal(run_request_write(&request, RUN_REQUEST_PYTHON, 0, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    error = ERROR_NONE;
    request.code_size = size - 10; /* fits by itself, but not with the rest */
    assert_int_equal(run_request_write(&request, RUN_REQUEST_PYTHON, 0, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    free(code);
}

/* A copy of a request's file with one change. */
static int damaged(size_t size, size_t position, uint8_t mask)
{
    struct error error = ERROR_NONE;
    struct stat status;
    int good = run_request_write(&example, RUN_REQUEST_PYTHON, 0, &error);
    assert_int_equal(fstat(good, &status), 0);
    uint8_t *bytes = calloc(1, (size_t)status.st_size + 8);
    assert_non_null(bytes);
    assert_int_equal(read(good, bytes, (size_t)status.st_size), status.st_size);
    (void)close(good);
    if (size == SIZE_MAX)
        size = (size_t)status.st_size;
    bytes[position] ^= mask;
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    free(bytes);
    return fd;
}

static void a_damaged_request_is_refused_or_visited_safely(void **state)
{
    struct error error = ERROR_NONE;
    struct run_request request;
    struct stat status;
    (void)state;
    int good = run_request_write(&example, RUN_REQUEST_PYTHON, 0, &error);
    assert_int_equal(fstat(good, &status), 0);
    (void)close(good);
    for (size_t size = 0; size < (size_t)status.st_size; size++) {
        int fd = damaged(size, 0, 0);
        error = ERROR_NONE;
        assert_int_equal(run_request_read(fd, &request, &error), -1);
        (void)close(fd);
    }
    for (size_t position = 0; position < (size_t)status.st_size; position++) {
        int fd = damaged(SIZE_MAX, position, 0x80);
        size_t count = 0;
        error = ERROR_NONE;
        if (run_request_read(fd, &request, &error) == 0)
            (void)run_request_visit(&request, stop_at_second, &count);
        (void)close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_visitor_can_stop),
        cmocka_unit_test(the_file_is_sealed),
        cmocka_unit_test(input_is_at_its_start_and_ends),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_damaged_request_is_refused_or_visited_safely),
    };
    return cmocka_run_group_tests_name("run_request", tests, NULL, NULL);
}
