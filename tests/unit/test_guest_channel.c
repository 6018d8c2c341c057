/* src/sandbox/guest_channel.c: frames as a service takes them from a process that it does not
 * trust, and as a process writes and reads them. readv(2) and writev(2) are wrapped, so that each
 * moves as little as a socket may. */
#include "sandbox/guest_channel.h"

#include "sandbox/run_report.h"
#include "sandbox/session_state.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD sizeof(struct guest_channel_head)

/* ---- the kernel's side ---- */

static size_t piece_size; /* what one call moves at most; 0: everything */
static size_t interrupted_calls;

typedef ssize_t vector_call(int fd, const struct iovec *vectors, int count);
vector_call __real_readv, __wrap_readv, __real_writev, __wrap_writev;

static ssize_t call_in_pieces(vector_call *call, int fd, const struct iovec *vectors, int count)
{
    struct iovec piece = vectors[0];
    if (interrupted_calls > 0) {
        interrupted_calls--;
        errno = EINTR;
        return -1;
    }
    if (piece_size == 0)
        return call(fd, vectors, count);
    if (piece.iov_len > piece_size)
        piece.iov_len = piece_size;
    return call(fd, &piece, 1);
}

ssize_t __wrap_readv(int fd, const struct iovec *vectors, int count)
{
    return call_in_pieces(__real_readv, fd, vectors, count);
}

ssize_t __wrap_writev(int fd, const struct iovec *vectors, int count)
{
    return call_in_pieces(__real_writev, fd, vectors, count);
}

/* ---- taking ---- */

/* What was taken, as a text: "KIND:CONTENTS;" for each frame. */
struct taken {
    struct guest_channel_reader reader;
    struct buffer text;
    size_t frames;
    size_t stop_at; /* the frame that returns something else than 0; 0: none */
};

static int take_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                      size_t size)
{
    struct taken *taken = argument;
    assert_int_equal(buffer_append_format(&taken->text, "%d:", (int)kind), 0);
    assert_int_equal(buffer_append(&taken->text, bytes, size), 0);
    assert_int_equal(buffer_append_text(&taken->text, ";"), 0);
    taken->frames++;
    return taken->frames == taken->stop_at ? 7 : 0;
}

/* Hands over a block of exactly this size, so that a sanitizer sees a read beyond it. */
static int take(struct taken *taken, const void *bytes, size_t size)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    int result = guest_channel_take(&taken->reader, exact, size, take_frame, taken);
    free(exact);
    return result;
}

static void forget(struct taken *taken)
{
    guest_channel_reader_free(&taken->reader);
    buffer_free(&taken->text);
    *taken = (struct taken){0};
}

static void put(struct buffer *stream, uint32_t kind, const void *bytes, size_t size)
{
    const struct guest_channel_head head = {.kind = kind, .size = (uint32_t)size};
    assert_int_equal(buffer_append(stream, &head, sizeof(head)), 0);
    assert_int_equal(buffer_append(stream, bytes, size), 0);
}

static const char all[] = "3:;2:out;3:e\0r;4:report;2:;5:0123456789abcdef;3:;";

static void put_all(struct buffer *stream)
{
    put(stream, GUEST_CHANNEL_STDERR, "", 0);
    put(stream, GUEST_CHANNEL_STDOUT, "out", 3);
    put(stream, GUEST_CHANNEL_STDERR, "e\0r", 3);
    put(stream, GUEST_CHANNEL_REPORT, "report", 6);
    put(stream, GUEST_CHANNEL_STDOUT, "", 0);
    put(stream, GUEST_CHANNEL_SAVED, "0123456789abcdef", sizeof(struct session_saved));
    put(stream, GUEST_CHANNEL_STDERR, "", 0);
}

static void check_all(const struct taken *taken)
{
    assert_int_equal(taken->frames, 7);
    assert_int_equal(taken->text.size, sizeof(all) - 1);
    assert_memory_equal(taken->text.data, all, sizeof(all) - 1);
    assert_int_equal(taken->reader.pending.size, 0);
}

