/* src/sandbox/state_reader.c: states as they are, and out of frames of every kind. */
#include "sandbox/state_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define STATE "a state, which nobody reads here"

static int make_file(const void *bytes, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    return fd;
}

/* Packs with a window of 2 to the power of `log` (0: as it comes). The size. */
static size_t pack(const void *bytes, size_t size, int log, void *packed, size_t room)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log)));
    /* In two steps, as a frame whose size is known needs no window larger than that. */
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    ZSTD_outBuffer out = {.dst = packed, .size = room};
    while (in.pos < in.size)
        assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
    size_t left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
    assert_int_equal(left, 0);
    (void)ZSTD_freeCCtx(context);
    return out.pos;
}

/* Whether exactly `size` bytes, which then are `expected`, are read from these. */
static bool gives(const void *bytes, size_t bytes_size, off_t offset, const void *expected,
                  size_t size)
{
    int fd = make_file(bytes, bytes_size);
    struct state_reader *reader = state_reader_new(fd, offset);
    uint8_t *read = malloc(size + 1);
    bool right = false;
    assert_true(reader != NULL && read != NULL);
    if (state_reader_read(reader, read, size) == 0) {
        assert_memory_equal(read, expected, size);
        right = state_reader_at_end(reader);
    }
    state_reader_free(reader);
    free(read);
    (void)close(fd);
    return right;
}

static void a_state_as_it_is(void **state)
{
    int fd = make_file(STATE, sizeof(STATE));
    char byte;
    (void)state;
    struct state_reader *reader = state_reader_new(fd, 0);
    assert_false(state_reader_at_end(reader)); /* nothing was read yet */
    for (size_t i = 0; i < sizeof(STATE); i++) {
        assert_int_equal(state_reader_read(reader, &byte, 1), 0);
        assert_int_equal(byte, STATE[i]);
    }
    assert_true(state_reader_at_end(reader));
    assert_int_equal(state_reader_read(reader, &byte, 1), -1);
    state_reader_free(reader);
    (void)close(fd);
}

/* It begins where it is said to, behind a head. */
static void a_state_behind_something_else(void **state)
{
    char file[300] = "head";
    (void)state;
    assert_true(gives("head" STATE, 4 + sizeof(STATE), 4, STATE, sizeof(STATE)));
    size_t size = pack(STATE, sizeof(STATE), 0, file + 4, sizeof(file) - 4);
    assert_true(gives(file, 4 + size, 4, STATE, sizeof(STATE)));
    assert_false(gives(file, 4 + size, 100000, STATE, sizeof(STATE)));
    assert_true(gives(file, 4 + size, 4 + (off_t)size, "", 0));
}

static void a_state_of_many_pieces(void **state)
{
    const size_t size = 300001;
    const size_t room = ZSTD_compressBound(size) + 100;
    uint8_t *bytes = malloc(size);
    uint8_t *packed = malloc(room);
    uint32_t seed = 1;
    (void)state;
    assert_true(bytes != NULL && packed != NULL);
    for (size_t i = 0; i < size; i++) { /* so that packing gains nothing */
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    size_t packed_size = pack(bytes, size, 0, packed, room);
    assert_true(packed_size > 250000);
    assert_true(gives(bytes, size, 0, bytes, size));
    assert_true(gives(packed, packed_size, 0, bytes, size));
    memset(bytes, 0, size); /* and all of it */
    packed_size = pack(bytes, size, 0, packed, room);
    assert_true(packed_size < 1000);
    assert_true(gives(packed, packed_size, 0, bytes, size));
    free(bytes);
    free(packed);
}

static void fewer_or_more_bytes_than_are_read(void **state)
{
    char packed[300] = "";
    char longer[sizeof(STATE) + 1] = STATE;
    (void)state;
    size_t size = pack(STATE, sizeof(STATE), 0, packed, sizeof(packed));
    assert_false(gives(STATE, sizeof(STATE), 0, longer, sizeof(longer)));
    assert_false(gives(packed, size, 0, longer, sizeof(longer)));
    assert_false(gives(STATE, sizeof(STATE), 0, STATE, sizeof(STATE) - 1));
    assert_false(gives(packed, size, 0, STATE, sizeof(STATE) - 1));
    assert_false(gives(packed, size + 1, 0, STATE, sizeof(STATE)));
}

/* The last bytes of a frame are its checksum, which lies behind the last byte of a state. A frame
 * of which not even the magic number is there is a state as it is. */
static void a_frame_that_is_cut_or_changed(void **state)
{
    char packed[300];
    (void)state;
    size_t size = pack(STATE, sizeof(STATE), 0, packed, sizeof(packed));
    for (size_t cut = 0; cut < size; cut++)
        assert_false(gives(packed, cut, 0, STATE, sizeof(STATE)));
    for (size_t at = size - 4; at < size; at++) {
        packed[at] ^= 1;
        assert_false(gives(packed, size, 0, STATE, sizeof(STATE)));
        packed[at] ^= 1;
    }
    assert_true(gives(packed, size, 0, STATE, sizeof(STATE)));
}

/* One frame is a state. */
static void frames_beside_the_one_of_the_state(void **state)
{
    char packed[600];
    (void)state;
    size_t size = pack(STATE, sizeof(STATE), 0, packed, sizeof(packed));
    size_t both = size + pack(STATE, sizeof(STATE), 0, packed + size, sizeof(packed) - size);
    assert_false(gives(packed, both, 0, STATE, sizeof(STATE)));
    both = size + pack("", 0, 0, packed + size, sizeof(packed) - size);
    assert_false(gives(packed, both, 0, STATE, sizeof(STATE)));
    size = pack("", 0, 0, packed, sizeof(packed));
    both = size + pack(STATE, sizeof(STATE), 0, packed + size, sizeof(packed) - size);
    assert_false(gives(packed, both, 0, STATE, sizeof(STATE)));
    assert_true(gives(packed, size, 0, "", 0));
}

/* Its reader would have to keep as much as that, whatever the memory limit of the session is. */
static void a_frame_with_a_large_window(void **state)
{
    char packed[300];
    (void)state;
    for (int log = 23; log <= 24; log++) {
        size_t size = pack(STATE, sizeof(STATE), log, packed, sizeof(packed));
        assert_int_equal(gives(packed, size, 0, STATE, sizeof(STATE)), log == 23);
    }
}

static void a_reader_that_failed_stays_failed(void **state)
{
    int fd = make_file(STATE, sizeof(STATE));
    char bytes[sizeof(STATE) + 1];
    (void)state;
    struct state_reader *reader = state_reader_new(fd, 0);
    assert_int_equal(state_reader_read(reader, bytes, 5), 0);
    assert_int_equal(state_reader_read(reader, bytes, sizeof(bytes)), -1);
    assert_int_equal(state_reader_read(reader, bytes, 1), -1);
    assert_int_equal(state_reader_read(reader, bytes, 0), -1);
    assert_false(state_reader_at_end(reader));
    state_reader_free(reader);
    state_reader_free(NULL);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_as_it_is),
        cmocka_unit_test(a_state_behind_something_else),
        cmocka_unit_test(a_state_of_many_pieces),
        cmocka_unit_test(fewer_or_more_bytes_than_are_read),
        cmocka_unit_test(a_frame_that_is_cut_or_changed),
        cmocka_unit_test(frames_beside_the_one_of_the_state),
        cmocka_unit_test(a_frame_with_a_large_window),
        cmocka_unit_test(a_reader_that_failed_stays_failed),
    };
    return cmocka_run_group_tests_name("state_reader", tests, NULL, NULL);
}
