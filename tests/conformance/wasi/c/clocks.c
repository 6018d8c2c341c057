/* The clocks, sleeping and waiting. Prints one line for each thing that is as it should be. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return -1;
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void check(const char *what, int good)
{
    printf("%s: %s\n", what, good ? "yes" : "NO");
}

int main(void)
{
    struct timespec resolution;
    const struct timespec nap = {.tv_nsec = 30 * 1000 * 1000};
    check("it is after 2020", now(CLOCK_REALTIME) / 1000000000LL > 1577836800LL);
    check("the resolution is known",
          clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec > 0);
    long long start = now(CLOCK_MONOTONIC);
    check("sleeping works", nanosleep(&nap, NULL) == 0);
    long long slept = now(CLOCK_MONOTONIC) - start;
    check("it took at least as long", slept >= nap.tv_nsec);
    check("and not for ever", slept < 20LL * 1000 * 1000 * 1000);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20 * 1000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    check("sleeping until a time works",
          clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == 0 &&
              now(CLOCK_REALTIME) >= until.tv_sec * 1000000000LL + until.tv_nsec);
    struct pollfd in = {.fd = 0, .events = POLLIN};
    start = now(CLOCK_MONOTONIC);
    check("nothing to read is a timeout", poll(&in, 1, 30) == 0);
    check("after the time", now(CLOCK_MONOTONIC) - start >= 30 * 1000 * 1000);
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    check("output is ready", poll(&out, 1, 10000) == 1 && (out.revents & POLLOUT) != 0);
    check("yielding works", sched_yield() == 0);
    return 0;
}