static void frames_come_whole(void **state)
{
    struct taken taken = {0};
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put_all(&stream);
    assert_int_equal(take(&taken, stream.data, stream.size), 0);
    check_all(&taken);
    assert_int_equal(take(&taken, "", 0), 0);
    check_all(&taken);
    assert_null(taken.reader.pending.data); /* what came whole was not kept */
    forget(&taken);
}

static void frames_come_byte_by_byte(void **state)
{
    struct taken taken = {0};
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put_all(&stream);
    for (size_t i = 0; i < stream.size; i++) {
        /* A frame is handed over with its last byte and not before. */
        size_t before = taken.frames;
        assert_int_equal(take(&taken, stream.data + i, 1), 0);
        assert_int_equal(taken.frames - before, taken.reader.pending.size == 0 ? 1 : 0);
    }
    check_all(&taken);
    forget(&taken);
}

static void frames_come_in_any_three_parts(void **state)
{
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put_all(&stream);
    for (size_t first = 0; first <= stream.size; first++) {
        for (size_t second = first; second <= stream.size; second++) {
            struct taken taken = {0};
            assert_int_equal(take(&taken, stream.data, first), 0);
            assert_int_equal(take(&taken, stream.data + first, second - first), 0);
            assert_int_equal(take(&taken, stream.data + second, stream.size - second), 0);
            check_all(&taken);
            forget(&taken);
        }
    }
}

static void a_frame_that_is_not_whole_is_not_handed_over(void **state)
{
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put(&stream, GUEST_CHANNEL_STDOUT, "contents", 8);
    for (size_t size = 0; size < stream.size; size++) {
        struct taken taken = {0};
        assert_int_equal(take(&taken, stream.data, size), 0);
        assert_int_equal(taken.frames, 0);
        assert_int_equal(taken.reader.pending.size, size);
        forget(&taken);
    }
}

/* ---- what no process sends ---- */

/* The answer to a head alone, whose contents are still to come. */
static int take_head(uint32_t kind, uint32_t size)
{
    const struct guest_channel_head head = {.kind = kind, .size = size};
    struct taken taken = {0};
    int result = take(&taken, &head, sizeof(head));
    assert_int_equal(taken.frames, result == 0 && size == 0 ? 1 : 0);
    forget(&taken);
    return result;
}

