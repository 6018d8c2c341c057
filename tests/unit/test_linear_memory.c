/* src/engine/linear_memory.c */
#include "engine/linear_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

static struct linear_memory memory;

static void make(uint32_t initial, uint32_t maximum, uint64_t limit)
{
    struct error error = ERROR_NONE;
    memset(&memory, 0, sizeof(memory));
    assert_int_equal(linear_memory_create(&memory, initial, maximum, limit, &error), 0);
}

static int destroy(void **state)
{
    (void)state;
    linear_memory_destroy(&memory);
    return 0;
}

/* Whether a byte can be read, tried in a child. */
static bool is_accessible(const uint8_t *address)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        volatile uint8_t byte = *(const volatile uint8_t *)address;
        (void)byte;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void exactly_its_pages_are_accessible(void **state)
{
    (void)state;
    make(2, 10, GIB);
    assert_int_equal(memory.size, 2 * WASM_PAGE_SIZE);
    assert_true(is_accessible(memory.base));
    assert_true(is_accessible(memory.base + 2 * WASM_PAGE_SIZE - 1));
    assert_false(is_accessible(memory.base + 2 * WASM_PAGE_SIZE));
    assert_false(is_accessible(memory.base - 1));
    assert_false(is_accessible(memory.base - 2 * GIB));
    assert_false(is_accessible(memory.base + 4 * GIB));
    /* A 32-bit address and a 32-bit offset and the widest access. */
    assert_false(is_accessible(memory.base + 8 * GIB + 16));
    assert_true(linear_memory_contains(&memory, memory.base - 2 * GIB));
    assert_true(linear_memory_contains(&memory, memory.base + 8 * GIB + 16));
    const uint8_t *reservation = memory.reservation;
    assert_false(linear_memory_contains(&memory, reservation - 1));
    assert_false(linear_memory_contains(&memory, reservation + memory.reservation_size));
    /* A page table of its own, and no more before it than that takes. */
    assert_int_equal((uintptr_t)memory.base % (2u << 20), 0);
    assert_true(memory.base - 2 * GIB - reservation < 2 << 20);
}

static void new_memory_is_zero(void **state)
{
    (void)state;
    make(1, 4, GIB);
    assert_int_equal(linear_memory_grow(&memory, 2), 1);
    for (size_t i = 0; i < memory.size; i++)
        assert_int_equal(memory.base[i], 0);
}

static void growth_ends_at_the_lower_limit(void **state)
{
    (void)state;
    make(1, 8, 4 * WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, 0), 1);
    assert_int_equal(linear_memory_grow(&memory, 3), 1);
    assert_false(memory.growth_refused);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(memory.growth_refused);
    assert_int_equal(memory.size, 4 * WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, UINT32_MAX), UINT32_MAX);
    assert_int_equal(linear_memory_grow(&memory, 0), 4);
    linear_memory_set_limit(&memory, GIB);
    assert_int_equal(linear_memory_grow(&memory, 4), 4); /* the module's own maximum */
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(is_accessible(memory.base + 8 * WASM_PAGE_SIZE - 1));
    assert_false(is_accessible(memory.base + 8 * WASM_PAGE_SIZE));
}

