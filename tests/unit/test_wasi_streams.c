/* src/wasi/streams.c: standard descriptors that are streams, and interrupts of a guest that waits.
 * ppoll(2) is wrapped, so that a signal can come at the last moment before it. */
#include "test_wasi_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIPTIONS_AT BUFFER_AT
#define EVENTS_AT 0x14000u
#define MILLISECOND UINT64_C(1000000)
#define HOURS (UINT64_C(3600) * 1000 * MILLISECOND)

/* ---- a stream that remembers, and one that has something to say ---- */

struct sink {
    char bytes[256];
    size_t size;
    int calls;
    int error; /* what the next writes answer */
    int waits; /* how often the guest was about to wait */
    int signal_before_wait;
};

static int write_to_sink(void *argument, const struct iovec *vectors, int count)
{
    struct sink *sink = argument;
    sink->calls++;
    if (sink->error != 0)
        return sink->error;
    for (int i = 0; i < count; i++) {
        assert_true(sink->size + vectors[i].iov_len <= sizeof(sink->bytes));
        memcpy(sink->bytes + sink->size, vectors[i].iov_base, vectors[i].iov_len);
        sink->size += vectors[i].iov_len;
    }
    return 0;
}

static void note_wait(void *argument)
{
    struct sink *sink = argument;
    sink->waits++;
    if (sink->signal_before_wait != 0)
        (void)raise(sink->signal_before_wait);
}

struct source {
    const char *rest;
    int calls;
};

static size_t read_from_source(void *argument, const struct iovec *vectors, int count)
{
    struct source *source = argument;
    size_t done = 0;
    source->calls++;
    for (int i = 0; i < count; i++) {
        size_t size = strnlen(source->rest, vectors[i].iov_len);
        memcpy(vectors[i].iov_base, source->rest, size);
        source->rest += size;
        done += size;
    }
    return done;
}

static struct sink out;
static struct sink err;
static struct source in;

static void set_streams(struct fixture *fixture)
{
    const struct wasi_stream streams[] = {
        {.read = read_from_source, .argument = &in},
        {.write = write_to_sink, .before_wait = note_wait, .argument = &out},
        {.write = write_to_sink, .before_wait = note_wait, .argument = &err},
    };
    struct error error = ERROR_NONE;
    out = err = (struct sink){0};
    in = (struct source){.rest = "input"};
    for (int fd = 0; fd < 3; fd++)
        assert_int_equal(wasi_host_set_stream(fixture->host, fd, &streams[fd], &error), 0);
}

/* ---- streams ---- */

static void what_is_read_comes_from_the_stream(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    set_streams(fixture);
    assert_int_equal(guest_read(fixture, 0, text, 4), 0);
    assert_string_equal(text, "inp");
    put_vector(fixture, 0, BUFFER_AT, 1);
    put_vector(fixture, 1, BUFFER_AT + 100, 0);
    put_vector(fixture, 2, BUFFER_AT + 200, 10);
    assert_int_equal(preview1_fd_read(fixture->host, 0, VECTORS_AT, 3, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 2);
    assert_int_equal(*memory_at(fixture, BUFFER_AT), 'u');
    assert_int_equal(*memory_at(fixture, BUFFER_AT + 200), 't');
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
        assert_string_equal(text, "");
    }
    assert_int_equal(out.waits, 0);
}

