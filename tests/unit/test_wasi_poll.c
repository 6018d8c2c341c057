/* src/wasi/poll.c: waiting. */
#include "test_wasi_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIPTIONS_AT BUFFER_AT
#define EVENTS_AT 0x14000u
#define MILLISECOND UINT64_C(1000000)

static uint64_t now_on(clockid_t clock)
{
    struct timespec time;
    assert_int_equal(clock_gettime(clock, &time), 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint8_t *subscription(struct fixture *fixture, uint32_t index, uint8_t tag)
{
    uint8_t *at = memory_at(fixture, SUBSCRIPTIONS_AT + index * WASI_SUBSCRIPTION_SIZE);
    memset(at, 0, WASI_SUBSCRIPTION_SIZE);
    store_u64(at, UINT64_C(0xABCD0000) + index);
    at[8] = tag;
    return at;
}

static void subscribe_clock(struct fixture *fixture, uint32_t index, uint32_t clock,
                            uint64_t timeout, uint16_t flags)
{
    uint8_t *at = subscription(fixture, index, WASI_EVENTTYPE_CLOCK);
    store_u32(at + 16, clock);
    store_u64(at + 24, timeout);
    store_u16(at + 40, flags);
}

static void subscribe_descriptor(struct fixture *fixture, uint32_t index, uint8_t tag, uint32_t fd)
{
    store_u32(subscription(fixture, index, tag) + 16, fd);
}

static uint32_t poll_all(struct fixture *fixture, uint32_t count)
{
    return preview1_poll_oneoff(fixture->host, SUBSCRIPTIONS_AT, EVENTS_AT, count, RESULT_AT);
}

static const uint8_t *event(const struct fixture *fixture, uint32_t index)
{
    return memory_at(fixture, EVENTS_AT + index * WASI_EVENT_SIZE);
}

static void expect_event(const struct fixture *fixture, uint32_t index, uint32_t of, uint32_t error,
                         uint8_t type)
{
    const uint8_t *at = event(fixture, index);
    assert_int_equal(load_u64(at), UINT64_C(0xABCD0000) + of);
    assert_int_equal(load_u16(at + 8), error);
    assert_int_equal(at[10], type);
    assert_int_equal(at[11] | at[12] | at[13] | at[14] | at[15], 0);
    for (int i = 26; i < 32; i++)
        assert_int_equal(at[i], 0);
}

static void a_relative_time_passes(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t clock = 0; clock < 2; clock++) {
        uint64_t start = now_on(CLOCK_MONOTONIC);
        subscribe_clock(fixture, 0, clock, 20 * MILLISECOND, 0);
        memset(memory_at(fixture, EVENTS_AT), 0xAA, WASI_EVENT_SIZE + 1);
        assert_int_equal(poll_all(fixture, 1), 0);
        assert_true(now_on(CLOCK_MONOTONIC) - start >= 20 * MILLISECOND);
        assert_int_equal(result_u32(fixture), 1);
        expect_event(fixture, 0, 0, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_CLOCK);
        assert_int_equal(event(fixture, 0)[WASI_EVENT_SIZE], 0xAA);
    }
}

static void an_absolute_time_comes(void **state)
{
    struct fixture *fixture = *state;
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    for (uint32_t clock = 0; clock < 2; clock++) {
        uint64_t until = now_on(clocks[clock]) + 20 * MILLISECOND;
        subscribe_clock(fixture, 0, clock, until, WASI_SUBCLOCKFLAGS_ABSTIME);
        assert_int_equal(poll_all(fixture, 1), 0);
        assert_true(now_on(clocks[clock]) >= until);
        /* One that is past is answered at once. */
        const uint64_t past[] = {0, 1, now_on(clocks[clock]) - 1};
        for (size_t i = 0; i < 3; i++) {
            subscribe_clock(fixture, 0, clock, past[i], WASI_SUBCLOCKFLAGS_ABSTIME);
            assert_int_equal(poll_all(fixture, 1), 0);
            assert_int_equal(result_u32(fixture), 1);
        }
    }
}

static void the_first_of_several_clocks_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    subscribe_clock(fixture, 1, WASI_CLOCKID_REALTIME, UINT64_MAX, WASI_SUBCLOCKFLAGS_ABSTIME);
    subscribe_clock(fixture, 2, WASI_CLOCKID_MONOTONIC, 5 * MILLISECOND, 0);
    subscribe_clock(fixture, 3, WASI_CLOCKID_REALTIME, UINT64_MAX - 1, 0);
    assert_int_equal(poll_all(fixture, 4), 0);
    assert_int_equal(result_u32(fixture), 1);
    expect_event(fixture, 0, 2, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_CLOCK);
}

static void no_time_at_all_is_quick(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10000; i++) {
        subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, 0, 0);
        assert_int_equal(poll_all(fixture, 1), 0);
        assert_int_equal(result_u32(fixture), 1);
    }
}

