/* src/sandbox/guest_output.c: each test runs in a process of its own, as a guest process does, with
 * a socket at GUEST_CHANNEL_FD whose other end is read as a service reads it. writev(2), by which
 * everything leaves, is wrapped. */
#include "sandbox/guest_output.h"

#include "engine/linear_memory.h"
#include "sandbox/guest_channel.h"
#include "wasi/abi.h"
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGES 4u
#define VECTORS_AT 0u
#define RESULT_AT 0x8000u
#define BYTES_AT 0x10000u
#define BYTES_MAX (2 * WASM_PAGE_SIZE)

/* ---- in the guest process ---- */

static struct wasi_host *host;
static struct linear_memory memory;

static size_t writes;        /* calls of writev so far */
static size_t largest_write; /* what one of them was asked to move */
static size_t piece_size;    /* what one moves at most; 0: everything */
static size_t interruptions; /* so many of them are interrupted first */
static int raised;           /* a signal that comes during each of them; 0: none */

ssize_t __real_writev(int fd, const struct iovec *vectors, int count);
ssize_t __wrap_writev(int fd, const struct iovec *vectors, int count);
ssize_t __wrap_writev(int fd, const struct iovec *vectors, int count)
{
    struct iovec piece = vectors[0];
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vectors[i].iov_len;
    if (size > largest_write)
        largest_write = size;
    writes++;
    if (raised != 0)
        (void)raise(raised);
    if (interruptions > 0) {
        interruptions--;
        errno = EINTR;
        return -1;
    }
    if (piece_size == 0)
        return __real_writev(fd, vectors, count);
    if (piece.iov_len > piece_size)
        piece.iov_len = piece_size;
    return __real_writev(fd, &piece, 1);
}

/* cmocka's own would go on with the next test, in this process. */
static void require_at(bool holds, const char *what, int line)
{
    if (holds)
        return;
    (void)fprintf(stderr, "line %d: %s does not hold\n", line, what);
    _exit(1);
}

#define REQUIRE(holds) require_at(holds, #holds, __LINE__)

/* fd_write of two vectors, as the guest makes it. The errno. */
static uint32_t write_two(uint32_t fd, const void *first, size_t first_size, const void *second,
                          size_t second_size)
{
    uint8_t *vectors = memory.base + VECTORS_AT;
    REQUIRE(first_size + second_size <= BYTES_MAX);
    memcpy(memory.base + BYTES_AT, first, first_size);
    memcpy(memory.base + BYTES_AT + first_size, second, second_size);
    store_u32(vectors, BYTES_AT);
    store_u32(vectors + 4, (uint32_t)first_size);
    store_u32(vectors + 8, (uint32_t)(BYTES_AT + first_size));
    store_u32(vectors + 12, (uint32_t)second_size);
    store_u32(memory.base + RESULT_AT, 0);
    uint32_t failure = preview1_fd_write(host, fd, VECTORS_AT, 2, RESULT_AT);
    /* What is dropped counts as written: to the guest, it is like a pipe nobody looks into. */
    REQUIRE(load_u32(memory.base + RESULT_AT) ==
            (failure == WASI_ERRNO_SUCCESS ? first_size + second_size : 0));
    return failure;
}

static void print(uint32_t fd, const char *text)
{
    REQUIRE(write_two(fd, text, strlen(text), "", 0) == WASI_ERRNO_SUCCESS);
}

/* So many bytes, of which each tells its place. */
static void print_much(uint32_t fd, size_t size)
{
    static uint8_t bytes[BYTES_MAX];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i % 251);
    REQUIRE(write_two(fd, bytes, size, "", 0) == WASI_ERRNO_SUCCESS);
}

static void become_guest_process(int channel)
{
    struct error error = ERROR_NONE;
    REQUIRE(dup2(channel, GUEST_CHANNEL_FD) == GUEST_CHANNEL_FD);
    REQUIRE(linear_memory_create(&memory, PAGES, PAGES, UINT64_MAX, &error) == 0);
    host = wasi_host_new(&memory);
    REQUIRE(host != NULL && guest_output_connect(host, &error) == 0);
}

/* ---- in the service ---- */

struct came {
    struct buffer frames; /* "KIND:CONTENTS;" for each */
    struct buffer streams[2];
    size_t count;
    size_t largest;
};

