/* One zygote process as its service sees it: started, asked for forks, ended. zygote.c owns one or,
 * while one takes over from another, two. */
#ifndef SHANNON_SANDBOX_ZYGOTE_CONNECTION_H
#define SHANNON_SANDBOX_ZYGOTE_CONNECTION_H

#include "base/error.h"
#include "sandbox/guest_child.h"
#include "sandbox/zygote.h"
#include "sandbox/zygote_protocol.h"

#include <stdbool.h>

struct zygote_connection;

struct zygote_connection_listener {
    /* The interpreter is warm. `image` is its memory image, taken over; -1: none. */
    void (*ready)(void *argument, struct zygote_connection *connection,
                  const struct zygote_reply *reply, int image);
    /* A fork that was asked for is there, or (`child` NULL) was refused. Not for one that was
     * forgotten. */
    void (*forked)(void *argument, void *fork_argument, struct guest_child *child,
                   const struct error *error);
    /* The process is gone; `error` says why when it says so itself. The forks that were asked for
     * will not come. The connection may be ended here, and must be sometime. */
    void (*gone)(void *argument, struct zygote_connection *connection, const struct error *error);
    void *argument;
};

/* Starts a process. NULL with ERROR_INTERNAL. The options are used during the call only. */
struct zygote_connection *zygote_connection_start(struct event_base *loop,
                                                  const struct zygote_options *options,
                                                  const struct zygote_connection_listener *listener,
                                                  struct error *error);

pid_t zygote_connection_pid(const struct zygote_connection *connection);

/* Asks for a fork, which is answered with `fork_argument`. `descriptors` (may be empty) go to the
 * guest process behind its channel and stay the caller's; `image` is the identifier of
 * ZYGOTE_FD_IMAGE, NULL without one. One that is made in a `hurry` is there sooner and runs its
 * first program slower. -1 with ERROR_INTERNAL when it cannot be asked now, other than because the
 * process is gone: that the listener is told. */
int zygote_connection_fork(struct zygote_connection *connection, const int *descriptors,
                           size_t count, const uint8_t *image, bool hurry, void *fork_argument,
                           struct error *error);

/* The fork that was asked for with `fork_argument`, if it is not answered yet, ends as soon as it
 * is there. */
void zygote_connection_forget(struct zygote_connection *connection, const void *fork_argument);

/* Kills the process, waits for it, and ends those of its forks that nobody was told of. */
void zygote_connection_end(struct zygote_connection *connection);

#endif