static void what_is_written_goes_to_its_stream(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    assert_int_equal(guest_write(fixture, 1, "out"), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_int_equal(guest_write(fixture, 2, "err"), 0);
    put_text(fixture, BUFFER_AT, "one two");
    put_vector(fixture, 0, BUFFER_AT, 4);
    put_vector(fixture, 1, BUFFER_AT + 4, 3);
    assert_int_equal(preview1_fd_write(fixture->host, 1, VECTORS_AT, 2, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 7);
    assert_int_equal(out.size, 10);
    assert_memory_equal(out.bytes, "outone two", 10);
    assert_int_equal(err.size, 3);
    assert_memory_equal(err.bytes, "err", 3);
    assert_int_equal(preview1_fd_write(fixture->host, 1, VECTORS_AT, 0, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 0);
}

static void an_error_of_the_stream_is_the_guests(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    out.error = EPIPE;
    store_u32(memory_at(fixture, RESULT_AT), 77);
    assert_int_equal(guest_write(fixture, 1, "out"), WASI_ERRNO_PIPE);
    assert_int_equal(result_u32(fixture), 77);
    out.error = EIO;
    assert_int_equal(guest_write(fixture, 1, "out"), WASI_ERRNO_IO);
    out.error = 0;
    assert_int_equal(guest_write(fixture, 1, "out"), 0);
}

static void the_stream_sees_no_address_that_is_not_the_guests(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    put_vector(fixture, 0, BUFFER_AT, 4);
    put_vector(fixture, 1, MEMORY_SIZE - 3, 4);
    assert_int_equal(preview1_fd_write(fixture->host, 1, VECTORS_AT, 2, RESULT_AT),
                     WASI_ERRNO_FAULT);
    assert_int_equal(preview1_fd_read(fixture->host, 0, VECTORS_AT, 2, RESULT_AT),
                     WASI_ERRNO_FAULT);
    assert_int_equal(preview1_fd_write(fixture->host, 1, VECTORS_AT, 1, MEMORY_SIZE - 3),
                     WASI_ERRNO_FAULT);
    assert_int_equal(preview1_fd_read(fixture->host, 0, MEMORY_SIZE - 7, 1, RESULT_AT),
                     WASI_ERRNO_FAULT);
    assert_int_equal(out.calls, 0);
    assert_int_equal(in.calls, 0);
}

static void each_has_the_rights_of_its_direction(void **state)
{
    struct fixture *fixture = *state;
    char text[4];
    set_streams(fixture);
    assert_int_equal(guest_write(fixture, 0, "x"), WASI_ERRNO_NOTCAPABLE);
    for (uint32_t fd = 1; fd <= 2; fd++)
        assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_sync(fixture->host, 0), WASI_ERRNO_NOTCAPABLE);
    for (uint32_t fd = 0; fd <= 2; fd++) {
        assert_int_equal(preview1_fd_advise(fixture->host, fd, 0, 0, 0), WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 1), WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0),
                         WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 0, 0, 0),
                         WASI_ERRNO_NOTCAPABLE);
        assert_int_equal(preview1_fd_prestat_get(fixture->host, fd, RESULT_AT), WASI_ERRNO_BADF);
        assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 100, 0, RESULT_AT),
                         WASI_ERRNO_NOTDIR);
        assert_int_equal(guest_stat(fixture, fd, "file", false), WASI_ERRNO_NOTDIR);
    }
    assert_int_equal(out.calls + err.calls + in.calls, 0);
}

static void a_stream_is_like_a_pipe(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    for (uint32_t fd = 0; fd <= 2; fd++) {
        assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT),
                         WASI_ERRNO_SPIPE);
        assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), WASI_ERRNO_SPIPE);
        assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, 3, RESULT_AT), WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_tell(fixture->host, fd, MEMORY_SIZE), WASI_ERRNO_FAULT);
        put_vector(fixture, 0, BUFFER_AT, 4);
        assert_int_equal(fd == 0
                             ? preview1_fd_pread(fixture->host, fd, VECTORS_AT, 1, 0, RESULT_AT)
                             : preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, 0, RESULT_AT),
                         WASI_ERRNO_SPIPE);
        memset(memory_at(fixture, RESULT_AT), 0xAA, WASI_FILESTAT_SIZE + 1);
        assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
        const uint8_t *record = memory_at(fixture, RESULT_AT);
        assert_int_equal(record[16], WASI_FILETYPE_UNKNOWN);
        assert_int_equal(load_u64(record + 24), 1); /* links */
        assert_int_equal(load_u64(record + 32), 0); /* size */
        assert_int_equal(record[WASI_FILESTAT_SIZE], 0xAA);
        assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, MEMORY_SIZE - 63),
                         WASI_ERRNO_FAULT);
    }
    for (uint32_t fd = 1; fd <= 2; fd++) {
        assert_int_equal(preview1_fd_sync(fixture->host, fd), WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_datasync(fixture->host, fd), WASI_ERRNO_INVAL);
    }
    assert_int_equal(out.calls + err.calls + in.calls, 0);
}

