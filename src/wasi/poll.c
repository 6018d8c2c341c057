/* poll_oneoff. Invariant: the subscriptions are copied before use and there is room for as many
 * events as subscriptions, each subscription giving at most one; a wait is one ppoll(2) at a time,
 * so that time passes without work and any time limit of the process's owner ends it. */
#include "base/file_status.h"
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)
/* The realtime clock may be set while a guest waits for it: look again at least this often. */
#define WAIT_MAX (UINT64_C(60) * NANOSECONDS_PER_SECOND)
#define FOREVER UINT64_MAX

/* A subscription as it lies in the copy. */
#define USERDATA_AT 0
#define TAG_AT 8
#define FD_AT 16
#define CLOCK_AT 16
#define TIMEOUT_AT 24
#define CLOCK_FLAGS_AT 40

static uint8_t *subscription_at(struct wasi_host *host, uint32_t index)
{
    return host->subscriptions + (size_t)index * WASI_SUBSCRIPTION_SIZE;
}

/* The time on clock 0 or 1 in nanoseconds, as the guest sees it. */
static uint64_t now_on(const struct wasi_host *host, uint32_t clock)
{
    struct timespec time = {0};
    if (clock == WASI_CLOCKID_MONOTONIC)
        return wasi_host_monotonic(host);
    (void)clock_gettime(CLOCK_REALTIME, &time);
    return nanoseconds_from(time);
}

static uint32_t check_form(struct wasi_host *host, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *subscription = subscription_at(host, i);
        uint8_t tag = subscription[TAG_AT];
        if (tag > WASI_EVENTTYPE_FD_WRITE)
            return WASI_ERRNO_INVAL;
        if (tag == WASI_EVENTTYPE_CLOCK &&
            (load_u16(subscription + CLOCK_FLAGS_AT) & ~WASI_SUBCLOCKFLAGS_ABSTIME) != 0)
            return WASI_ERRNO_INVAL;
    }
    return WASI_ERRNO_SUCCESS;
}

/* Whether the clock can be waited for; success or the error of the event. */
static uint32_t clock_error(const uint8_t *subscription)
{
    uint32_t clock = load_u32(subscription + CLOCK_AT);
    if (clock == WASI_CLOCKID_REALTIME || clock == WASI_CLOCKID_MONOTONIC)
        return WASI_ERRNO_SUCCESS;
    return clock <= WASI_CLOCKID_THREAD_CPUTIME ? WASI_ERRNO_NOTSUP : WASI_ERRNO_INVAL;
}

/* Rewrites a relative timeout in the copy as a time on its clock. One that cannot be reached stays
 * at the end of time. */
static void make_absolute(const struct wasi_host *host, uint8_t *subscription)
{
    if (load_u16(subscription + CLOCK_FLAGS_AT) == WASI_SUBCLOCKFLAGS_ABSTIME)
        return;
    uint64_t deadline;
    if (__builtin_add_overflow(now_on(host, load_u32(subscription + CLOCK_AT)),
                               load_u64(subscription + TIMEOUT_AT), &deadline))
        deadline = FOREVER;
    store_u64(subscription + TIMEOUT_AT, deadline);
}

/* Nanoseconds until the time of the clock subscription: 0 when it has come, FOREVER when never. */
static uint64_t time_left(const struct wasi_host *host, const uint8_t *subscription)
{
    uint64_t deadline = load_u64(subscription + TIMEOUT_AT);
    if (deadline == FOREVER)
        return FOREVER;
    uint64_t now = now_on(host, load_u32(subscription + CLOCK_AT));
    return deadline <= now ? 0 : deadline - now;
}

static uint32_t find_polled(struct wasi_host *host, const uint8_t *subscription,
                            struct descriptor **found)
{
    uint64_t right =
        subscription[TAG_AT] == WASI_EVENTTYPE_FD_READ ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE;
    return descriptor_find(host, load_u32(subscription + FD_AT),
                           WASI_RIGHT_POLL_FD_READWRITE | right, found);
}