static int note_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                      size_t size)
{
    struct came *came = argument;
    came->count++;
    if (size > came->largest)
        came->largest = size;
    if (kind == GUEST_CHANNEL_STDOUT || kind == GUEST_CHANNEL_STDERR) {
        size_t stream = kind == GUEST_CHANNEL_STDOUT ? 0 : 1;
        assert_true(size > 0);
        assert_int_equal(buffer_append(&came->streams[stream], bytes, size), 0);
    }
    return buffer_append_format(&came->frames, "%d:", (int)kind) |
           buffer_append(&came->frames, bytes, size) | buffer_append_text(&came->frames, ";");
}

static void forget(struct came *came)
{
    buffer_free(&came->frames);
    buffer_free(&came->streams[0]);
    buffer_free(&came->streams[1]);
}

/* Runs `body` in a process and takes what comes until its end. `gone`: the service's end is closed
 * before it begins. */
static void run(void (*body)(void), bool gone, struct came *came)
{
    struct guest_channel_reader reader = {0};
    static char bytes[65536];
    int ends[2];
    int status;
    *came = (struct came){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (gone)
        (void)close(ends[0]);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become_guest_process(ends[1]);
        if (!gone && ends[0] != GUEST_CHANNEL_FD)
            (void)close(ends[0]);
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    for (ssize_t size = gone ? 0 : 1; size > 0;) {
        size = read(ends[0], bytes, sizeof(bytes));
        assert_true(size >= 0);
        assert_int_equal(guest_channel_take(&reader, bytes, (size_t)size, note_frame, came), 0);
    }
    assert_int_equal(reader.pending.size, 0);
    guest_channel_reader_free(&reader);
    if (!gone)
        (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void expect(void (*body)(void), const char *frames)
{
    struct came came;
    run(body, false, &came);
    assert_string_equal(buffer_text(&came.frames), frames);
    forget(&came);
}

/* Whether the bytes are those of print_much, one call after another. */
static void check_places(const struct buffer *bytes, size_t size, size_t a_call)
{
    assert_int_equal(bytes->size, size);
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)bytes->data[i] != i % a_call % 251)
            fail_msg("byte %zu is another", i);
    }
}

/* ---- gathering ---- */

static void print_lines(void)
{
    guest_output_begin(1000, false);
    for (int i = 0; i < 5; i++)
        print(1, "line\n");
    REQUIRE(writes == 0);
    guest_output_flush();
    REQUIRE(writes == 1);
    guest_output_flush();
    REQUIRE(writes == 1); /* there is nothing more to send */
    print(1, "last\n");
    guest_output_flush();
    REQUIRE(writes == 2);
}

static void small_writes_are_put_together(void **state)
{
    (void)state;
    expect(print_lines, "2:line\nline\nline\nline\nline\n;2:last\n;");
}

static void print_in_turn(void)
{
    guest_output_begin(1000, false);
    print(1, "a");
    print(1, "b");
    print(2, "c");
    print(1, "d");
    print(2, "e");
    print(2, "f");
    guest_output_flush();
    REQUIRE(writes == 1);
}

static void the_order_of_both_streams_is_kept(void **state)
{
    (void)state;
    expect(print_in_turn, "2:ab;3:c;2:d;3:ef;");
}

static void print_nothing(void)
{
    guest_output_begin(1000, false);
    print(1, "");
    print(2, "");
    REQUIRE(preview1_fd_write(host, 1, VECTORS_AT, 0, RESULT_AT) == WASI_ERRNO_SUCCESS);
    guest_output_flush();
    REQUIRE(writes == 0);
}

static void writing_nothing_sends_nothing(void **state)
{
    (void)state;
    expect(print_nothing, "");
}

static void print_vectors(void)
{
    guest_output_begin(1000, false);
    REQUIRE(write_two(1, "one", 3, "two", 3) == WASI_ERRNO_SUCCESS);
    REQUIRE(write_two(2, "", 0, "three", 5) == WASI_ERRNO_SUCCESS);
    guest_output_flush();
}

static void vectors_are_written_one_after_the_other(void **state)
{
    (void)state;
    expect(print_vectors, "2:onetwo;3:three;");
}