static void its_flags_are_the_guests_own(void **state)
{
    struct fixture *fixture = *state;
    char text[8];
    set_streams(fixture);
    for (uint32_t fd = 0; fd <= 2; fd++) {
        assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
        const uint8_t *record = memory_at(fixture, RESULT_AT);
        assert_int_equal(record[0], WASI_FILETYPE_UNKNOWN);
        assert_int_equal(load_u16(record + 2), 0);
        uint64_t rights = load_u64(record + 8);
        /* What wasi-libc takes for a terminal has no right to seek. */
        assert_true((rights & WASI_RIGHT_FD_SEEK) != 0);
        assert_int_equal((rights & WASI_RIGHT_FD_READ) != 0, fd == 0);
        assert_int_equal((rights & WASI_RIGHT_FD_WRITE) != 0, fd != 0);
        assert_int_equal(load_u64(record + 16), 0);
        assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, WASI_FDFLAGS_NONBLOCK), 0);
        assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd,
                                                      WASI_FDFLAGS_NONBLOCK | WASI_FDFLAGS_APPEND),
                         WASI_ERRNO_NOTSUP);
        assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, 1u << 5),
                         WASI_ERRNO_INVAL);
        assert_int_equal(preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT), 0);
        assert_int_equal(load_u16(record + 2), WASI_FDFLAGS_NONBLOCK);
    }
    /* It is always ready, so that the flag changes nothing. */
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "input");
    assert_int_equal(guest_write(fixture, 1, "out"), 0);
    assert_int_equal(out.size, 3);
}

static void a_stream_can_be_closed(void **state)
{
    struct fixture *fixture = *state;
    char text[4];
    set_streams(fixture);
    int before = open_descriptor_count();
    for (uint32_t fd = 0; fd <= 2; fd++) {
        assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
        assert_int_equal(preview1_fd_close(fixture->host, fd), WASI_ERRNO_BADF);
    }
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_BADF);
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_BADF);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, 2, RESULT_AT), WASI_ERRNO_BADF);
    assert_int_equal(open_descriptor_count(), before);
    /* The number is free for a file. */
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RO, "file", 0, READ_ONLY, &fd), 0);
    assert_int_equal(fd, 0);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "012");
    assert_int_equal(in.calls + out.calls, 0);
}

static void a_stream_keeps_what_it_is_under_another_number(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    set_streams(fixture);
    assert_int_equal(preview1_fd_renumber(fixture->host, 1, 2), 0);
    assert_int_equal(guest_write(fixture, 2, "to out"), 0);
    assert_int_equal(out.size, 6);
    assert_int_equal(err.calls, 0);
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_BADF);
    /* Over a file, which is closed, and back. */
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(fd, 1);
    int before = open_descriptor_count();
    assert_int_equal(preview1_fd_renumber(fixture->host, 2, 1), 0);
    assert_int_equal(open_descriptor_count(), before - 1);
    assert_int_equal(guest_write(fixture, 1, "!"), 0);
    assert_memory_equal(out.bytes, "to out!", 7);
    /* A file over the stream. */
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, fd, 1), 0);
    assert_int_equal(guest_write(fixture, 1, "AB"), 0);
    assert_int_equal(out.size, 7);
    host_check_content(fixture, "rw/file", "AB23456789");
    assert_int_equal(preview1_fd_renumber(fixture->host, 0, 0), 0);
    assert_int_equal(in.calls, 0);
}

static void what_was_granted_before_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    const struct wasi_stream other = {.write = write_to_sink, .argument = &err};
    set_streams(fixture);
    assert_int_equal(wasi_host_set_stream(fixture->host, 1, &other, &error), 0);
    assert_int_equal(guest_write(fixture, 1, "x"), 0);
    assert_int_equal(err.size, 1);
    assert_int_equal(wasi_host_set_standard(fixture->host, 1, fixture->guest_stdout, &error), 0);
    assert_int_equal(guest_write(fixture, 1, "pipe"), 0);
    char bytes[8];
    assert_int_equal(read(fixture->from_stdout, bytes, sizeof(bytes)), 4);
    assert_int_equal(err.size, 1);
    for (int fd = -1; fd < 5; fd += 4) {
        error = ERROR_NONE;
        assert_int_equal(wasi_host_set_stream(fixture->host, fd, &other, &error), -1);
        assert_int_equal(error.kind, ERROR_INTERNAL);
    }
}

static void a_stream_is_no_descriptor_of_the_host(void **state)
{
    struct fixture *fixture = *state;
    int descriptors[8];
    set_streams(fixture);
    assert_int_equal(wasi_host_descriptors(fixture->host, descriptors, 8), 2); /* the preopens */
    assert_true(descriptors[0] >= 0 && descriptors[1] >= 0);
}

/* ---- waiting ---- */

static uint8_t *subscription(struct fixture *fixture, uint32_t index, uint8_t tag)
{
    uint8_t *at = memory_at(fixture, SUBSCRIPTIONS_AT + index * WASI_SUBSCRIPTION_SIZE);
    memset(at, 0, WASI_SUBSCRIPTION_SIZE);
    store_u64(at, 100 + index);
    at[8] = tag;
    return at;
}

