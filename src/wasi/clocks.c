/* clock_res_get and clock_time_get. Invariant: only the four clocks of the specification exist, and
 * the processor clocks count this process alone. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <time.h>

static const clockid_t host_clocks[] = {
    [WASI_CLOCKID_REALTIME] = CLOCK_REALTIME,
    [WASI_CLOCKID_MONOTONIC] = CLOCK_MONOTONIC,
    [WASI_CLOCKID_PROCESS_CPUTIME] = CLOCK_PROCESS_CPUTIME_ID,
    [WASI_CLOCKID_THREAD_CPUTIME] = CLOCK_THREAD_CPUTIME_ID,
};

uint64_t wasi_host_monotonic(const struct wasi_host *host)
{
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds_from(time) + host->monotonic_offset;
}

void wasi_host_set_monotonic_floor(struct wasi_host *host, uint64_t floor)
{
    uint64_t now = wasi_host_monotonic(host);
    if (now < floor)
        host->monotonic_offset += floor - now;
}

static uint32_t answer(struct wasi_host *host, uint32_t clock, uint32_t result,
                       int (*ask)(clockid_t, struct timespec *), uint64_t offset)
{
    uint8_t *to = guest_at(host, result, sizeof(uint64_t));
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    if (clock >= sizeof(host_clocks) / sizeof(host_clocks[0]))
        return WASI_ERRNO_INVAL;
    struct timespec time;
    if (ask(host_clocks[clock], &time) != 0)
        return errno_from_host(errno);
    store_u64(to, nanoseconds_from(time) + (clock == WASI_CLOCKID_MONOTONIC ? offset : 0));
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_clock_res_get(void *context, uint32_t clock, uint32_t result)
{
    return answer(context, clock, result, clock_getres, 0);
}

/* `precision` allows an older time than now; there is none cheaper to give. */
uint32_t preview1_clock_time_get(void *context, uint32_t clock, uint64_t precision, uint32_t result)
{
    const struct wasi_host *host = context;
    (void)precision;
    return answer(context, clock, result, clock_gettime, host->monotonic_offset);
}