static void each_kind_has_a_largest_size(void **state)
{
    static const struct {
        uint32_t kind;
        uint32_t most;
    } kinds[] = {
        {GUEST_CHANNEL_STDOUT, GUEST_CHANNEL_OUTPUT_MAX},
        {GUEST_CHANNEL_STDERR, GUEST_CHANNEL_OUTPUT_MAX},
        {GUEST_CHANNEL_REPORT, RUN_REPORT_SIZE_MAX},
        {GUEST_CHANNEL_SAVED, sizeof(struct session_saved)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_equal(take_head(kinds[i].kind, 0), 0);
        assert_int_equal(take_head(kinds[i].kind, kinds[i].most), 0);
        assert_int_equal(take_head(kinds[i].kind, kinds[i].most + 1), -1);
        assert_int_equal(take_head(kinds[i].kind, (uint32_t)1 << 31), -1);
        assert_int_equal(take_head(kinds[i].kind, UINT32_MAX), -1);
        assert_int_equal(take_head(kinds[i].kind, UINT32_MAX - HEAD + 1), -1);
    }
}

static void unknown_kinds_are_refused(void **state)
{
    static const uint32_t kinds[] = {0, GUEST_CHANNEL_RUN, GUEST_CHANNEL_KIND_COUNT,
                                     256 + GUEST_CHANNEL_STDOUT, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (uint32_t size = 0; size < 3; size++)
            assert_int_equal(take_head(kinds[i], size), -1);
    }
}

static void frames_before_nonsense_are_handed_over(void **state)
{
    struct taken taken = {0};
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put(&stream, GUEST_CHANNEL_STDOUT, "a", 1);
    put(&stream, GUEST_CHANNEL_STDERR, "b", 1);
    put(&stream, 99, "c", 1);
    put(&stream, GUEST_CHANNEL_STDOUT, "d", 1);
    assert_int_equal(take(&taken, stream.data, stream.size), -1);
    assert_string_equal(buffer_text(&taken.text), "2:a;3:b;");
    forget(&taken);
    for (size_t size = 0; size < stream.size; size++) {
        int result = take(&taken, stream.data, size);
        if (result == 0)
            result = take(&taken, stream.data + size, stream.size - size);
        assert_int_equal(result, -1);
        assert_string_equal(buffer_text(&taken.text), "2:a;3:b;");
        forget(&taken);
    }
}

static void the_one_who_takes_can_stop(void **state)
{
    BUFFER_LOCAL struct buffer stream = BUFFER_EMPTY;
    (void)state;
    put_all(&stream);
    for (size_t stop = 1; stop <= 7; stop++) {
        for (size_t first = 0; first <= stream.size; first++) {
            struct taken taken = {.stop_at = stop};
            int result = take(&taken, stream.data, first);
            if (result == 0)
                result = take(&taken, stream.data + first, stream.size - first);
            assert_int_equal(result, -1);
            assert_int_equal(taken.frames, stop);
            forget(&taken);
        }
    }
}

/* Whatever a process sends and however long: no more is kept than a frame. */
static void a_flood_leaves_nothing_behind(void **state)
{
    struct taken taken = {0};
    char *flood = malloc(65536);
    uint64_t left = (uint64_t)64 << 20;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    assert_non_null(flood);
    memset(flood, 'x', 65536);
    put(&frame, GUEST_CHANNEL_STDOUT, flood, GUEST_CHANNEL_OUTPUT_MAX);
    for (size_t position = 0; left > 65536; left -= 65536) {
        for (size_t i = 0; i < 65536; i++, position = (position + 1) % frame.size)
            flood[i] = frame.data[position];
        assert_int_equal(take(&taken, flood, 65536), 0);
        assert_true(taken.reader.pending.size < frame.size);
        assert_true(taken.reader.pending.capacity <= 4 * 65536);
        buffer_clear(&taken.text);
    }
    assert_true(taken.frames > 2000);
    forget(&taken);
    free(flood);
}

static int count_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                       size_t size)
{
    size_t *total = argument;
    assert_int_equal(kind, GUEST_CHANNEL_REPORT);
    assert_int_equal(bytes[0], 'x');
    assert_int_equal(bytes[size - 1], 'x');
    *total += size;
    return 0;
}

/* The largest there is, in the pieces that a service reads: kept once, handed over, forgotten. */
static void the_largest_report_is_taken_and_forgotten(void **state)
{
    struct guest_channel_reader reader = {0};
    const struct guest_channel_head head = {.kind = GUEST_CHANNEL_REPORT,
                                            .size = RUN_REPORT_SIZE_MAX};
    char *piece = malloc(65536);
    size_t total = 0;
    (void)state;
    assert_non_null(piece);
    memset(piece, 'x', 65536);
    assert_int_equal(guest_channel_take(&reader, &head, sizeof(head), count_frame, &total), 0);
    for (size_t sent = 0; sent < RUN_REPORT_SIZE_MAX; sent += 65536) {
        assert_int_equal(total, 0);
        assert_int_equal(guest_channel_take(&reader, piece, 65536, count_frame, &total), 0);
    }
    assert_int_equal(total, RUN_REPORT_SIZE_MAX);
    assert_null(reader.pending.data);
    guest_channel_reader_free(&reader);
    free(piece);
}

/* ---- in the process ---- */

static int ends[2];

static int open_pair(void **state)
{
    (void)state;
    piece_size = 0;
    interrupted_calls = 0;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static int close_pair(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            (void)close(ends[i]);
    }
    return 0;
}