static void subscribe_clock(struct fixture *fixture, uint32_t index, uint64_t timeout)
{
    uint8_t *at = subscription(fixture, index, WASI_EVENTTYPE_CLOCK);
    store_u32(at + 16, WASI_CLOCKID_MONOTONIC);
    store_u64(at + 24, timeout);
}

static void subscribe_descriptor(struct fixture *fixture, uint32_t index, uint8_t tag, uint32_t fd)
{
    store_u32(subscription(fixture, index, tag) + 16, fd);
}

static uint32_t poll_all(struct fixture *fixture, uint32_t count)
{
    return preview1_poll_oneoff(fixture->host, SUBSCRIPTIONS_AT, EVENTS_AT, count, RESULT_AT);
}

static void expect_event(const struct fixture *fixture, uint32_t index, uint32_t of, uint8_t type)
{
    const uint8_t *at = memory_at(fixture, EVENTS_AT + index * WASI_EVENT_SIZE);
    assert_int_equal(load_u64(at), 100 + of);
    assert_int_equal(load_u16(at + 8), WASI_ERRNO_SUCCESS);
    assert_int_equal(at[10], type);
}

static void streams_are_always_ready(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    for (int at_the_end = 0; at_the_end < 2; at_the_end++) {
        subscribe_clock(fixture, 0, HOURS);
        subscribe_descriptor(fixture, 1, WASI_EVENTTYPE_FD_READ, 0);
        subscribe_descriptor(fixture, 2, WASI_EVENTTYPE_FD_WRITE, 1);
        subscribe_descriptor(fixture, 3, WASI_EVENTTYPE_FD_WRITE, 2);
        assert_int_equal(poll_all(fixture, 4), 0);
        assert_int_equal(result_u32(fixture), 3);
        expect_event(fixture, 0, 1, WASI_EVENTTYPE_FD_READ);
        expect_event(fixture, 1, 2, WASI_EVENTTYPE_FD_WRITE);
        expect_event(fixture, 2, 3, WASI_EVENTTYPE_FD_WRITE);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(load_u16(memory_at(fixture, EVENTS_AT + i * WASI_EVENT_SIZE + 24)), 0);
        in.rest = "";
    }
    assert_int_equal(out.waits, 0); /* that was no wait */
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_WRITE, 0);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_int_equal(load_u16(memory_at(fixture, EVENTS_AT + 8)), WASI_ERRNO_NOTCAPABLE);
}

static void streams_are_told_of_a_wait(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    subscribe_clock(fixture, 0, 0);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_int_equal(out.waits, 0);
    subscribe_clock(fixture, 0, MILLISECOND);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_true(out.waits >= 1);
    assert_int_equal(out.waits, err.waits);
    /* Also of one whose number the guest has closed: what it wrote before must go out. */
    int before = out.waits;
    assert_int_equal(preview1_fd_close(fixture->host, 1), 0);
    subscribe_clock(fixture, 0, MILLISECOND);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_true(out.waits > before);
}

/* ---- interrupts ---- */

static struct wasi_host *interrupted_host;
static volatile sig_atomic_t signals_handled;
static int signal_at_ppoll; /* comes just before the next ppoll(2) waits; 0: none */

int __real_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    int number = signal_at_ppoll;
    signal_at_ppoll = 0;
    if (number != 0)
        (void)raise(number);
    return __real_ppoll(polled, count, timeout, mask);
}

static void interrupt(int number)
{
    (void)number;
    signals_handled++;
    wasi_host_interrupt(interrupted_host);
}

static int set_up(void **state)
{
    const struct sigaction action = {.sa_handler = interrupt};
    if (fixture_set_up(state) != 0)
        return -1;
    struct fixture *fixture = *state;
    interrupted_host = fixture->host;
    signals_handled = 0;
    signal_at_ppoll = 0;
    return sigaction(WASI_INTERRUPT_SIGNAL, &action, NULL) | sigaction(SIGXCPU, &action, NULL);
}

static int tear_down(void **state)
{
    (void)signal(WASI_INTERRUPT_SIGNAL, SIG_DFL);
    (void)signal(SIGXCPU, SIG_DFL);
    return fixture_tear_down(state);
}

