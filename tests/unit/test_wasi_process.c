/* src/wasi: arguments, variables, clocks, randomness, the end of a guest, the table of imports. */
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIST_AT 0x4000u

static void arguments_arrive(void **state)
{
    struct fixture *fixture = *state;
    static const char *const given[] = {"prog", "", "a b", "\xff=\n", "last"};
    struct error error = ERROR_NONE;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(wasi_host_add_argument(fixture->host, given[i], &error), 0);
    assert_int_equal(preview1_args_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4),
                     WASI_ERRNO_SUCCESS);
    assert_int_equal(result_u32(fixture), 5);
    uint32_t size = load_u32(memory_at(fixture, RESULT_AT + 4));
    assert_int_equal(size, 5 + 1 + 4 + 4 + 5);
    memset(memory_at(fixture, BUFFER_AT), 0xAA, size + 1);
    memset(memory_at(fixture, LIST_AT), 0xAA, 24);
    assert_int_equal(preview1_args_get(fixture->host, LIST_AT, BUFFER_AT), 0);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t at = load_u32(memory_at(fixture, LIST_AT + i * 4));
        assert_in_range(at, BUFFER_AT, BUFFER_AT + size - 1);
        assert_string_equal((const char *)memory_at(fixture, at), given[i]);
    }
    assert_int_equal(memory_at(fixture, BUFFER_AT)[size], 0xAA);
    assert_int_equal(load_u32(memory_at(fixture, LIST_AT + 20)), 0xAAAAAAAA);
}

static void nothing_given_is_nothing(void **state)
{
    struct fixture *fixture = *state;
    (void)setenv("SHANNON_TEST_SECRET", "host", 1);
    assert_int_equal(preview1_environ_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4), 0);
    assert_int_equal(result_u64(fixture), 0);
    assert_int_equal(preview1_args_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4), 0);
    assert_int_equal(result_u64(fixture), 0);
    assert_int_equal(preview1_environ_get(fixture->host, LIST_AT, BUFFER_AT), 0);
    assert_int_equal(preview1_args_get(fixture->host, MEMORY_SIZE, MEMORY_SIZE), 0);
}

