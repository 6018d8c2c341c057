/* src/wasi: every address and length that a guest can pass. */
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define FILE_FD NEXT_FD
#define SUBSCRIPTIONS_AT 0x600u
#define EVENTS_AT 0x800u
#define TEXT_AT 0x500u
#define LIST_AT 0x400u

struct pointer {
    int argument;
    uint32_t size; /* bytes that the function reaches from it */
};

struct pointer_case {
    const char *name;
    uint64_t arguments[9];
    struct pointer pointers[3]; /* ends with a size of 0 */
};

/* A call that succeeds on the prepared host, and which of its arguments are addresses. */
static const struct pointer_case pointer_cases[] = {
    {"args_get", {LIST_AT, TEXT_AT}, {{0, 8}, {1, 8}}},
    {"args_sizes_get", {RESULT_AT, RESULT_AT + 4}, {{0, 4}, {1, 4}}},
    {"environ_get", {LIST_AT, TEXT_AT}, {{0, 4}, {1, 6}}},
    {"environ_sizes_get", {RESULT_AT, RESULT_AT + 4}, {{0, 4}, {1, 4}}},
    {"clock_res_get", {WASI_CLOCKID_REALTIME, RESULT_AT}, {{1, 8}}},
    {"clock_time_get", {WASI_CLOCKID_REALTIME, 0, RESULT_AT}, {{2, 8}}},
    {"fd_fdstat_get", {FILE_FD, RESULT_AT}, {{1, 24}}},
    {"fd_filestat_get", {FILE_FD, RESULT_AT}, {{1, 64}}},
    {"fd_pread", {FILE_FD, VECTORS_AT, 1, 0, RESULT_AT}, {{1, 8}, {4, 4}}},
    {"fd_prestat_get", {RW, RESULT_AT}, {{1, 8}}},
    {"fd_prestat_dir_name", {RW, BUFFER_AT, 3}, {{1, 3}}},
    {"fd_pwrite", {FILE_FD, VECTORS_AT, 1, 0, RESULT_AT}, {{1, 8}, {4, 4}}},
    {"fd_read", {FILE_FD, VECTORS_AT, 1, RESULT_AT}, {{1, 8}, {3, 4}}},
    {"fd_readdir", {RW, BUFFER_AT, 100, 0, RESULT_AT}, {{1, 100}, {4, 4}}},
    {"fd_seek", {FILE_FD, 3, WASI_WHENCE_SET, RESULT_AT}, {{3, 8}}},
    {"fd_tell", {FILE_FD, RESULT_AT}, {{1, 8}}},
    {"fd_write", {FILE_FD, VECTORS_AT, 1, RESULT_AT}, {{1, 8}, {3, 4}}},
    {"path_create_directory", {RW, OTHER_PATH_AT, 3}, {{1, 3}}},
    {"path_filestat_get", {RW, 0, PATH_AT, 4, RESULT_AT}, {{2, 4}, {4, 64}}},
    {"path_filestat_set_times",
     {RW, 0, PATH_AT, 4, 1, 1, WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM},
     {{2, 4}}},
    {"path_link", {RW, 0, PATH_AT, 4, RW, OTHER_PATH_AT, 3}, {{2, 4}, {5, 3}}},
    {"path_open",
     {RW, 0, OTHER_PATH_AT, 3, WASI_OFLAGS_CREAT, WASI_RIGHT_FD_READ, 0, 0, RESULT_AT},
     {{2, 3}, {8, 4}}},
    {"path_readlink", {RW, PATH_AT + 0x100, 4, BUFFER_AT, 4, RESULT_AT}, {{1, 4}, {3, 4}, {5, 4}}},
    {"path_remove_directory", {RW, PATH_AT + 0x200, 5}, {{1, 5}}},
    {"path_rename", {RW, PATH_AT, 4, RW, OTHER_PATH_AT, 3}, {{1, 4}, {4, 3}}},
    {"path_symlink", {PATH_AT, 4, RW, OTHER_PATH_AT, 3}, {{0, 4}, {3, 3}}},
    {"path_unlink_file", {RW, PATH_AT, 4}, {{1, 4}}},
    {"poll_oneoff",
     {SUBSCRIPTIONS_AT, EVENTS_AT, 2, RESULT_AT},
     {{0, 2 * WASI_SUBSCRIPTION_SIZE}, {1, 2 * WASI_EVENT_SIZE}, {3, 4}}},
    {"random_get", {BUFFER_AT, 64}, {{0, 64}}},
};

/* The rest takes no address, or (sock_*) reaches none. */
#define FUNCTIONS_WITHOUT_POINTERS 17