static void print_what_fills_a_frame(void)
{
    guest_output_begin(UINT64_MAX, false);
    print_much(1, GUEST_CHANNEL_OUTPUT_MAX - 1);
    REQUIRE(writes == 0);
    print(1, "x");
    REQUIRE(writes == 1); /* the frame is full */
    print_much(1, GUEST_CHANNEL_OUTPUT_MAX);
    REQUIRE(writes == 2);
    print_much(1, GUEST_CHANNEL_OUTPUT_MAX + 1);
    REQUIRE(writes == 3);
    guest_output_flush();
    REQUIRE(writes == 4);
}

static void what_fills_a_frame_is_sent(void **state)
{
    struct came came;
    (void)state;
    run(print_what_fills_a_frame, false, &came);
    assert_int_equal(came.count, 4);
    assert_int_equal(came.largest, GUEST_CHANNEL_OUTPUT_MAX);
    assert_int_equal(came.streams[0].size, 3 * (size_t)GUEST_CHANNEL_OUTPUT_MAX + 1);
    forget(&came);
}

/* Where no room is left for the head of another frame and something behind it, one begins anew. */
static void print_up_to_the_end(void)
{
    for (uint32_t left = 0; left < 600; left++) {
        guest_output_begin(UINT64_MAX, false);
        print_much(1, GUEST_CHANNEL_OUTPUT_MAX - left);
        print(2, "err");
        print(1, "out");
        guest_output_flush();
        REQUIRE(largest_write <= sizeof(struct guest_channel_head) + GUEST_CHANNEL_OUTPUT_MAX);
    }
}

static void no_more_is_gathered_than_there_is_room_for(void **state)
{
    struct came came;
    size_t at = 0;
    (void)state;
    run(print_up_to_the_end, false, &came);
    for (uint32_t left = 0; left < 600; left++) {
        size_t size = GUEST_CHANNEL_OUTPUT_MAX - left;
        const struct buffer part = {.data = came.streams[0].data + at, .size = size};
        assert_true(at + size + 3 <= came.streams[0].size);
        check_places(&part, size, SIZE_MAX);
        assert_memory_equal(came.streams[0].data + at + size, "out", 3);
        assert_memory_equal(came.streams[1].data + 3 * (size_t)left, "err", 3);
        at += size + 3;
    }
    assert_int_equal(at, came.streams[0].size);
    forget(&came);
}

#define MUCH ((size_t)100000)

static void print_a_lot(void)
{
    guest_output_begin(UINT64_MAX, false);
    for (int i = 0; i < 7; i++)
        print_much(i % 2 == 0 ? 1 : 2, MUCH);
    guest_output_flush();
}

static void large_writes_come_whole(void **state)
{
    struct came came;
    (void)state;
    run(print_a_lot, false, &came);
    assert_true(came.largest <= GUEST_CHANNEL_OUTPUT_MAX);
    check_places(&came.streams[0], 4 * MUCH, MUCH);
    check_places(&came.streams[1], 3 * MUCH, MUCH);
    forget(&came);
}

/* Sizes and streams in every mixture; frames get whatever room is left. */
#define MIXED_WRITES 4000

static uint32_t mixed_size(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 24) % 8 == 0 ? (*seed >> 8) % 40000 : (*seed >> 8) % 300;
}

static void print_a_mixture(void)
{
    uint32_t seed = 1;
    guest_output_begin(UINT64_MAX, false);
    for (int i = 0; i < MIXED_WRITES; i++) {
        uint32_t size = mixed_size(&seed);
        print_much(size % 3 == 0 ? 2 : 1, size);
    }
    guest_output_flush();
}

static void a_mixture_of_sizes_comes_whole(void **state)
{
    struct came came;
    uint32_t seed = 1;
    size_t at[2] = {0};
    (void)state;
    run(print_a_mixture, false, &came);
    for (int i = 0; i < MIXED_WRITES; i++) {
        uint32_t size = mixed_size(&seed);
        size_t stream = size % 3 == 0 ? 1 : 0;
        const struct buffer part = {.data = came.streams[stream].data + at[stream], .size = size};
        assert_true(at[stream] + size <= came.streams[stream].size);
        check_places(&part, size, SIZE_MAX);
        at[stream] += size;
    }
    assert_int_equal(at[0], came.streams[0].size);
    assert_int_equal(at[1], came.streams[1].size);
    assert_true(came.largest <= GUEST_CHANNEL_OUTPUT_MAX);
    forget(&came);
}