static void take_all(struct taken *taken)
{
    char bytes[4096];
    (void)shutdown(ends[0], SHUT_WR);
    for (;;) {
        ssize_t size = read(ends[1], bytes, sizeof(bytes));
        assert_true(size >= 0);
        if (size == 0)
            return;
        assert_int_equal(take(taken, bytes, (size_t)size), 0);
    }
}

static void what_is_written_in_pieces_is_whole(void **state)
{
    static const size_t pieces[] = {0, 1, 2, 7, 8, 9, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct taken taken = {0};
        BUFFER_LOCAL struct buffer frames = BUFFER_EMPTY;
        piece_size = pieces[i];
        interrupted_calls = 2;
        put(&frames, GUEST_CHANNEL_STDOUT, "first", 5);
        assert_int_equal(guest_channel_write(ends[0], GUEST_CHANNEL_STDERR, NULL, 0), 0);
        assert_int_equal(guest_channel_write(ends[0], GUEST_CHANNEL_STDERR, "text", 4), 0);
        assert_int_equal(guest_channel_write_all(ends[0], frames.data, frames.size), 0);
        assert_int_equal(guest_channel_write_all(ends[0], NULL, 0), 0);
        interrupted_calls = 1;
        assert_int_equal(
            guest_channel_write_both(ends[0], frames.data, frames.size, frames.data, frames.size),
            0);
        assert_int_equal(guest_channel_write_both(ends[0], frames.data, frames.size, NULL, 0), 0);
        assert_int_equal(guest_channel_write_both(ends[0], NULL, 0, frames.data, frames.size), 0);
        take_all(&taken);
        assert_string_equal(buffer_text(&taken.text),
                            "3:;3:text;2:first;2:first;2:first;2:first;2:first;");
        forget(&taken);
        (void)close_pair(NULL);
        assert_int_equal(open_pair(NULL), 0);
    }
}

static void a_service_that_is_gone_is_told(void **state)
{
    (void)state;
    void (*former)(int) = signal(SIGPIPE, SIG_IGN);
    (void)close(ends[1]);
    ends[1] = -1;
    assert_int_equal(guest_channel_write(ends[0], GUEST_CHANNEL_STDOUT, "x", 1), -1);
    assert_int_equal(guest_channel_write_all(ends[0], "x", 1), -1);
    assert_int_equal(guest_channel_write_both(ends[0], "x", 1, "y", 1), -1);
    char byte;
    assert_int_equal(guest_channel_read(ends[0], &byte, 1), -1);
    (void)signal(SIGPIPE, former);
}

static void exactly_what_is_asked_for_is_read(void **state)
{
    char bytes[8] = "";
    (void)state;
    piece_size = 1;
    interrupted_calls = 3;
    assert_int_equal(write(ends[1], "abcdefg", 7), 7);
    assert_int_equal(guest_channel_read(ends[0], bytes, 0), 0);
    assert_int_equal(guest_channel_read(ends[0], bytes, 3), 0);
    assert_memory_equal(bytes, "abc", 4);
    (void)shutdown(ends[1], SHUT_WR);
    assert_int_equal(guest_channel_read(ends[0], bytes, 5), -1); /* there are four */
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_whole),
        cmocka_unit_test(frames_come_byte_by_byte),
        cmocka_unit_test(frames_come_in_any_three_parts),
        cmocka_unit_test(a_frame_that_is_not_whole_is_not_handed_over),
        cmocka_unit_test(each_kind_has_a_largest_size),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(frames_before_nonsense_are_handed_over),
        cmocka_unit_test(the_one_who_takes_can_stop),
        cmocka_unit_test(a_flood_leaves_nothing_behind),
        cmocka_unit_test(the_largest_report_is_taken_and_forgotten),
        CASE(what_is_written_in_pieces_is_whole),
        CASE(a_service_that_is_gone_is_told),
        CASE(exactly_what_is_asked_for_is_read),
    };
    return cmocka_run_group_tests_name("guest_channel", tests, NULL, NULL);
}