#define CASES (sizeof(pointer_cases) / sizeof(pointer_cases[0]))

static void prepare(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    uint32_t fd;
    assert_int_equal(wasi_host_add_argument(fixture->host, "prog", &error), 0);
    assert_int_equal(wasi_host_add_argument(fixture->host, "-c", &error), 0);
    assert_int_equal(wasi_host_add_variable(fixture->host, "A=xyz", &error), 0);
    host_symlink(fixture, "file", "rw/link");
    host_mkdir(fixture, "rw/empty");
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(fd, FILE_FD);
    (void)put_text(fixture, PATH_AT, "file");
    (void)put_text(fixture, OTHER_PATH_AT, "new");
    (void)put_text(fixture, PATH_AT + 0x100, "link");
    (void)put_text(fixture, PATH_AT + 0x200, "empty");
    put_vector(fixture, 0, BUFFER_AT, 4);
    memset(memory_at(fixture, SUBSCRIPTIONS_AT), 0, 2 * WASI_SUBSCRIPTION_SIZE);
}

static uint32_t call(struct fixture *fixture, const char *name, const uint64_t *arguments)
{
    return guest_call(fixture->host, import_named(name), arguments);
}

static void check_fault(struct fixture *fixture, const struct pointer_case *test, int argument,
                        uint32_t address)
{
    uint64_t arguments[9];
    memcpy(arguments, test->arguments, sizeof(arguments));
    arguments[argument] = address;
    uint32_t answer = call(fixture, test->name, arguments);
    if (answer != WASI_ERRNO_FAULT)
        fail_msg("%s with argument %d = %#x answers %u, not fault", test->name, argument, address,
                 answer);
}

static void a_bad_address_is_a_fault_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    int descriptors = open_descriptor_count();
    int entries = host_entry_count(fixture);
    for (size_t i = 0; i < CASES; i++) {
        const struct pointer_case *test = &pointer_cases[i];
        for (int p = 0; p < 3 && test->pointers[p].size != 0; p++) {
            int argument = test->pointers[p].argument;
            check_fault(fixture, test, argument, UINT32_MAX);
            check_fault(fixture, test, argument, UINT32_MAX - test->pointers[p].size + 1);
            check_fault(fixture, test, argument, MEMORY_SIZE);
            check_fault(fixture, test, argument, MEMORY_SIZE - 1);
            check_fault(fixture, test, argument, MEMORY_SIZE - test->pointers[p].size + 1);
        }
    }
    assert_int_equal(open_descriptor_count(), descriptors);
    assert_int_equal(host_entry_count(fixture), entries);
    host_check_content(fixture, "rw/file", "0123456789");
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, FILE_FD + 1);
}

static void an_object_may_end_where_memory_ends(void **state)
{
    for (size_t i = 0; i < CASES; i++) {
        const struct pointer_case *test = &pointer_cases[i];
        for (int p = 0; p < 3 && test->pointers[p].size != 0; p++) {
            assert_int_equal(fixture_set_up(state), 0);
            struct fixture *fixture = *state;
            prepare(fixture);
            uint64_t arguments[9];
            memcpy(arguments, test->arguments, sizeof(arguments));
            int argument = test->pointers[p].argument;
            uint32_t size = test->pointers[p].size;
            memcpy(memory_at(fixture, MEMORY_SIZE - size),
                   memory_at(fixture, (uint32_t)arguments[argument]), size);
            arguments[argument] = MEMORY_SIZE - size;
            uint32_t answer = call(fixture, test->name, arguments);
            if (answer != WASI_ERRNO_SUCCESS)
                fail_msg("%s with argument %d at the end of memory answers %u", test->name,
                         argument, answer);
            assert_int_equal(fixture_tear_down(state), 0);
        }
    }
}

static void every_function_is_covered(void **state)
{
    (void)state;
    size_t imports = 0;
    while (wasi_preview1_imports[imports].name != NULL)
        imports++;
    assert_int_equal(imports, 46);
    assert_int_equal(imports, CASES + FUNCTIONS_WITHOUT_POINTERS);
}

static void without_memory_every_address_is_a_fault(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    wasi_host_set_memory(fixture->host, NULL);
    for (size_t i = 0; i < CASES; i++)
        assert_int_equal(call(fixture, pointer_cases[i].name, pointer_cases[i].arguments),
                         WASI_ERRNO_FAULT);
    wasi_host_set_memory(fixture->host, &fixture->memory);
    assert_int_equal(call(fixture, "random_get", (uint64_t[]){BUFFER_AT, 8}), WASI_ERRNO_SUCCESS);
}

