/* src/wasi/scratch_content.c, src/wasi/scratch_budget.c */
#include "wasi/scratch_content.h"

#include "wasi/abi.h"
#include "wasi/wasi_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCK SCRATCH_BLOCK_SIZE
#define GIB (UINT64_C(1) << 30)

static struct scratch_content content;
static struct scratch_budget budget;

static int set_up(void **state)
{
    (void)state;
    memset(&content, 0, sizeof(content));
    budget = (struct scratch_budget){.limit = 64 * GIB};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_content_free(&content, &budget);
    assert_int_equal(budget.used, 0);
    assert_int_equal(content.size, 0);
    return 0;
}

#define CONTENT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static size_t write_at(uint64_t offset, const void *bytes, size_t size)
{
    uint32_t failure;
    size_t written = scratch_content_write(&content, &budget, offset, bytes, size, &failure);
    assert_int_equal(failure, WASI_ERRNO_SUCCESS);
    return written;
}

static void expect_bytes(uint64_t offset, const void *bytes, size_t size)
{
    uint8_t *read = malloc(size + 1);
    assert_non_null(read);
    assert_int_equal(scratch_content_read(&content, offset, read, size), size);
    assert_memory_equal(read, bytes, size);
    free(read);
}

static uint32_t block_count(void)
{
    uint32_t count = 0;
    for (uint32_t block = 0; scratch_content_next_block(&content, &block); block++)
        count++;
    return count;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static uint8_t bytes[3 * BLOCK + 100];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / BLOCK);
    assert_int_equal(write_at(0, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(content.size, sizeof(bytes));
    assert_int_equal(block_count(), 4);
    expect_bytes(0, bytes, sizeof(bytes));
    expect_bytes(BLOCK - 1, bytes + BLOCK - 1, BLOCK + 2);
    uint8_t more[8];
    assert_int_equal(scratch_content_read(&content, sizeof(bytes) - 3, more, 8), 3);
    assert_int_equal(scratch_content_read(&content, sizeof(bytes), more, 8), 0);
    assert_int_equal(scratch_content_read(&content, UINT64_MAX, more, 8), 0);
    assert_int_equal(write_at(BLOCK - 2, "abcd", 4), 4);
    memcpy(bytes + BLOCK - 2, "abcd", 4);
    expect_bytes(0, bytes, sizeof(bytes));
    assert_int_equal(write_at(5, NULL, 0), 0);
    assert_int_equal(write_at(UINT64_MAX, NULL, 0), 0);
    assert_int_equal(content.size, sizeof(bytes));
}

static void holes_are_zeros_and_take_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[3 * BLOCK];
    assert_int_equal(write_at(100 * BLOCK + 10, "x", 1), 1);
    assert_int_equal(content.size, 100 * BLOCK + 11);
    assert_int_equal(block_count(), 1);
    expect_bytes(0, zeros, sizeof(zeros));
    expect_bytes(100 * BLOCK, zeros, 10);
    uint64_t used = budget.used;
    assert_int_equal(scratch_content_resize(&content, &budget, WASI_SCRATCH_FILE_MAX), 0);
    assert_int_equal(budget.used, used);
    expect_bytes(WASI_SCRATCH_FILE_MAX - BLOCK, zeros, BLOCK);
    expect_bytes(100 * BLOCK + 10, "x\0\0\0", 4);
}

static void what_was_cut_off_does_not_come_back(void **state)
{
    (void)state;
    static uint8_t bytes[4 * BLOCK];
    static const uint8_t zeros[4 * BLOCK];
    memset(bytes, 'x', sizeof(bytes));
    const uint64_t cuts[] = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 4 * BLOCK - 1};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        assert_int_equal(write_at(0, bytes, sizeof(bytes)), sizeof(bytes));
        assert_int_equal(scratch_content_resize(&content, &budget, cuts[i]), 0);
        assert_int_equal(content.size, cuts[i]);
        assert_int_equal(block_count(), (cuts[i] + BLOCK - 1) / BLOCK);
        assert_int_equal(scratch_content_resize(&content, &budget, sizeof(bytes)), 0);
        expect_bytes(0, bytes, cuts[i]);
        expect_bytes(cuts[i], zeros, sizeof(bytes) - cuts[i]);
    }
    assert_int_equal(scratch_content_resize(&content, &budget, 0), 0);
    assert_int_equal(budget.used, 0);
}