static void growth_beyond_the_modules_maximum_is_not_the_limits_doing(void **state)
{
    (void)state;
    make(1, 2, GIB);
    assert_int_equal(linear_memory_grow(&memory, 1), 1);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_int_equal(linear_memory_grow(&memory, UINT32_MAX), UINT32_MAX);
    assert_false(memory.growth_refused);
    linear_memory_set_limit(&memory, WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(memory.growth_refused);
}

static void a_limit_below_the_size_only_forbids_growth(void **state)
{
    (void)state;
    make(4, 100, GIB);
    linear_memory_set_limit(&memory, WASM_PAGE_SIZE);
    assert_int_equal(memory.size, 4 * WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(is_accessible(memory.base + 4 * WASM_PAGE_SIZE - 1));
}

static void a_limit_that_is_no_multiple_of_a_page_is_not_passed(void **state)
{
    (void)state;
    make(1, 100, 2 * WASM_PAGE_SIZE + 1);
    assert_int_equal(linear_memory_grow(&memory, 1), 1);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(memory.size <= memory.limit);
}

static void the_size_stays_below_4_gib(void **state)
{
    (void)state;
    make(1, 65536, 16 * GIB);
    assert_int_equal(linear_memory_grow(&memory, 65535), UINT32_MAX);
    assert_int_equal(linear_memory_grow(&memory, 65534), 1);
    assert_int_equal(memory.size, 4 * GIB - WASM_PAGE_SIZE);
    assert_true(is_accessible(memory.base + memory.size - 1));
    assert_false(is_accessible(memory.base + memory.size));
}

static void a_start_above_the_limit_is_refused(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    memset(&memory, 0, sizeof(memory));
    assert_int_equal(linear_memory_create(&memory, 5, 10, 4 * WASM_PAGE_SIZE, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    error = ERROR_NONE;
    assert_int_equal(linear_memory_create(&memory, 65536, 65536, 16 * GIB, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
}

static void nothing_is_accessible_before_it_is_made(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(linear_memory_reserve(&memory, &error), 0);
    assert_int_equal(memory.size, 0);
    assert_null(linear_memory_at(&memory, 0, 1));
    assert_false(is_accessible((uint8_t *)memory.reservation + 2 * GIB));
    assert_int_equal(linear_memory_create(&memory, 1, 1, GIB, &error), 0);
    assert_true(is_accessible(memory.base));
}

static void what_is_charged_counts_with_the_size(void **state)
{
    (void)state;
    make(1, 100, 4 * WASM_PAGE_SIZE);
    assert_true(linear_memory_charge(&memory, 2 * WASM_PAGE_SIZE));
    assert_false(linear_memory_charge(&memory, WASM_PAGE_SIZE + 1));
    assert_false(linear_memory_charge(&memory, UINT64_MAX));
    assert_int_equal(memory.charged, 2 * WASM_PAGE_SIZE);
    assert_false(memory.growth_refused);
    assert_int_equal(linear_memory_grow(&memory, 2), UINT32_MAX);
    assert_true(memory.growth_refused);
    assert_int_equal(linear_memory_grow(&memory, 1), 1);
    assert_false(linear_memory_charge(&memory, 1));
    linear_memory_discharge(&memory, WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, 1), 2);
    assert_int_equal(memory.size, 3 * WASM_PAGE_SIZE);
    assert_int_equal(memory.charged, WASM_PAGE_SIZE);
}

static void a_charge_needs_no_room_below_the_modules_maximum(void **state)
{
    (void)state;
    make(2, 2, GIB);
    assert_true(linear_memory_charge(&memory, GIB - 2 * WASM_PAGE_SIZE));
    assert_false(linear_memory_charge(&memory, 1));
}

static void what_is_there_already_is_charged_whatever_the_limit(void **state)
{
    (void)state;
    make(1, 100, 4 * WASM_PAGE_SIZE);
    linear_memory_charge_existing(&memory, GIB);
    assert_int_equal(memory.charged, GIB);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_false(linear_memory_charge(&memory, 1));
    linear_memory_charge_existing(&memory, UINT64_MAX);
    assert_false(linear_memory_charge(&memory, 1));
    linear_memory_discharge(&memory, UINT64_MAX);
    assert_int_equal(memory.charged, 0);
    linear_memory_discharge(&memory, 1);
    assert_int_equal(memory.charged, 0);
    assert_int_equal(linear_memory_grow(&memory, 3), 1);
}

static void what_is_charged_before_the_start_counts_at_the_start(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(linear_memory_reserve(&memory, &error), 0);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    assert_true(linear_memory_charge(&memory, 3 * WASM_PAGE_SIZE));
    assert_int_equal(linear_memory_create(&memory, 2, 100, 4 * WASM_PAGE_SIZE, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    linear_memory_discharge(&memory, WASM_PAGE_SIZE);
    error = ERROR_NONE;
    assert_int_equal(linear_memory_create(&memory, 2, 100, 4 * WASM_PAGE_SIZE, &error), 0);
    assert_false(linear_memory_charge(&memory, 1));
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
}

static void an_address_space_limit_is_an_error(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct linear_memory other;
        struct error error = ERROR_NONE;
        const struct rlimit limit = {4 * GIB, 4 * GIB};
        _exit(setrlimit(RLIMIT_AS, &limit) == 0 && linear_memory_reserve(&other, &error) == -1 &&
                      error.kind == ERROR_INTERNAL && strstr(error.message, "ulimit -v") != NULL
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void guest_ranges_are_checked(void **state)
{
    (void)state;
    make(1, 4, GIB);
    const uint32_t end = WASM_PAGE_SIZE;
    assert_ptr_equal(linear_memory_at(&memory, 0, 0), memory.base);
    assert_ptr_equal(linear_memory_at(&memory, 0, end), memory.base);
    assert_ptr_equal(linear_memory_at(&memory, end - 1, 1), memory.base + end - 1);
    assert_ptr_equal(linear_memory_at(&memory, end, 0), memory.base + end);
    assert_null(linear_memory_at(&memory, end + 1, 0));
    assert_null(linear_memory_at(&memory, end, 1));
    assert_null(linear_memory_at(&memory, 1, end));
    assert_null(linear_memory_at(&memory, UINT32_MAX, 1));
    assert_null(linear_memory_at(&memory, UINT32_MAX, UINT64_MAX));
    assert_null(linear_memory_at(&memory, 1, UINT64_MAX));
    assert_null(linear_memory_at(&memory, UINT32_MAX, UINT32_MAX));
    assert_int_equal(linear_memory_grow(&memory, 1), 1);
    assert_non_null(linear_memory_at(&memory, end, 1));
}

/* ---- as an image ---- */

#define HOST_PAGE ((size_t)4096)

/* Writes on a few host pages of a memory of four wasm pages, and shares it. */
static const size_t written[] = {
    0, 4095, 4096, 3 * 4096 + 17, 2 * WASM_PAGE_SIZE, 4 * WASM_PAGE_SIZE - 1};

static int share(void)
{
    struct error error = ERROR_NONE;
    make(4, 100, GIB);
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        memory.base[written[i]] = (uint8_t)(i + 1);
    int image = linear_memory_share(&memory, &error);
    if (image < 0)
        fail_msg("%s", error.message);
    return image;
}

/* Whether the bytes are those that `share` wrote, and zeros otherwise. */
static void check_written(const uint8_t *bytes)
{
    size_t next = 0;
    for (size_t at = 0; at < 4 * WASM_PAGE_SIZE; at++) {
        bool is_written = next < sizeof(written) / sizeof(written[0]) && written[next] == at;
        assert_int_equal(bytes[at], is_written ? ++next : 0);
    }
}

static void an_image_holds_the_contents(void **state)
{
    static uint8_t bytes[4 * WASM_PAGE_SIZE];
    struct stat status;
    (void)state;
    int image = share();
    check_written(memory.base);
    assert_int_equal(memory.size, 4 * WASM_PAGE_SIZE);
    assert_int_equal(fstat(image, &status), 0);
    assert_int_equal(status.st_size, 4 * WASM_PAGE_SIZE);
    assert_int_equal(pread(image, bytes, sizeof(bytes), 0), sizeof(bytes));
    check_written(bytes);
    assert_true((fcntl(image, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(image);
    check_written(memory.base); /* the mapping stays */
    assert_true(is_accessible(memory.base + 4 * WASM_PAGE_SIZE - 1));
    assert_false(is_accessible(memory.base + 4 * WASM_PAGE_SIZE));
    assert_false(is_accessible(memory.base - 1));
}

/* Where the kernel gives memory files huge pages, whatever is written takes one. */
static bool memory_files_are_huge(void)
{
    char text[128] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");
    if (file == NULL)
        return false;
    (void)!fgets(text, sizeof(text), file);
    (void)fclose(file);
    return strstr(text, "[always]") != NULL || strstr(text, "[force]") != NULL;
}

static void pages_of_zeros_stay_holes(void **state)
{
    struct stat status;
    (void)state;
    if (memory_files_are_huge()) {
        print_message("# skipped: memory files have huge pages on this machine\n");
        skip();
    }
    int image = share();
    assert_int_equal(fstat(image, &status), 0);
    assert_int_equal(status.st_blocks, 5 * HOST_PAGE / 512);
    assert_int_equal(lseek(image, 0, SEEK_DATA), 0);
    assert_int_equal(lseek(image, 0, SEEK_HOLE), 2 * HOST_PAGE);
    assert_int_equal(lseek(image, 2 * (off_t)HOST_PAGE, SEEK_DATA), 3 * HOST_PAGE);
    assert_int_equal(lseek(image, 4 * (off_t)HOST_PAGE, SEEK_DATA), 2 * WASM_PAGE_SIZE);
    (void)close(image);
}

/* Whoever holds the descriptor cannot change what others began with. */
static void an_image_is_sealed(void **state)
{
    (void)state;
    int image = share();
    assert_int_equal(write(image, "x", 1), -1);
    assert_int_equal(pwrite(image, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(image, 0), -1);
    assert_int_equal(ftruncate(image, 1 << 20), -1);
    assert_int_equal(fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HOST_PAGE),
                     -1);
    assert_ptr_equal(mmap(NULL, HOST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0),
                     MAP_FAILED);
    assert_int_equal(fcntl(image, F_ADD_SEALS, 0), -1);
    (void)close(image);
}

static void what_is_written_later_stays_in_the_process(void **state)
{
    static uint8_t bytes[4 * WASM_PAGE_SIZE];
    (void)state;
    int image = share();
    memset(memory.base, 0xee, memory.size);
    assert_int_equal(pread(image, bytes, sizeof(bytes), 0), sizeof(bytes));
    check_written(bytes);
    for (size_t i = 0; i < memory.size; i++)
        assert_int_equal(memory.base[i], 0xee);
    (void)close(image);
}

static void memory_with_an_image_grows_as_before(void **state)
{
    struct stat status;
    (void)state;
    int image = share();
    assert_int_equal(linear_memory_grow(&memory, 3), 4);
    assert_int_equal(memory.size, 7 * WASM_PAGE_SIZE);
    for (size_t i = 4 * WASM_PAGE_SIZE; i < memory.size; i++)
        assert_int_equal(memory.base[i], 0);
    memset(memory.base + 4 * WASM_PAGE_SIZE, 0xee, 3 * WASM_PAGE_SIZE);
    check_written(memory.base);
    assert_false(is_accessible(memory.base + 7 * WASM_PAGE_SIZE));
    assert_int_equal(fstat(image, &status), 0);
    assert_int_equal(status.st_size, 4 * WASM_PAGE_SIZE);
    assert_int_equal(linear_memory_grow(&memory, 93), 7);
    assert_int_equal(linear_memory_grow(&memory, 1), UINT32_MAX);
    (void)close(image);
}

/* The bytes of this process's memory that are its own, from /proc/self/smaps. */
static size_t private_bytes(const uint8_t *base)
{
    char start[32];
    char line[512];
    unsigned long kib = 0;
    bool inside = false;
    (void)snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)base);
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, start, strlen(start)) == 0)
            inside = true;
        else if (inside && sscanf(line, "Anonymous: %lu kB", &kib) == 1)
            break;
    }
    (void)fclose(file);
    assert_true(inside);
    return kib * 1024;
}

static void forks_share_what_they_do_not_write(void **state)
{
    (void)state;
    int image = share();
    assert_int_equal(private_bytes(memory.base), 0);
    pid_t pid = fork();
    if (pid == 0) {
        check_written(memory.base);
        size_t read_only = private_bytes(memory.base);
        memory.base[0] = 0xcc; /* one page that has contents, and one that is a hole */
        memory.base[8 * HOST_PAGE] = 0xcc;
        _exit(read_only == 0 && private_bytes(memory.base) == 2 * HOST_PAGE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    check_written(memory.base);
    assert_int_equal(private_bytes(memory.base), 0);
    (void)close(image);
}

static void an_image_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    make(4, 100, GIB);
    memory.base[2 * WASM_PAGE_SIZE] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        const struct rlimit limit = {WASM_PAGE_SIZE, WASM_PAGE_SIZE};
        (void)signal(SIGXFSZ, SIG_IGN);
        int before = dup(0);
        (void)close(before);
        bool failed = setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                      linear_memory_share(&memory, &error) == -1 && error.kind == ERROR_INTERNAL &&
                      strstr(error.message, "memory image") != NULL;
        _exit(failed && dup(0) == before ? 0 : 1); /* nothing was left open */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(exactly_its_pages_are_accessible, destroy),
        cmocka_unit_test_teardown(new_memory_is_zero, destroy),
        cmocka_unit_test_teardown(growth_ends_at_the_lower_limit, destroy),
        cmocka_unit_test_teardown(growth_beyond_the_modules_maximum_is_not_the_limits_doing,
                                  destroy),
        cmocka_unit_test_teardown(a_limit_below_the_size_only_forbids_growth, destroy),
        cmocka_unit_test_teardown(a_limit_that_is_no_multiple_of_a_page_is_not_passed, destroy),
        cmocka_unit_test_teardown(the_size_stays_below_4_gib, destroy),
        cmocka_unit_test_teardown(a_start_above_the_limit_is_refused, destroy),
        cmocka_unit_test_teardown(nothing_is_accessible_before_it_is_made, destroy),
        cmocka_unit_test_teardown(what_is_charged_counts_with_the_size, destroy),
        cmocka_unit_test_teardown(a_charge_needs_no_room_below_the_modules_maximum, destroy),
        cmocka_unit_test_teardown(what_is_there_already_is_charged_whatever_the_limit, destroy),
        cmocka_unit_test_teardown(what_is_charged_before_the_start_counts_at_the_start, destroy),
        cmocka_unit_test(an_address_space_limit_is_an_error),
        cmocka_unit_test_teardown(guest_ranges_are_checked, destroy),
        cmocka_unit_test_teardown(an_image_holds_the_contents, destroy),
        cmocka_unit_test_teardown(pages_of_zeros_stay_holes, destroy),
        cmocka_unit_test_teardown(an_image_is_sealed, destroy),
        cmocka_unit_test_teardown(what_is_written_later_stays_in_the_process, destroy),
        cmocka_unit_test_teardown(memory_with_an_image_grows_as_before, destroy),
        cmocka_unit_test_teardown(forks_share_what_they_do_not_write, destroy),
        cmocka_unit_test_teardown(an_image_that_cannot_be_made_is_an_error, destroy),
    };
    return cmocka_run_group_tests_name("linear_memory", tests, NULL, NULL);
}