static const char *const transfers[] = {"fd_read", "fd_write", "fd_pread", "fd_pwrite"};

static uint32_t transfer(struct fixture *fixture, const char *name, uint32_t vectors,
                         uint32_t count)
{
    if (strncmp(name, "fd_p", 4) == 0)
        return call(fixture, name, (uint64_t[]){FILE_FD, vectors, count, 0, RESULT_AT});
    return call(fixture, name, (uint64_t[]){FILE_FD, vectors, count, RESULT_AT});
}

static void vector_counts_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    const uint32_t vectors = 0x4000;
    memset(memory_at(fixture, vectors), 0, (WASI_IOVECS_MAX + 1) * WASI_IOVEC_SIZE);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(transfer(fixture, transfers[i], vectors, UINT32_MAX), WASI_ERRNO_FAULT);
        assert_int_equal(transfer(fixture, transfers[i], vectors, 1u << 31), WASI_ERRNO_FAULT);
        assert_int_equal(transfer(fixture, transfers[i], vectors, 1u << 29), WASI_ERRNO_FAULT);
        assert_int_equal(transfer(fixture, transfers[i], 0, 1u << 29), WASI_ERRNO_FAULT);
        assert_int_equal(transfer(fixture, transfers[i], vectors, WASI_IOVECS_MAX + 1),
                         WASI_ERRNO_INVAL);
        assert_int_equal(transfer(fixture, transfers[i], vectors, WASI_IOVECS_MAX),
                         WASI_ERRNO_SUCCESS);
        assert_int_equal(result_u32(fixture), 0);
        assert_int_equal(transfer(fixture, transfers[i], vectors, 0), WASI_ERRNO_SUCCESS);
        assert_int_equal(result_u32(fixture), 0);
    }
    host_check_content(fixture, "rw/file", "0123456789");
}

static void a_vector_array_may_end_where_memory_ends(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    for (uint32_t count = 1; count <= WASI_IOVECS_MAX; count *= 32) {
        uint32_t at = MEMORY_SIZE - count * WASI_IOVEC_SIZE;
        memset(memory_at(fixture, at), 0, count * WASI_IOVEC_SIZE);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(transfer(fixture, transfers[i], at, count), WASI_ERRNO_SUCCESS);
            assert_int_equal(transfer(fixture, transfers[i], at + 1, count), WASI_ERRNO_FAULT);
            assert_int_equal(transfer(fixture, transfers[i], at, count + 1), WASI_ERRNO_FAULT);
        }
    }
}

static void every_vector_is_checked_before_any_byte_moves(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    static const struct {
        uint32_t address;
        uint32_t size;
    } bad[] = {
        {MEMORY_SIZE, 1}, {MEMORY_SIZE - 3, 4}, {UINT32_MAX, 1},          {UINT32_MAX, 0},
        {0, UINT32_MAX},  {1, MEMORY_SIZE},     {0x80000000, 0x80000000}, {UINT32_MAX, UINT32_MAX},
    };
    memset(memory_at(fixture, BUFFER_AT), 'X', 4);
    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
        put_vector(fixture, 0, BUFFER_AT, 4);
        put_vector(fixture, 1, bad[b].address, bad[b].size);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(transfer(fixture, transfers[i], VECTORS_AT, 2), WASI_ERRNO_FAULT);
    }
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "XXXX", 4);
    host_check_content(fixture, "rw/file", "0123456789");
    assert_int_equal(call(fixture, "fd_tell", (uint64_t[]){FILE_FD, RESULT_AT}), 0);
    assert_int_equal(result_u64(fixture), 0);
}