static void clocks_that_cannot_be_waited_for_say_so(void **state)
{
    struct fixture *fixture = *state;
    subscribe_clock(fixture, 0, WASI_CLOCKID_PROCESS_CPUTIME, 0, 0);
    subscribe_clock(fixture, 1, WASI_CLOCKID_THREAD_CPUTIME, UINT64_MAX, 0);
    subscribe_clock(fixture, 2, 4, 0, 0);
    subscribe_clock(fixture, 3, UINT32_MAX, UINT64_MAX, 0);
    subscribe_clock(fixture, 4, WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    assert_int_equal(poll_all(fixture, 5), 0);
    assert_int_equal(result_u32(fixture), 4);
    expect_event(fixture, 0, 0, WASI_ERRNO_NOTSUP, WASI_EVENTTYPE_CLOCK);
    expect_event(fixture, 1, 1, WASI_ERRNO_NOTSUP, WASI_EVENTTYPE_CLOCK);
    expect_event(fixture, 2, 2, WASI_ERRNO_INVAL, WASI_EVENTTYPE_CLOCK);
    expect_event(fixture, 3, 3, WASI_ERRNO_INVAL, WASI_EVENTTYPE_CLOCK);
}

static void counts_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t counts[] = {1365, 1u << 26, 1u << 29, UINT32_MAX};
    subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, 0, 0);
    assert_int_equal(poll_all(fixture, 0), WASI_ERRNO_INVAL);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        assert_int_equal(preview1_poll_oneoff(fixture->host, 0, 0, counts[i], RESULT_AT),
                         counts[i] == 1365 ? WASI_ERRNO_INVAL : WASI_ERRNO_FAULT);
    /* Room for two subscriptions and for one event, and the other way round. */
    assert_int_equal(preview1_poll_oneoff(fixture->host, SUBSCRIPTIONS_AT,
                                          MEMORY_SIZE - WASI_EVENT_SIZE, 2, RESULT_AT),
                     WASI_ERRNO_FAULT);
    assert_int_equal(preview1_poll_oneoff(fixture->host, MEMORY_SIZE - WASI_SUBSCRIPTION_SIZE,
                                          EVENTS_AT, 2, RESULT_AT),
                     WASI_ERRNO_FAULT);
    /* As many as are allowed; the events lie over the subscriptions. */
    const uint32_t all_at = 0x4000;
    memset(memory_at(fixture, all_at), 0, WASI_SUBSCRIPTIONS_MAX * WASI_SUBSCRIPTION_SIZE);
    assert_int_equal(
        preview1_poll_oneoff(fixture->host, all_at, all_at, WASI_SUBSCRIPTIONS_MAX, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), WASI_SUBSCRIPTIONS_MAX);
    memset(memory_at(fixture, all_at), 0, WASI_SUBSCRIPTIONS_MAX * WASI_SUBSCRIPTION_SIZE);
    assert_int_equal(
        preview1_poll_oneoff(fixture->host, all_at, all_at, WASI_SUBSCRIPTIONS_MAX + 1, RESULT_AT),
        WASI_ERRNO_INVAL);
}

static void malformed_subscriptions_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    for (int tag = 3; tag < 256; tag++) {
        subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, 0, 0);
        (void)subscription(fixture, 1, (uint8_t)tag);
        assert_int_equal(poll_all(fixture, 2), WASI_ERRNO_INVAL);
    }
    for (int bit = 1; bit < 16; bit++) {
        subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, 0, (uint16_t)(1u << bit));
        assert_int_equal(poll_all(fixture, 1), WASI_ERRNO_INVAL);
    }
}

static void files_are_always_ready(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 4, WASI_WHENCE_SET, RESULT_AT), 0);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, fd);
    subscribe_descriptor(fixture, 1, WASI_EVENTTYPE_FD_WRITE, fd);
    subscribe_clock(fixture, 2, WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    assert_int_equal(poll_all(fixture, 3), 0);
    assert_int_equal(result_u32(fixture), 2);
    expect_event(fixture, 0, 0, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_FD_READ);
    assert_int_equal(load_u64(event(fixture, 0) + 16), 6);
    expect_event(fixture, 1, 1, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_FD_WRITE);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 40, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(poll_all(fixture, 1), 0);
    assert_int_equal(load_u64(event(fixture, 0) + 16), 0);
}

