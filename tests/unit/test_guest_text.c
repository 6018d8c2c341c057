/* src/engine/guest_text.c: with a function of a few machine instructions in the place of translated
 * code. */
#include "engine/guest_text.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define REGION (6 * HUGE_PAGE)

/* int (*)(void) that returns 42. */
static const uint8_t returns_42[] = {
#if defined(__x86_64__)
    0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3,
#elif defined(__aarch64__)
    0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6,
#endif
};

static uint8_t *region;
static uint8_t *aligned;

static int map_region(void **state)
{
    (void)state;
    region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return -1;
    memset(region, 0x5a, REGION);
    aligned = (uint8_t *)(((uintptr_t)region + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    return 0;
}

static int unmap_region(void **state)
{
    (void)state;
    return munmap(region, REGION);
}

#if defined(__clang__) /* which would look for a type before the function */
__attribute__((no_sanitize("function")))
#endif
static int
call(const uint8_t *place)
{
    int (*function)(void);
    memcpy(&function, &place, sizeof(function));
    return function();
}

/* The rights of the page at `place` as /proc/self/maps has them, such as "r-xp". */
static void rights_of(const uint8_t *place, char rights[5])
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    rights[0] = '\0';
    while (rights[0] == '\0' && fgets(line, sizeof(line), file) != NULL) {
        unsigned long start;
        unsigned long end;
        char found[5];
        assert_int_equal(sscanf(line, "%lx-%lx %4s", &start, &end, found), 3);
        if ((uintptr_t)place >= start && (uintptr_t)place < end)
            memcpy(rights, found, 5);
    }
    (void)fclose(file);
    assert_true(rights[0] != '\0');
}

static void expect_rights(const uint8_t *place, const char *expected)
{
    char rights[5];
    rights_of(place, rights);
    assert_string_equal(rights, expected);
}

/* Code of `size` bytes at `start`, the function at its beginning and at its end. */
static struct guest_text put_code(uint8_t *start, size_t size, size_t reserved)
{
    size_t function = sizeof(returns_42);
    memcpy(start, returns_42, function);
    memcpy(start + size - function, returns_42, function);
    assert_int_equal(mprotect(region, REGION, PROT_READ | PROT_EXEC), 0);
    __builtin___clear_cache((char *)start, (char *)start + size);
    return (struct guest_text){.start = start, .end = start + size, .limit = start + reserved};
}

static void check_code(const uint8_t *start, size_t size)
{
    assert_int_equal(call(start), 42);
    assert_int_equal(call(start + size - sizeof(returns_42)), 42);
    for (size_t i = sizeof(returns_42); i < size - sizeof(returns_42); i++) {
        if (start[i] != 0x5a)
            fail_msg("byte %zu is another", i);
    }
}

static void code_is_copied_and_runs(void **state)
{
    static const size_t sizes[] = {100, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 2 * HUGE_PAGE};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct error error = ERROR_NONE;
        size_t rounded = (sizes[i] + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        assert_int_equal(mprotect(region, REGION, PROT_READ | PROT_WRITE), 0);
        memset(region, 0x5a, REGION);
        const struct guest_text text = put_code(aligned, sizes[i], rounded);
        assert_int_equal(guest_text_copy_to_huge_pages(&text, &error), 0);
        check_code(aligned, sizes[i]);
        expect_rights(aligned, "r-xp");
        expect_rights(aligned + rounded - 1, "r-xp");
        /* What lies behind is as it was. */
        assert_int_equal(aligned[rounded], 0x5a);
        assert_int_equal(aligned[rounded + HUGE_PAGE], 0x5a);
        expect_rights(aligned + rounded, "r-xp");
    }
}

/* Whether the pages lie in a file or not: those of a private copy have no inode. */
static bool is_anonymous(const uint8_t *place)
{
    char line[512];
    bool anonymous = false;
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned long start;
        unsigned long end;
        unsigned long inode;
        assert_int_equal(sscanf(line, "%lx-%lx %*s %*s %*s %lu", &start, &end, &inode), 3);
        if ((uintptr_t)place >= start && (uintptr_t)place < end)
            anonymous = inode == 0;
    }
    (void)fclose(file);
    return anonymous;
}