static void a_sum_beyond_32_bits_is_refused(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    /* The array lies inside the buffers: MEMORY_SIZE * 1024 is 2^27, so that it takes a larger
     * memory to pass 2^32. */
    const uint64_t large = (uint64_t)8 << 20;
    uint8_t *base = mmap(NULL, large, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    struct linear_memory memory = {.base = base, .size = large, .limit = large};
    wasi_host_set_memory(fixture->host, &memory);
    for (uint32_t i = 0; i < WASI_IOVECS_MAX; i++) {
        store_u32(base + VECTORS_AT + i * WASI_IOVEC_SIZE, 0);
        store_u32(base + VECTORS_AT + i * WASI_IOVEC_SIZE + 4, (uint32_t)large);
    }
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(transfer(fixture, transfers[i], VECTORS_AT, WASI_IOVECS_MAX),
                         WASI_ERRNO_INVAL);
    assert_int_equal(transfer(fixture, "fd_pread", VECTORS_AT, 1), WASI_ERRNO_SUCCESS);
    wasi_host_set_memory(fixture->host, &fixture->memory);
    (void)munmap(base, large);
    host_check_content(fixture, "rw/file", "0123456789");
}

static void a_buffer_over_its_own_vectors_is_harmless(void **state)
{
    struct fixture *fixture = *state;
    host_write(fixture, "rw/bytes", "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB");
    prepare(fixture);
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "bytes", 0, READ_ONLY, &fd), 0);
    /* The first buffer is the array itself: the second vector must be the one checked, not what
     * the file puts there. */
    put_vector(fixture, 0, VECTORS_AT, 16);
    put_vector(fixture, 1, BUFFER_AT, 16);
    assert_int_equal(preview1_fd_read(fixture->host, fd, VECTORS_AT, 2, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 32);
    assert_memory_equal(memory_at(fixture, VECTORS_AT), "AAAAAAAAAAAAAAAA", 16);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "BBBBBBBBBBBBBBBB", 16);
    /* The buffer is the place of the result, which is stored last. */
    put_vector(fixture, 0, RESULT_AT, 4);
    assert_int_equal(preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, 0, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 4);
    /* The path is the place of the result. */
    uint32_t size = put_text(fixture, RESULT_AT, "bytes");
    assert_int_equal(preview1_path_open(fixture->host, RW, 0, RESULT_AT, size, 0,
                                        WASI_RIGHT_FD_READ, 0, 0, RESULT_AT),
                     0);
    assert_int_equal(result_u32(fixture), fd + 1);
}

static void paths_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    memset(memory_at(fixture, PATH_AT), '/', MEMORY_SIZE - PATH_AT);
    memory_at(fixture, PATH_AT)[0] = '.';
    assert_int_equal(
        preview1_path_filestat_get(fixture->host, RW, 0, PATH_AT, WASI_PATH_MAX - 1, RESULT_AT),
        WASI_ERRNO_SUCCESS);
    assert_int_equal(
        preview1_path_filestat_get(fixture->host, RW, 0, PATH_AT, WASI_PATH_MAX + 1, RESULT_AT),
        WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(
        preview1_path_filestat_get(fixture->host, RW, 0, PATH_AT, MEMORY_SIZE - PATH_AT, RESULT_AT),
        WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(
        preview1_path_filestat_get(fixture->host, RW, 0, PATH_AT, UINT32_MAX, RESULT_AT),
        WASI_ERRNO_FAULT);
    memset(memory_at(fixture, PATH_AT), 'x', 256);
    assert_int_equal(preview1_path_create_directory(fixture->host, RW, PATH_AT, 256),
                     WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(preview1_path_create_directory(fixture->host, RW, PATH_AT, 255),
                     WASI_ERRNO_SUCCESS);
}

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
    for (size_t i = 0; i < CASES; i++) {
        const struct pointer_case *test = &pointer_cases[i];
        (void)call(stack_fixture, test->name, test->arguments);
    }
    (void)preview1_fd_allocate(stack_fixture->host, FILE_FD, 0, 10);
    (void)preview1_fd_advise(stack_fixture->host, FILE_FD, 0, 10, 0);
    (void)preview1_fd_sync(stack_fixture->host, FILE_FD);
    (void)preview1_fd_filestat_set_times(stack_fixture->host, FILE_FD, 0, 0, 0);
    (void)preview1_fd_renumber(stack_fixture->host, FILE_FD, 0);
    (void)preview1_fd_close(stack_fixture->host, 0);
}

/* The functions run on the guest's stack: what the guest leaves free there must be enough. */
static void little_of_the_stack_is_used(void **state)
{
    stack_fixture = *state;
    prepare(stack_fixture);
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
        cmocka_unit_test(every_function_is_covered),
        WASI_TEST(a_bad_address_is_a_fault_and_changes_nothing),
        cmocka_unit_test(an_object_may_end_where_memory_ends),
        WASI_TEST(without_memory_every_address_is_a_fault),
        WASI_TEST(vector_counts_are_bounded),
        WASI_TEST(a_vector_array_may_end_where_memory_ends),
        WASI_TEST(every_vector_is_checked_before_any_byte_moves),
        WASI_TEST(a_sum_beyond_32_bits_is_refused),
        WASI_TEST(a_buffer_over_its_own_vectors_is_harmless),
        WASI_TEST(paths_have_a_limit),
#ifndef STACK_IS_INSTRUMENTED
        WASI_TEST(little_of_the_stack_is_used),
#endif
    };
    return cmocka_run_group_tests_name("wasi_pointers", tests, NULL, NULL);
}