static void sizes_have_a_limit(void **state)
{
    (void)state;
    uint32_t failure;
    assert_int_equal(write_at(WASI_SCRATCH_FILE_MAX - 2, "abcd", 4), 2);
    assert_int_equal(content.size, WASI_SCRATCH_FILE_MAX);
    const uint64_t beyond[] = {WASI_SCRATCH_FILE_MAX, WASI_SCRATCH_FILE_MAX + 1, INT64_MAX,
                               UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(scratch_content_write(&content, &budget, beyond[i], "x", 1, &failure), 0);
        assert_int_equal(failure, WASI_ERRNO_FBIG);
        assert_int_equal(scratch_content_allocate(&content, &budget, beyond[i], 1),
                         WASI_ERRNO_FBIG);
        assert_int_equal(scratch_content_allocate(&content, &budget, 1, beyond[i]),
                         WASI_ERRNO_FBIG);
        assert_int_equal(scratch_content_resize(&content, &budget, beyond[i]),
                         i == 0 ? WASI_ERRNO_SUCCESS : WASI_ERRNO_FBIG);
    }
    expect_bytes(WASI_SCRATCH_FILE_MAX - 2, "ab", 2);
}

static void the_index_is_counted_and_given_back(void **state)
{
    (void)state;
    assert_int_equal(write_at(WASI_SCRATCH_FILE_MAX - 1, "x", 1), 1);
    uint64_t blocks = WASI_SCRATCH_FILE_MAX / BLOCK;
    assert_int_equal(budget.used, blocks * sizeof(void *) + SCRATCH_BLOCK_CHARGE);
    assert_int_equal(scratch_content_resize(&content, &budget, 10 * BLOCK), 0);
    assert_int_equal(budget.used, 16 * sizeof(void *));
    /* Where the index fits and the block does not, the index is not kept. */
    assert_int_equal(scratch_content_resize(&content, &budget, 1), 0);
    uint64_t used = budget.used;
    uint32_t failure;
    budget.limit = blocks * sizeof(void *);
    assert_int_equal(
        scratch_content_write(&content, &budget, WASI_SCRATCH_FILE_MAX - 1, "x", 1, &failure), 0);
    assert_int_equal(failure, WASI_ERRNO_NOSPC);
    assert_int_equal(budget.used, used);
    assert_int_equal(content.size, 1);
}

static void a_write_stops_at_the_limit(void **state)
{
    (void)state;
    static uint8_t bytes[4 * BLOCK];
    uint32_t failure;
    memset(bytes, 'x', sizeof(bytes));
    budget.limit = 8 * sizeof(void *) + 2 * SCRATCH_BLOCK_CHARGE;
    assert_int_equal(write_at(100, bytes, sizeof(bytes)), 2 * BLOCK - 100);
    assert_int_equal(content.size, 2 * BLOCK);
    assert_int_equal(scratch_content_write(&content, &budget, 2 * BLOCK, bytes, 1, &failure), 0);
    assert_int_equal(failure, WASI_ERRNO_NOSPC);
    assert_int_equal(write_at(0, bytes, 100), 100);
    expect_bytes(0, bytes, 2 * BLOCK);
    assert_int_equal(budget.used, budget.limit);
    assert_int_equal(scratch_content_resize(&content, &budget, BLOCK), 0);
    assert_int_equal(write_at(BLOCK, bytes, BLOCK), BLOCK);
}

static void allocating_is_all_or_nothing(void **state)
{
    (void)state;
    uint32_t failure;
    assert_int_equal(write_at(0, "abc", 3), 3);
    uint64_t used = budget.used;
    budget.limit = used + 2 * SCRATCH_BLOCK_CHARGE;
    assert_int_equal(scratch_content_allocate(&content, &budget, 0, 4 * BLOCK), WASI_ERRNO_NOSPC);
    assert_int_equal(budget.used, used);
    assert_int_equal(content.size, 3);
    assert_int_equal(scratch_content_allocate(&content, &budget, BLOCK - 1, 2 * BLOCK), 0);
    assert_int_equal(content.size, 3 * BLOCK - 1);
    assert_int_equal(block_count(), 3);
    assert_int_equal(scratch_content_write(&content, &budget, 3 * BLOCK - 1, "xy", 2, &failure), 1);
    assert_int_equal(scratch_content_allocate(&content, &budget, 0, 3 * BLOCK), 0);
    assert_int_equal(content.size, 3 * BLOCK);
    expect_bytes(0, "abc\0", 4);
    expect_bytes(3 * BLOCK - 2, "\0x", 2);
}