static void print_through_a_slow_channel(void)
{
    guest_output_begin(UINT64_MAX, false);
    piece_size = 100;
    interruptions = 3;
    print_much(1, MUCH);
    print_much(2, MUCH);
    guest_output_flush();
    REQUIRE(writes > 2 * MUCH / 100);
}

static void a_channel_that_takes_little_gets_everything(void **state)
{
    struct came came;
    (void)state;
    run(print_through_a_slow_channel, false, &came);
    check_places(&came.streams[0], MUCH, MUCH);
    check_places(&came.streams[1], MUCH, MUCH);
    forget(&came);
}

/* ---- streaming ---- */

static void print_streamed(void)
{
    guest_output_begin(8, true);
    print(1, "a");
    REQUIRE(writes == 1);
    print(2, "b");
    REQUIRE(writes == 2);
    print(1, "");
    REQUIRE(writes == 2);
    print(1, "0123456789");
    REQUIRE(writes == 3);
    print(1, "dropped");
    REQUIRE(writes == 3);
}

static void streamed_output_goes_out_at_once(void **state)
{
    (void)state;
    expect(print_streamed, "2:a;3:b;2:0123456;");
}

/* ---- limits ---- */

#define LIMIT 10u

static void print_around_the_limit(void)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t size = LIMIT - 1; size <= LIMIT + 1; size++) {
        for (size_t first = 0; first <= size; first++) {
            /* In two writes, in two vectors, of either stream. */
            guest_output_begin(LIMIT, false);
            REQUIRE(write_two(1, digits, first, "", 0) == WASI_ERRNO_SUCCESS);
            REQUIRE(guest_output_truncated(1) == (first > LIMIT));
            REQUIRE(write_two(1, digits + first, size - first, "", 0) == WASI_ERRNO_SUCCESS);
            REQUIRE(guest_output_truncated(1) == (size > LIMIT));
            REQUIRE(!guest_output_truncated(2));
            REQUIRE(write_two(2, digits, first, digits + first, size - first) ==
                    WASI_ERRNO_SUCCESS);
            REQUIRE(guest_output_truncated(2) == (size > LIMIT));
            guest_output_flush();
        }
    }
}

static void exactly_what_is_over_the_limit_is_dropped(void **state)
{
    struct came came;
    BUFFER_LOCAL struct buffer expected = BUFFER_EMPTY;
    (void)state;
    run(print_around_the_limit, false, &came);
    for (size_t size = LIMIT - 1; size <= LIMIT + 1; size++) {
        const char *kept = size < LIMIT ? "012345678" : "0123456789";
        for (size_t first = 0; first <= size; first++)
            assert_int_equal(buffer_append_format(&expected, "2:%s;3:%s;", kept, kept), 0);
    }
    assert_string_equal(buffer_text(&came.frames), buffer_text(&expected));
    forget(&came);
}

static void print_beyond_every_limit(void)
{
    guest_output_begin(0, false);
    print(1, "");
    REQUIRE(!guest_output_truncated(1)); /* nothing was dropped */
    print(1, "x");
    REQUIRE(guest_output_truncated(1) && !guest_output_truncated(2));
    guest_output_begin(3, false); /* another run */
    REQUIRE(!guest_output_truncated(1) && !guest_output_truncated(2));
    for (int i = 0; i < 1000; i++)
        print_much(1, MUCH);
    print(2, "err");
    REQUIRE(guest_output_truncated(1) && !guest_output_truncated(2));
    REQUIRE(writes == 0); /* a flood does not leave the process */
    guest_output_flush();
}

static void a_flood_stays_in_the_process(void **state)
{
    struct came came;
    (void)state;
    run(print_beyond_every_limit, false, &came);
    assert_int_equal(came.streams[0].size, 3);
    assert_string_equal(buffer_text(&came.streams[1]), "err");
    forget(&came);
}

/* ---- when it goes out ---- */