/* Makes the clocks absolute and lists what the kernel must be asked about. Returns how many those
 * are; `wait` is false when some subscription can be answered at once. */
static uint32_t prepare(struct wasi_host *host, uint32_t count, bool *wait)
{
    uint32_t polled = 0;
    *wait = true;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *subscription = subscription_at(host, i);
        struct descriptor *descriptor;
        if (subscription[TAG_AT] == WASI_EVENTTYPE_CLOCK) {
            if (clock_error(subscription) == WASI_ERRNO_SUCCESS)
                make_absolute(host, subscription);
            else
                *wait = false;
        } else if (find_polled(host, subscription, &descriptor) != WASI_ERRNO_SUCCESS ||
                   descriptor->kind != DESCRIPTOR_STANDARD) {
            *wait = false;
        } else {
            bool read = subscription[TAG_AT] == WASI_EVENTTYPE_FD_READ;
            host->polled_subscription[polled] = i;
            host->polled[polled++] =
                (struct pollfd){.fd = descriptor->host_fd, .events = read ? POLLIN : POLLOUT};
        }
    }
    return polled;
}

static uint64_t shortest_wait(struct wasi_host *host, uint32_t count)
{
    uint64_t shortest = FOREVER;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *subscription = subscription_at(host, i);
        if (subscription[TAG_AT] != WASI_EVENTTYPE_CLOCK)
            continue;
        uint64_t left = time_left(host, subscription);
        if (left < shortest)
            shortest = left;
    }
    return shortest;
}

/* An interrupt ends a wait for a clock as if its time had come: libraries know no other way for it
 * to end (wasi-libc's clock_nanosleep takes any error for "not supported"), and the interrupted
 * program looks for the interrupt next. */
static bool end_clocks(struct wasi_host *host, uint32_t count)
{
    bool ended = false;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *subscription = subscription_at(host, i);
        if (subscription[TAG_AT] != WASI_EVENTTYPE_CLOCK)
            continue;
        store_u64(subscription + TIMEOUT_AT, 0);
        ended = true;
    }
    return ended;
}

/* Waits until a descriptor is ready or a clock's time has come. */
static uint32_t wait_for_event(struct wasi_host *host, uint32_t count, uint32_t polled, bool wait)
{
    for (;;) {
        uint64_t nanoseconds = wait ? shortest_wait(host, count) : 0;
        bool due = nanoseconds == 0;
        if (nanoseconds > WAIT_MAX)
            nanoseconds = WAIT_MAX;
        const struct timespec timeout = {
            .tv_sec = (time_t)(nanoseconds / NANOSECONDS_PER_SECOND),
            .tv_nsec = (long)(nanoseconds % NANOSECONDS_PER_SECOND),
        };
        if (!due)
            streams_before_wait(host);
        int found = due ? ppoll(host->polled, polled, &timeout, NULL)
                        : interruptible_poll(host, host->polled, polled, &timeout);
        if (found < 0 && errno != EINTR)
            return errno_from_host(errno);
        if (found < 0) {
            for (uint32_t i = 0; i < polled; i++)
                host->polled[i].revents = 0;
            if (take_interrupt(host))
                return end_clocks(host, count) ? WASI_ERRNO_SUCCESS : WASI_ERRNO_INTR;
        }
        if (found > 0 || due)
            return WASI_ERRNO_SUCCESS;
    }
}

/* How many bytes can be read without waiting, as far as the host knows. */
static uint64_t bytes_to_read(const struct descriptor *descriptor)
{
    int available = 0;
    if (descriptor->kind == DESCRIPTOR_SCRATCH_FILE)
        return scratch_bytes_to_read(descriptor);
    if (descriptor->filetype == WASI_FILETYPE_REGULAR_FILE) {
        struct stat status;
        off_t position = lseek(descriptor->host_fd, 0, SEEK_CUR);
        if (position < 0 || file_status(descriptor->host_fd, &status) != 0 ||
            status.st_size < position)
            return 0;
        return (uint64_t)(status.st_size - position);
    }
    if (ioctl(descriptor->host_fd, FIONREAD, &available) != 0 || available < 0)
        return 0;
    return (uint64_t)available;
}