/* As an object is loaded: its code mapped from a file, nothing behind it but reserved addresses. */
static void code_of_a_file_leaves_the_file(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    int file = memfd_create("object", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, returns_42, sizeof(returns_42)), sizeof(returns_42));
    assert_int_equal(munmap(region, REGION), 0);
    assert_ptr_equal(
        mmap(region, REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), region);
    assert_ptr_equal(mmap(aligned, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0),
                     aligned);
    (void)close(file);
    const struct guest_text text = {
        .start = aligned, .end = aligned + 4096, .limit = aligned + HUGE_PAGE};
    assert_false(is_anonymous(aligned));
    assert_int_equal(guest_text_copy_to_huge_pages(&text, &error), 0);
    assert_true(is_anonymous(aligned));
    assert_int_equal(call(aligned), 42);
    expect_rights(aligned, "r-xp");
    expect_rights(aligned + HUGE_PAGE, "---p");
}

static void code_that_does_not_fit_is_left_alone(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    /* Not aligned. */
    struct guest_text text = put_code(aligned + 4096, 100, 2 * HUGE_PAGE);
    assert_int_equal(guest_text_copy_to_huge_pages(&text, &error), 0);
    check_code(aligned + 4096, 100);
    /* Something else lies where the last huge page would end. */
    assert_int_equal(mprotect(region, REGION, PROT_READ | PROT_WRITE), 0);
    memset(region, 0x5a, REGION);
    text = put_code(aligned, HUGE_PAGE + 100, 2 * HUGE_PAGE - 1);
    assert_int_equal(guest_text_copy_to_huge_pages(&text, &error), 0);
    check_code(aligned, HUGE_PAGE + 100);
    assert_int_equal(aligned[2 * HUGE_PAGE - 1], 0x5a);
}

/* ---- finding ---- */

static int some_function(void)
{
    return 7;
}

static uintptr_t base_of(const void *address)
{
    Dl_info information;
    struct link_map *map;
    assert_int_not_equal(dladdr1(address, &information, (void **)&map, RTLD_DL_LINKMAP), 0);
    return map->l_addr;
}

static void expect_inside(const struct guest_text *text, uintptr_t address)
{
    assert_true(text->start <= (const uint8_t *)address);
    assert_true(text->end > (const uint8_t *)address);
    assert_true(text->limit >= text->end);
    char rights[5];
    rights_of(text->start, rights);
    assert_string_equal(rights, "r-xp");
    rights_of(text->end - 1, rights);
    assert_string_equal(rights, "r-xp");
}

static void the_code_of_an_object_is_found(void **state)
{
    struct guest_text own;
    struct guest_text library;
    (void)state;
    int (*volatile function)(void) = some_function;
    assert_int_equal(function(), 7);
    assert_true(guest_text_find(&own, base_of((const void *)(uintptr_t)function)));
    expect_inside(&own, (uintptr_t)function);
    void *other = dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests");
    assert_non_null(other);
    assert_true(guest_text_find(&library, base_of(other)));
    expect_inside(&library, (uintptr_t)other);
    assert_ptr_not_equal(own.start, library.start);
}

static void where_no_object_is_there_is_no_code(void **state)
{
    struct guest_text text;
    (void)state;
    assert_false(guest_text_find(&text, (uintptr_t)region));
    assert_null(text.start);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, map_region, unmap_region)
    const struct CMUnitTest tests[] = {
        CASE(code_is_copied_and_runs),
        CASE(code_of_a_file_leaves_the_file),
        CASE(code_that_does_not_fit_is_left_alone),
        cmocka_unit_test(the_code_of_an_object_is_found),
        CASE(where_no_object_is_there_is_no_code),
    };
    return cmocka_run_group_tests_name("guest_text", tests, NULL, NULL);
}