static void print_and_wait(void)
{
    uint8_t *subscription = memory.base + BYTES_AT;
    guest_output_begin(1000, false);
    print(1, "before the wait");
    /* Any clock: the wait that begins is interrupted at once. */
    memset(subscription, 0, WASI_SUBSCRIPTION_SIZE);
    store_u32(subscription + 16, WASI_CLOCKID_MONOTONIC);
    store_u64(subscription + 24, UINT64_MAX / 2);
    wasi_host_interrupt(host);
    REQUIRE(preview1_poll_oneoff(host, BYTES_AT, BYTES_AT + WASI_SUBSCRIPTION_SIZE, 1, RESULT_AT) ==
            WASI_ERRNO_SUCCESS);
    REQUIRE(writes == 1);
    /* One that has come is not waited for. */
    print(1, "not yet");
    memset(subscription, 0, WASI_SUBSCRIPTION_SIZE);
    store_u32(subscription + 16, WASI_CLOCKID_MONOTONIC);
    REQUIRE(preview1_poll_oneoff(host, BYTES_AT, BYTES_AT + WASI_SUBSCRIPTION_SIZE, 1, RESULT_AT) ==
            WASI_ERRNO_SUCCESS);
    REQUIRE(writes == 1);
}

static void it_goes_out_before_the_guest_waits(void **state)
{
    (void)state;
    expect(print_and_wait, "2:before the wait;");
}

static void finish_with_frames(void)
{
    static const struct guest_channel_head empty = {.kind = GUEST_CHANNEL_REPORT};
    guest_output_begin(1000, false);
    print(2, "out");
    REQUIRE(guest_output_finish(&empty, sizeof(empty)) == 0);
    REQUIRE(writes == 1); /* together */
    REQUIRE(guest_output_finish(&empty, sizeof(empty)) == 0);
    guest_output_flush();
    REQUIRE(writes == 2);
}

static void the_end_brings_its_frames_behind_the_output(void **state)
{
    (void)state;
    expect(finish_with_frames, "3:out;4:;4:;");
}

static void take_gathered(void)
{
    char text[8];
    guest_output_begin(1000, false);
    print(1, "abc");
    print(2, "def");
    guest_output_take(text, sizeof(text));
    REQUIRE(strcmp(text, "abcdef") == 0);
    guest_output_take(text, sizeof(text));
    REQUIRE(strcmp(text, "") == 0);
    print(1, "01234");
    print(2, "56789");
    guest_output_take(text, sizeof(text));
    REQUIRE(strcmp(text, "0123456") == 0);
    print(1, "01234");
    guest_output_take(text, 1);
    REQUIRE(strcmp(text, "") == 0);
    print(1, "sent");
    guest_output_flush();
}

static void what_is_taken_is_not_sent(void **state)
{
    (void)state;
    expect(take_gathered, "2:sent;");
}

/* ---- a service that is gone ---- */

static void print_to_nobody(void)
{
    guest_output_begin(1000, false);
    print(1, "kept for now");
    guest_output_flush();
    REQUIRE(write_two(1, "x", 1, "", 0) == WASI_ERRNO_PIPE);
    REQUIRE(write_two(2, "x", 1, "", 0) == WASI_ERRNO_PIPE);
    size_t tried = writes;
    guest_output_flush();
    guest_output_flush_from_handler(true);
    REQUIRE(writes == tried); /* and not tried again */
    REQUIRE(guest_output_finish("", 0) == -1);
}

static void stream_to_nobody(void)
{
    guest_output_begin(1000, true);
    REQUIRE(write_two(1, "x", 1, "", 0) == WASI_ERRNO_PIPE);
}

static void finish_to_nobody(void)
{
    guest_output_begin(1000, false);
    print(1, "x");
    REQUIRE(guest_output_finish("frame", 5) == -1);
}

static void a_service_that_is_gone_is_a_broken_pipe(void **state)
{
    static void (*const bodies[])(void) = {print_to_nobody, stream_to_nobody, finish_to_nobody};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct came came;
        run(bodies[i], true, &came);
        forget(&came);
    }
}

/* ---- from a signal handler ---- */

static volatile sig_atomic_t handled;
static bool last_of_run;

static void flush(int number)
{
    (void)number;
    handled++;
    guest_output_flush_from_handler(last_of_run);
}