static void pipes_are_ready_when_they_are(void **state)
{
    struct fixture *fixture = *state;
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
    subscribe_clock(fixture, 1, WASI_CLOCKID_MONOTONIC, 5 * MILLISECOND, 0);
    assert_int_equal(poll_all(fixture, 2), 0);
    assert_int_equal(result_u32(fixture), 1);
    expect_event(fixture, 0, 1, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_CLOCK);
    assert_int_equal(write(fixture->to_stdin, "abc", 3), 3);
    subscribe_clock(fixture, 1, WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    assert_int_equal(poll_all(fixture, 2), 0);
    assert_int_equal(result_u32(fixture), 1);
    expect_event(fixture, 0, 0, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_FD_READ);
    assert_int_equal(load_u64(event(fixture, 0) + 16), 3);
    assert_int_equal(load_u16(event(fixture, 0) + 24), 0);
    /* The same descriptor twice, and the other one for writing. */
    subscribe_descriptor(fixture, 1, WASI_EVENTTYPE_FD_WRITE, 1);
    subscribe_descriptor(fixture, 2, WASI_EVENTTYPE_FD_READ, 0);
    assert_int_equal(poll_all(fixture, 3), 0);
    assert_int_equal(result_u32(fixture), 3);
    expect_event(fixture, 1, 1, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_FD_WRITE);
    assert_int_equal(load_u64(event(fixture, 1) + 16), PIPE_BUF);
    /* The other end goes. */
    (void)close(fixture->to_stdin);
    (void)close(fixture->from_stdout);
    fixture->to_stdin = -1;
    fixture->from_stdout = -1;
    assert_int_equal(poll_all(fixture, 3), 0);
    assert_int_equal(result_u32(fixture), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(load_u16(event(fixture, i) + 24), WASI_EVENTRWFLAGS_HANGUP);
}

static void descriptors_that_cannot_be_waited_for_say_so(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, &fd), 0);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 100);
    subscribe_descriptor(fixture, 1, WASI_EVENTTYPE_FD_WRITE, 0x80000000);
    subscribe_descriptor(fixture, 2, WASI_EVENTTYPE_FD_WRITE, 0);
    subscribe_descriptor(fixture, 3, WASI_EVENTTYPE_FD_READ, fd);
    subscribe_descriptor(fixture, 4, WASI_EVENTTYPE_FD_READ, RW);
    subscribe_descriptor(fixture, 5, WASI_EVENTTYPE_FD_READ, 0);
    subscribe_clock(fixture, 6, WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    assert_int_equal(poll_all(fixture, 7), 0);
    assert_int_equal(result_u32(fixture), 5);
    expect_event(fixture, 0, 0, WASI_ERRNO_BADF, WASI_EVENTTYPE_FD_READ);
    expect_event(fixture, 1, 1, WASI_ERRNO_BADF, WASI_EVENTTYPE_FD_WRITE);
    expect_event(fixture, 2, 2, WASI_ERRNO_NOTCAPABLE, WASI_EVENTTYPE_FD_WRITE);
    expect_event(fixture, 3, 3, WASI_ERRNO_NOTCAPABLE, WASI_EVENTTYPE_FD_READ);
    expect_event(fixture, 4, 4, WASI_ERRNO_NOTCAPABLE, WASI_EVENTTYPE_FD_READ);
}

static void a_host_descriptor_that_is_gone_is_badf(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int gone = dup(fixture->guest_stdin);
    assert_int_equal(wasi_host_set_standard(fixture->host, 0, gone, &error), 0);
    (void)close(gone);
    subscribe_descriptor(fixture, 0, WASI_EVENTTYPE_FD_READ, 0);
    assert_int_equal(poll_all(fixture, 1), 0);
    expect_event(fixture, 0, 0, WASI_ERRNO_BADF, WASI_EVENTTYPE_FD_READ);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void signals_do_not_shorten_a_wait(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction action = {.sa_handler = ignore_signal};
    struct sigaction before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    const struct itimerval often = {.it_interval = {.tv_usec = 2000},
                                    .it_value = {.tv_usec = 2000}};
    const struct itimerval never = {0};
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    uint64_t start = now_on(CLOCK_MONOTONIC);
    subscribe_clock(fixture, 0, WASI_CLOCKID_MONOTONIC, 50 * MILLISECOND, 0);
    subscribe_descriptor(fixture, 1, WASI_EVENTTYPE_FD_READ, 0);
    assert_int_equal(poll_all(fixture, 2), 0);
    assert_true(now_on(CLOCK_MONOTONIC) - start >= 50 * MILLISECOND);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(result_u32(fixture), 1);
    expect_event(fixture, 0, 0, WASI_ERRNO_SUCCESS, WASI_EVENTTYPE_CLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(a_relative_time_passes),
        WASI_TEST(an_absolute_time_comes),
        WASI_TEST(the_first_of_several_clocks_ends_the_wait),
        WASI_TEST(no_time_at_all_is_quick),
        WASI_TEST(clocks_that_cannot_be_waited_for_say_so),
        WASI_TEST(counts_are_bounded),
        WASI_TEST(malformed_subscriptions_are_invalid),
        WASI_TEST(files_are_always_ready),
        WASI_TEST(pipes_are_ready_when_they_are),
        WASI_TEST(descriptors_that_cannot_be_waited_for_say_so),
        WASI_TEST(a_host_descriptor_that_is_gone_is_badf),
        WASI_TEST(signals_do_not_shorten_a_wait),
    };
    return cmocka_run_group_tests_name("wasi_poll", tests, NULL, NULL);
}
