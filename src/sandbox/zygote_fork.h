/* Guest processes for sessions, asked of a zygote one by one. Shared by zygote.c and
 * session_process.c. */
#ifndef SHANNON_SANDBOX_ZYGOTE_FORK_H
#define SHANNON_SANDBOX_ZYGOTE_FORK_H

#include "base/error.h"
#include "sandbox/guest_child.h"
#include "sandbox/memory_image.h"

#include <stdbool.h>
#include <sys/queue.h>

struct zygote;

/* What is asked for. The descriptors are borrowed until it is given, refused or forgotten;
 * `state_fd` is duplicated, so that it need stay open for zygote_fork_ask only. */
struct zygote_fork {
    TAILQ_ENTRY(zygote_fork) link;
    bool waiting; /* it is in a list of the zygote's */
    bool asked;   /* the present process was asked for it */
    int save_fds[2];
    int state_fd;               /* -1: a fresh interpreter */
    struct memory_image *image; /* of the state */
    /* The process is there. `image` is the zygote's, which a fresh interpreter's state differs
     * from. */
    void (*given)(void *argument, struct guest_child *child, struct memory_image *image);
    void (*refused)(void *argument, const struct error *error);
    void *argument;
};

/* `given` or `refused` is called later, from the loop. -1 with an error when nothing can be had:
 * then neither is. */
int zygote_fork_ask(struct zygote *zygote, struct zygote_fork *fork, struct error *error);

/* Takes it back, if it is not answered yet. */
void zygote_fork_forget(struct zygote *zygote, struct zygote_fork *fork);

#endif