struct event {
    uint32_t error;
    uint64_t bytes;
    uint16_t flags;
};

static struct event descriptor_event(struct wasi_host *host, const uint8_t *subscription,
                                     short revents)
{
    struct descriptor *descriptor;
    uint32_t error = find_polled(host, subscription, &descriptor);
    if (error != WASI_ERRNO_SUCCESS)
        return (struct event){.error = error};
    if ((revents & POLLNVAL) != 0)
        return (struct event){.error = WASI_ERRNO_BADF};
    bool read = subscription[TAG_AT] == WASI_EVENTTYPE_FD_READ;
    bool hangup = (revents & (POLLHUP | POLLERR)) != 0;
    return (struct event){
        /* pipe(7): so much can be written to what polls as writable. */
        .bytes = read ? bytes_to_read(descriptor) : PIPE_BUF,
        .flags = hangup ? WASI_EVENTRWFLAGS_HANGUP : 0,
    };
}

static void store_event(uint8_t *to, const uint8_t *subscription, const struct event *event)
{
    uint8_t record[WASI_EVENT_SIZE] = {0};
    store_u64(record, load_u64(subscription + USERDATA_AT));
    store_u16(record + 8, (uint16_t)event->error);
    record[10] = subscription[TAG_AT];
    store_u64(record + 16, event->bytes);
    store_u16(record + 24, event->flags);
    memcpy(to, record, sizeof(record));
}

/* Whether the subscription has happened, and what its event says. `next_polled` walks along
 * host->polled. */
static bool has_happened(struct wasi_host *host, uint32_t index, uint32_t polled,
                         uint32_t *next_polled, struct event *event)
{
    const uint8_t *subscription = subscription_at(host, index);
    if (subscription[TAG_AT] == WASI_EVENTTYPE_CLOCK) {
        *event = (struct event){.error = clock_error(subscription)};
        return event->error != WASI_ERRNO_SUCCESS || time_left(host, subscription) == 0;
    }
    short revents = 0;
    bool asked = *next_polled < polled && host->polled_subscription[*next_polled] == index;
    if (asked)
        revents = host->polled[(*next_polled)++].revents;
    if (asked && revents == 0)
        return false;
    *event = descriptor_event(host, subscription, revents);
    return true;
}

uint32_t preview1_poll_oneoff(void *context, uint32_t subscriptions, uint32_t events,
                              uint32_t count, uint32_t result)
{
    struct wasi_host *host = context;
    const uint8_t *from = guest_at(host, subscriptions, (uint64_t)count * WASI_SUBSCRIPTION_SIZE);
    uint8_t *to = guest_at(host, events, (uint64_t)count * WASI_EVENT_SIZE);
    uint8_t *happened_to = guest_at(host, result, sizeof(uint32_t));
    if (from == NULL || to == NULL || happened_to == NULL)
        return WASI_ERRNO_FAULT;
    if (count == 0 || count > WASI_SUBSCRIPTIONS_MAX)
        return WASI_ERRNO_INVAL;
    memcpy(host->subscriptions, from, (size_t)count * WASI_SUBSCRIPTION_SIZE);
    uint32_t failure = check_form(host, count);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    bool wait;
    uint32_t polled = prepare(host, count, &wait);
    failure = wait_for_event(host, count, polled, wait);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint32_t happened = 0;
    uint32_t next_polled = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct event event;
        if (has_happened(host, i, polled, &next_polled, &event))
            store_event(to + (size_t)happened++ * WASI_EVENT_SIZE, subscription_at(host, i),
                        &event);
    }
    store_u32(happened_to, happened);
    return WASI_ERRNO_SUCCESS;
}
