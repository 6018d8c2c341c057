/* libevent's loop as every service runs it. */
#ifndef SHANNON_BASE_EVENT_LOOP_H
#define SHANNON_BASE_EVENT_LOOP_H

#include "base/error.h"

struct event_base;

/* A loop; SIGPIPE is ignored from here on. NULL with ERROR_INTERNAL. Release with event_base_free.
 */
struct event_base *event_loop_new(struct error *error);

/* Runs `loop` until event_base_loopbreak. The first SIGTERM or SIGINT logs "stopping" and calls
 * `stop`, which begins an orderly end that leads to event_base_loopbreak; a second one breaks the
 * loop at once. 0, or -1 with ERROR_INTERNAL. */
int event_loop_run(struct event_base *loop, void (*stop)(void *argument), void *argument,
                   struct error *error);

#endif