static void variables_arrive(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    assert_int_equal(wasi_host_add_variable(fixture->host, "A=1", &error), 0);
    assert_int_equal(wasi_host_add_variable(fixture->host, "B=x=y", &error), 0);
    assert_int_equal(wasi_host_add_variable(fixture->host, "EMPTY=", &error), 0);
    assert_int_equal(preview1_environ_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_int_equal(preview1_environ_get(fixture->host, LIST_AT, BUFFER_AT), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "A=1\0B=x=y\0EMPTY=", 17);
    static const char *const bad[] = {"", "novalue", "=x", "="};
    for (size_t i = 0; i < 4; i++) {
        error = ERROR_NONE;
        assert_int_equal(wasi_host_add_variable(fixture->host, bad[i], &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    }
    assert_int_equal(preview1_environ_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4), 0);
    assert_int_equal(result_u32(fixture), 3);
}

static void the_last_value_of_a_variable_counts(void **state)
{
    struct fixture *fixture = *state;
    static const char *const given[] = {"A=1", "AB=2", "B=3", "A=4", "B=", "A=55"};
    struct error error = ERROR_NONE;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(wasi_host_add_variable(fixture->host, given[i], &error), 0);
    assert_int_equal(preview1_environ_sizes_get(fixture->host, RESULT_AT, RESULT_AT + 4), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_int_equal(load_u32(memory_at(fixture, RESULT_AT + 4)), 13);
    assert_int_equal(preview1_environ_get(fixture->host, LIST_AT, BUFFER_AT), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "AB=2\0B=\0A=55", 13);
}

static void arguments_have_a_total_limit(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    const size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
    int accepted = 0;
    while (accepted < 100 && wasi_host_add_argument(fixture->host, text, &error) == 0)
        accepted++;
    assert_int_equal(accepted, 15);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    error = ERROR_NONE;
    /* Empty ones count too: each costs the guest a pointer. */
    accepted = 0;
    while (accepted < 5000000 && wasi_host_add_argument(fixture->host, "", &error) == 0)
        accepted++;
    assert_in_range(accepted, 1, 300000);
    free(text);
}

static void clocks_tell_the_time(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = (uint64_t)time(NULL);
    assert_int_equal(preview1_clock_time_get(fixture->host, WASI_CLOCKID_REALTIME, 0, RESULT_AT),
                     0);
    assert_in_range(result_u64(fixture) / 1000000000u, before, before + 2);
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(
            preview1_clock_time_get(fixture->host, WASI_CLOCKID_MONOTONIC, UINT64_MAX, RESULT_AT),
            0);
        assert_true(result_u64(fixture) >= last);
        last = result_u64(fixture);
    }
    for (uint32_t clock = 0; clock < 4; clock++) {
        assert_int_equal(preview1_clock_time_get(fixture->host, clock, 0, RESULT_AT), 0);
        assert_int_equal(preview1_clock_res_get(fixture->host, clock, RESULT_AT), 0);
        assert_in_range(result_u64(fixture), 1, 1000000000);
    }
    const uint32_t unknown[] = {4, 5, 100, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(preview1_clock_time_get(fixture->host, unknown[i], 0, RESULT_AT),
                         WASI_ERRNO_INVAL);
        assert_int_equal(preview1_clock_res_get(fixture->host, unknown[i], RESULT_AT),
                         WASI_ERRNO_INVAL);
    }
}

/* A forked child starts at no processor time, whatever its parent used up. */
static void processor_time_is_the_processes_own(void **state)
{
    struct fixture *fixture = *state;
    uint64_t mine = 0;
    while (mine < UINT64_C(50000000)) {
        assert_int_equal(
            preview1_clock_time_get(fixture->host, WASI_CLOCKID_PROCESS_CPUTIME, 0, RESULT_AT), 0);
        mine = result_u64(fixture);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)preview1_clock_time_get(fixture->host, WASI_CLOCKID_PROCESS_CPUTIME, 0, RESULT_AT);
        _exit(load_u64(fixture->memory.base + RESULT_AT) < mine ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void randomness_fills_the_buffer(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *buffer = memory_at(fixture, BUFFER_AT);
    memset(buffer, 0, 4097);
    assert_int_equal(preview1_random_get(fixture->host, BUFFER_AT, 4096), 0);
    int used[256] = {0};
    int different = 0;
    for (int i = 0; i < 4096; i++)
        different += used[buffer[i]]++ == 0;
    assert_true(different > 200);
    assert_int_equal(buffer[4096], 0);
    assert_int_equal(preview1_random_get(fixture->host, BUFFER_AT, 0), 0);
    assert_int_equal(preview1_random_get(fixture->host, MEMORY_SIZE, 0), 0);
    assert_int_equal(preview1_random_get(fixture->host, MEMORY_SIZE - 100, 101), WASI_ERRNO_FAULT);
    assert_int_equal(preview1_random_get(fixture->host, 0, UINT32_MAX), WASI_ERRNO_FAULT);
}

static void forks_draw_different_bytes(void **state)
{
    struct fixture *fixture = *state;
    enum { CHILDREN = 16, SIZE = 16 };
    uint8_t(*drawn)[SIZE] = mmap(NULL, sizeof(*drawn) * CHILDREN, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(drawn, MAP_FAILED);
    assert_int_equal(preview1_random_get(fixture->host, BUFFER_AT, SIZE), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint32_t failure = preview1_random_get(fixture->host, BUFFER_AT, SIZE);
            memcpy(drawn[i], fixture->memory.base + BUFFER_AT, SIZE);
            _exit(failure == WASI_ERRNO_SUCCESS ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < CHILDREN; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(drawn[i], drawn[j], SIZE);
    (void)munmap(drawn, sizeof(*drawn) * CHILDREN);
}

static void randomness_has_a_limit_and_costs_no_memory(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t large = UINT64_C(64) << 20;
    uint8_t *base = mmap(NULL, large, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    struct linear_memory memory = {.base = base, .size = large, .limit = large};
    wasi_host_set_memory(fixture->host, &memory);
    struct rusage before;
    struct rusage after;
    /* Once, so that the pages of the guest's own buffer are there. */
    assert_int_equal(preview1_random_get(fixture->host, 0, WASI_RANDOM_BYTES_MAX), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(preview1_random_get(fixture->host, 0, WASI_RANDOM_BYTES_MAX), 0);
    assert_int_equal(preview1_random_get(fixture->host, 0, WASI_RANDOM_BYTES_MAX + 1),
                     WASI_ERRNO_INVAL);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 1024);
    assert_int_equal(base[WASI_RANDOM_BYTES_MAX], 0);
    wasi_host_set_memory(fixture->host, &fixture->memory);
    (void)munmap(base, large);
}

static void an_exit_code_is_reported_as_given(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t codes[] = {0, 1, 126, 255, 256, 0x7FFFFFFF, 0x80000000u, UINT32_MAX};
    for (volatile size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        exit_code_seen = -1;
        if (setjmp(exit_target) == 0) {
            preview1_proc_exit(fixture->host, codes[i]);
            fail_msg("proc_exit(%u) came back", codes[i]);
        }
        assert_true(exit_code_seen == (int64_t)codes[i]);
    }
}

static void no_signal_is_raised(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t signal = 0; signal < 300; signal++)
        assert_int_equal(preview1_proc_raise(fixture->host, signal), WASI_ERRNO_NOTSUP);
    assert_int_equal(preview1_proc_raise(fixture->host, UINT32_MAX), WASI_ERRNO_NOTSUP);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(preview1_sched_yield(fixture->host), WASI_ERRNO_SUCCESS);
}

static void the_import_table_is_complete(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct engine_import *import = wasi_preview1_imports; import->name != NULL;
         import++) {
        assert_non_null(import->function);
        assert_true(strspn(import->parameters, "iI") == strlen(import->parameters));
        assert_string_equal(import->result, strcmp(import->name, "proc_exit") == 0 ? "" : "i");
        for (const struct engine_import *other = wasi_preview1_imports; other != import; other++)
            assert_string_not_equal(other->name, import->name);
        count++;
    }
    assert_int_equal(count, 46);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(arguments_arrive),
        WASI_TEST(nothing_given_is_nothing),
        WASI_TEST(variables_arrive),
        WASI_TEST(the_last_value_of_a_variable_counts),
        WASI_TEST(arguments_have_a_total_limit),
        WASI_TEST(clocks_tell_the_time),
        WASI_TEST(processor_time_is_the_processes_own),
        WASI_TEST(randomness_fills_the_buffer),
        WASI_TEST(forks_draw_different_bytes),
        WASI_TEST(randomness_has_a_limit_and_costs_no_memory),
        WASI_TEST(an_exit_code_is_reported_as_given),
        WASI_TEST(no_signal_is_raised),
        cmocka_unit_test(the_import_table_is_complete),
    };
    return cmocka_run_group_tests_name("wasi_process", tests, NULL, NULL);
}