/* A wait that no interrupt shortens: there is none left. */
static void expect_no_interrupt(struct fixture *fixture)
{
    struct timespec before;
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    subscribe_clock(fixture, 0, 2 * MILLISECOND);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_int_equal(result_u32(fixture), 1);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
    int64_t passed =
        (int64_t)(after.tv_sec - before.tv_sec) * 1000000000 + (after.tv_nsec - before.tv_nsec);
    assert_true(passed >= 2 * (int64_t)MILLISECOND);
}

static void expect_clock_event(const struct fixture *fixture, uint32_t of)
{
    assert_int_equal(result_u32(fixture), 1);
    expect_event(fixture, 0, of, WASI_EVENTTYPE_CLOCK);
}

static void an_interrupt_before_the_wait_ends_it(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_interrupt(fixture->host);
    subscribe_clock(fixture, 0, HOURS);
    assert_int_equal(poll_all(fixture, 1), 0);
    expect_clock_event(fixture, 0);
    expect_no_interrupt(fixture);
    wasi_host_interrupt(fixture->host);
    wasi_host_interrupt(fixture->host); /* two before one call are one */
    subscribe_clock(fixture, 0, UINT64_MAX);
    assert_int_equal(poll_all(fixture, 1), 0);
    expect_clock_event(fixture, 0);
    expect_no_interrupt(fixture);
}

static void a_wait_for_descriptors_alone_says_that_it_was_interrupted(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_interrupt(fixture->host);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
    store_u32(memory_at(fixture, RESULT_AT), 77);
    assert_int_equal(poll_all(fixture, 1), WASI_ERRNO_INTR);
    assert_int_equal(result_u32(fixture), 77);
    assert_int_equal(write(fixture->to_stdin, "x", 1), 1);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_int_equal(result_u32(fixture), 1);
    expect_no_interrupt(fixture);
}

/* select() with a timeout: as if the time had come, and nothing was ready. */
static void a_wait_for_both_ends_as_if_its_time_had_come(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_interrupt(fixture->host);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
    subscribe_clock(fixture, 1, HOURS);
    subscribe_clock(fixture, 2, UINT64_MAX);
    assert_int_equal(poll_all(fixture, 3), 0);
    assert_int_equal(result_u32(fixture), 2);
    expect_event(fixture, 0, 1, WASI_EVENTTYPE_CLOCK);
    expect_event(fixture, 1, 2, WASI_EVENTTYPE_CLOCK);
    expect_no_interrupt(fixture);
}

static void a_signal_at_the_last_moment_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    static const int signals[] = {WASI_INTERRUPT_SIGNAL, SIGXCPU};
    for (size_t i = 0; i < 2; i++) {
        signal_at_ppoll = signals[i];
        subscribe_clock(fixture, 0, HOURS);
        assert_int_equal(poll_all(fixture, 1), 0);
        expect_clock_event(fixture, 0);
        signal_at_ppoll = signals[i];
        subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
        assert_int_equal(poll_all(fixture, 1), WASI_ERRNO_INTR);
    }
    assert_int_equal(signals_handled, 4);
    expect_no_interrupt(fixture);
}

static void a_signal_as_the_streams_are_told_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    set_streams(fixture);
    out.signal_before_wait = WASI_INTERRUPT_SIGNAL;
    subscribe_clock(fixture, 0, HOURS);
    assert_int_equal(poll_all(fixture, 1), 0);
    expect_clock_event(fixture, 0);
    assert_int_equal(out.waits, 1);
    out.signal_before_wait = 0;
    expect_no_interrupt(fixture);
}

/* Starts a timer that sends the signal after so many nanoseconds, and again after each `interval`
 * (0: never). */
static timer_t start_timer(long nanoseconds, long interval)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = WASI_INTERRUPT_SIGNAL};
    const struct itimerspec time = {.it_value = {.tv_nsec = nanoseconds},
                                    .it_interval = {.tv_nsec = interval}};
    timer_t timer;
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &time, NULL), 0);
    return timer;
}

/* At any moment, before and during the wait: one that were lost would be waited for for hours. */
static void no_interrupt_is_lost(void **state)
{
    struct fixture *fixture = *state;
    for (long round = 0; round < 300; round++) {
        timer_t timer = start_timer(1 + round * 300, 0);
        subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
        subscribe_clock(fixture, 1, HOURS);
        if (round % 2 == 0) {
            assert_int_equal(poll_all(fixture, 1), WASI_ERRNO_INTR);
        } else {
            assert_int_equal(poll_all(fixture, 2), 0);
            expect_clock_event(fixture, 1);
        }
        assert_int_equal(signals_handled, round + 1);
        assert_int_equal(timer_delete(timer), 0);
    }
    expect_no_interrupt(fixture);
}