static void blocks_know_their_size(void **state)
{
    (void)state;
    assert_int_equal(write_at(2 * BLOCK, "abc", 3), 3);
    uint32_t block = 0;
    assert_true(scratch_content_next_block(&content, &block));
    assert_int_equal(block, 2);
    assert_int_equal(scratch_content_block_size(&content, 2), 3);
    assert_int_equal(scratch_content_block_size(&content, 1), BLOCK);
    block = 3;
    assert_false(scratch_content_next_block(&content, &block));
}

/* The same operations on a plain array. */
static void it_does_what_an_array_does(void **state)
{
    enum { SIZE = 40 * BLOCK };
    static uint8_t model[SIZE];
    static uint8_t seen[SIZE];
    size_t model_size = 0;
    uint32_t seed = 7;
    (void)state;
    memset(model, 0, sizeof(model));
    for (int i = 0; i < 4000; i++) {
        seed = seed * 1103515245u + 12345u;
        size_t offset = seed / 16 % (SIZE - 9000);
        size_t size = seed / 3 % 9000;
        memset(seen, (int)(seed >> 24), size);
        if (seed >> 30 == 0) {
            assert_int_equal(scratch_content_resize(&content, &budget, offset), 0);
            memset(model + offset, 0, SIZE - offset);
            model_size = offset;
        } else if (size > 0) {
            assert_int_equal(write_at(offset, seen, size), size);
            memcpy(model + offset, seen, size);
            model_size = offset + size > model_size ? offset + size : model_size;
        }
        assert_int_equal(content.size, model_size);
        assert_int_equal(scratch_content_read(&content, 0, seen, SIZE), model_size);
        assert_memory_equal(seen, model, model_size);
    }
}

static void memory_is_charged(void **state)
{
    (void)state;
    static uint8_t bytes[4 * BLOCK];
    struct linear_memory memory = {.size = WASM_PAGE_SIZE, .limit = WASM_PAGE_SIZE + 10000};
    scratch_budget_set_memory(&budget, &memory);
    assert_int_equal(write_at(0, bytes, sizeof(bytes)), 2 * BLOCK);
    assert_int_equal(memory.charged, budget.used);
    /* Without a limit of its own, the memory's holds. */
    budget.limit = 0;
    uint32_t failure;
    assert_int_equal(scratch_content_write(&content, &budget, 2 * BLOCK, bytes, 1, &failure), 0);
    assert_int_equal(failure, WASI_ERRNO_NOSPC);
    struct linear_memory other = {.size = WASM_PAGE_SIZE, .limit = WASM_PAGE_SIZE};
    scratch_budget_set_memory(&budget, &other);
    assert_int_equal(memory.charged, 0);
    assert_int_equal(other.charged, budget.used);
    scratch_budget_set_memory(&budget, NULL);
    assert_int_equal(other.charged, 0);
    assert_int_equal(write_at(2 * BLOCK, bytes, BLOCK), BLOCK);
    assert_false(scratch_budget_take(&budget, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTENT_TEST(what_is_written_is_read),
        CONTENT_TEST(holes_are_zeros_and_take_nothing),
        CONTENT_TEST(what_was_cut_off_does_not_come_back),
        CONTENT_TEST(sizes_have_a_limit),
        CONTENT_TEST(the_index_is_counted_and_given_back),
        CONTENT_TEST(a_write_stops_at_the_limit),
        CONTENT_TEST(allocating_is_all_or_nothing),
        CONTENT_TEST(blocks_know_their_size),
        CONTENT_TEST(it_does_what_an_array_does),
        CONTENT_TEST(memory_is_charged),
    };
    return cmocka_run_group_tests_name("scratch_content", tests, NULL, NULL);
}
