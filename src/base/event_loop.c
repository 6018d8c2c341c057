/* libevent's loop as every service runs it. Invariant: the signal events exist only while the loop
 * runs. */
#include "base/event_loop.h"

#include "base/log.h"

#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>

struct loop_end {
    struct event_base *loop;
    void (*stop)(void *argument);
    void *argument;
    bool stopping;
};

struct event_base *event_loop_new(struct error *error)
{
    /* A peer that is gone shows as EPIPE where it is written to. */
    (void)signal(SIGPIPE, SIG_IGN);
    struct event_base *loop = event_base_new();
    if (loop == NULL)
        error_set(error, ERROR_INTERNAL,
                  "cannot create an event loop: out of memory or of file "
                  "descriptors (see ulimit -n)");
    return loop;
}

static void on_signal(evutil_socket_t number, short what, void *argument)
{
    (void)what;
    struct loop_end *end = argument;
    if (end->stopping) {
        event_base_loopbreak(end->loop);
        return;
    }
    end->stopping = true;
    LOG(LOG_INFO, "stopping", log_text("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    end->stop(end->argument);
}

int event_loop_run(struct event_base *loop, void (*stop)(void *argument), void *argument,
                   struct error *error)
{
    struct loop_end end = {.loop = loop, .stop = stop, .argument = argument};
    struct event *terminate = evsignal_new(loop, SIGTERM, on_signal, &end);
    struct event *interrupt = evsignal_new(loop, SIGINT, on_signal, &end);
    int result = 0;
    if (terminate == NULL || interrupt == NULL || event_add(terminate, NULL) != 0 ||
        event_add(interrupt, NULL) != 0)
        result = error_set(error, ERROR_INTERNAL, "cannot wait for signals: out of memory");
    else if (event_base_loop(loop, EVLOOP_NO_EXIT_ON_EMPTY) == -1)
        result = error_set(error, ERROR_INTERNAL, "the event loop failed");
    if (terminate != NULL)
        event_free(terminate);
    if (interrupt != NULL)
        event_free(interrupt);
    return result;
}