static void flush_at(int number)
{
    struct sigaction action = {.sa_handler = flush};
    sigemptyset(&action.sa_mask);
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

static void flush_between_writes(void)
{
    flush_at(SIGUSR1);
    guest_output_begin(1000, false);
    (void)raise(SIGUSR1);
    REQUIRE(handled == 1 && writes == 0);
    print(1, "a");
    (void)raise(SIGUSR1);
    REQUIRE(handled == 2 && writes == 1);
    print(1, "b");
    REQUIRE(writes == 1);
    last_of_run = true;
    (void)raise(SIGUSR1);
    REQUIRE(writes == 2);
    print(1, "c");
    REQUIRE(writes == 3);
}

static void a_handler_sends_what_is_gathered(void **state)
{
    (void)state;
    expect(flush_between_writes, "2:a;2:b;2:c;");
}

/* The handler comes while the program's own write is under way: in the middle of a frame. */
static void flush_within_writes(void)
{
    flush_at(SIGUSR1);
    guest_output_begin(UINT64_MAX, false);
    raised = SIGUSR1;
    piece_size = 1000;
    print_much(1, MUCH);
    REQUIRE(handled > 90);
    /* As soon as that was done, the rest was sent. */
    size_t before = writes;
    raised = 0;
    guest_output_flush();
    REQUIRE(writes == before);
    raised = SIGUSR1;
    print(2, "gathered");
    guest_output_flush();
    REQUIRE(guest_output_finish("", 0) == 0);
}

static void a_handler_within_a_write_waits_for_its_end(void **state)
{
    struct came came;
    (void)state;
    run(flush_within_writes, false, &came);
    check_places(&came.streams[0], MUCH, MUCH);
    assert_string_equal(buffer_text(&came.streams[1]), "gathered");
    forget(&came);
}

static void finish_under_signals(void)
{
    static const struct guest_channel_head empty = {.kind = GUEST_CHANNEL_REPORT};
    flush_at(SIGUSR1);
    guest_output_begin(1000, false);
    raised = SIGUSR1;
    piece_size = 1;
    print(1, "abc");
    REQUIRE(guest_output_finish(&empty, sizeof(empty)) == 0);
}

static void a_handler_does_not_send_twice_what_is_being_finished(void **state)
{
    (void)state;
    expect(finish_under_signals, "2:abc;4:;");
}

/* Signals at any instruction: until there were enough of them, whatever the machine's speed. */
#define SIGNALS 300
#define STORM_WRITE 700u

static void print_in_a_storm(void)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 30}, .it_value = {.tv_usec = 30}};
    const struct itimerval never = {0};
    flush_at(SIGALRM);
    guest_output_begin(UINT64_MAX, false);
    REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (handled < SIGNALS) {
        print_much(1, STORM_WRITE);
        print_much(2, STORM_WRITE);
    }
    REQUIRE(setitimer(ITIMER_REAL, &never, NULL) == 0);
    guest_output_flush();
}

static void a_storm_of_signals_loses_and_doubles_nothing(void **state)
{
    struct came came;
    (void)state;
    run(print_in_a_storm, false, &came);
    assert_int_equal(came.streams[0].size % STORM_WRITE, 0);
    check_places(&came.streams[0], came.streams[1].size, STORM_WRITE);
    check_places(&came.streams[1], came.streams[0].size, STORM_WRITE);
    forget(&came);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_writes_are_put_together),
        cmocka_unit_test(the_order_of_both_streams_is_kept),
        cmocka_unit_test(writing_nothing_sends_nothing),
        cmocka_unit_test(vectors_are_written_one_after_the_other),
        cmocka_unit_test(what_fills_a_frame_is_sent),
        cmocka_unit_test(no_more_is_gathered_than_there_is_room_for),
        cmocka_unit_test(large_writes_come_whole),
        cmocka_unit_test(a_mixture_of_sizes_comes_whole),
        cmocka_unit_test(a_channel_that_takes_little_gets_everything),
        cmocka_unit_test(streamed_output_goes_out_at_once),
        cmocka_unit_test(exactly_what_is_over_the_limit_is_dropped),
        cmocka_unit_test(a_flood_stays_in_the_process),
        cmocka_unit_test(it_goes_out_before_the_guest_waits),
        cmocka_unit_test(the_end_brings_its_frames_behind_the_output),
        cmocka_unit_test(what_is_taken_is_not_sent),
        cmocka_unit_test(a_service_that_is_gone_is_a_broken_pipe),
        cmocka_unit_test(a_handler_sends_what_is_gathered),
        cmocka_unit_test(a_handler_within_a_write_waits_for_its_end),
        cmocka_unit_test(a_handler_does_not_send_twice_what_is_being_finished),
        cmocka_unit_test(a_storm_of_signals_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests_name("guest_output", tests, NULL, NULL);
}
