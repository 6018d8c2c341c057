/* Work that would hold up an event loop, done in a process of its own: a fork of this one, which
 * sees what there was at that moment, does the work and ends. For processes with one thread. */
#ifndef SHANNON_BASE_BACKGROUND_H
#define SHANNON_BASE_BACKGROUND_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct background;

struct background_work {
    /* Runs in the new process; 0 or the exit status of a failure, 1 to 255. Signals have their
     * defaults, but for SIGINT and SIGHUP, which are ignored: a terminal sends them to all at once,
     * and the work is to be finished. */
    int (*work)(void *argument, struct error *error);
    /* Called once, from the loop (or from background_wait): ERROR_NONE when the work was done. */
    void (*done)(void *argument, const struct error *error);
    void *argument;
    const int *descriptors; /* that the work needs; all others are closed, but for 0, 1 and 2 */
    size_t descriptor_count;
    bool urgent; /* somebody waits for it; otherwise all else goes first */
};

/* Starts the work, which is copied. NULL with ERROR_INTERNAL when no process can be had. */
struct background *background_start(struct event_base *loop, const struct background_work *work,
                                    struct error *error);

/* Waits for it here; `done` is called before this returns. */
void background_wait(struct background *background);

#endif