static void a_read_that_waits_is_interrupted(void **state)
{
    struct fixture *fixture = *state;
    char text[8];
    for (long round = 0; round < 100; round++) {
        timer_t timer = start_timer(1 + round * 500, 0);
        assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_INTR);
        assert_int_equal(signals_handled, round + 1);
        assert_int_equal(timer_delete(timer), 0);
    }
    wasi_host_interrupt(fixture->host);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_INTR);
    assert_int_equal(write(fixture->to_stdin, "abc", 3), 3);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_string_equal(text, "abc"); /* nothing was lost of it */
    expect_no_interrupt(fixture);
}

static void a_write_that_waits_is_interrupted(void **state)
{
    struct fixture *fixture = *state;
    /* Until the pipe is full. */
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 1, WASI_FDFLAGS_NONBLOCK), 0);
    put_vector(fixture, 0, BUFFER_AT, 4096);
    while (preview1_fd_write(fixture->host, 1, VECTORS_AT, 1, RESULT_AT) == 0)
        continue;
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 1, 0), 0);
    /* More than one signal: writev(2) waits by itself, and one that comes just before it is not
     * noticed until the next. */
    timer_t timer = start_timer(2 * (long)MILLISECOND, 2 * (long)MILLISECOND);
    assert_int_equal(preview1_fd_write(fixture->host, 1, VECTORS_AT, 1, RESULT_AT),
                     WASI_ERRNO_INTR);
    assert_true(signals_handled >= 1);
    assert_int_equal(timer_delete(timer), 0);
}

/* It is kept for a call that does. */
static void what_does_not_wait_is_not_interrupted(void **state)
{
    struct fixture *fixture = *state;
    char text[8];
    uint32_t fd;
    set_streams(fixture);
    wasi_host_interrupt(fixture->host);
    assert_int_equal(guest_write(fixture, 1, "out"), 0);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "0123456");
    assert_int_equal(guest_write(fixture, fd, "789"), 0);
    subscribe_clock(fixture, 0, 0);
    assert_int_equal(poll_all(fixture, 1), 0);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_WRITE, 1);
    assert_int_equal(poll_all(fixture, 1), 0);
    subscribe_clock(fixture, 0, HOURS);
    assert_int_equal(poll_all(fixture, 1), 0);
    expect_clock_event(fixture, 0);
    expect_no_interrupt(fixture);
}

static void the_mask_of_signals_is_as_before(void **state)
{
    struct fixture *fixture = *state;
    sigset_t before;
    sigset_t after;
    char text[4];
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
    wasi_host_interrupt(fixture->host);
    subscribe_clock(fixture, 0, HOURS);
    assert_int_equal(poll_all(fixture, 1), 0);
    signal_at_ppoll = WASI_INTERRUPT_SIGNAL;
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_INTR);
    expect_no_interrupt(fixture);
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_read_comes_from_the_stream),
        CASE(what_is_written_goes_to_its_stream),
        CASE(an_error_of_the_stream_is_the_guests),
        CASE(the_stream_sees_no_address_that_is_not_the_guests),
        CASE(each_has_the_rights_of_its_direction),
        CASE(a_stream_is_like_a_pipe),
        CASE(its_flags_are_the_guests_own),
        CASE(a_stream_can_be_closed),
        CASE(a_stream_keeps_what_it_is_under_another_number),
        CASE(what_was_granted_before_is_replaced),
        CASE(a_stream_is_no_descriptor_of_the_host),
        CASE(streams_are_always_ready),
        CASE(streams_are_told_of_a_wait),
        CASE(an_interrupt_before_the_wait_ends_it),
        CASE(a_wait_for_descriptors_alone_says_that_it_was_interrupted),
        CASE(a_wait_for_both_ends_as_if_its_time_had_come),
        CASE(a_signal_at_the_last_moment_ends_the_wait),
        CASE(a_signal_as_the_streams_are_told_ends_the_wait),
        CASE(no_interrupt_is_lost),
        CASE(a_read_that_waits_is_interrupted),
        CASE(a_write_that_waits_is_interrupted),
        CASE(what_does_not_wait_is_not_interrupted),
        CASE(the_mask_of_signals_is_as_before),
    };
    return cmocka_run_group_tests_name("wasi_streams", tests, NULL, NULL);
}
