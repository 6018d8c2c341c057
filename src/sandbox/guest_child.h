/* A guest process as its service sees it: its number, its channel, its end.
 *
 * A child belongs to whoever listens to it. It is a child of this process; all functions run on the
 * thread of the event loop they were given.
 */
#ifndef SHANNON_SANDBOX_GUEST_CHILD_H
#define SHANNON_SANDBOX_GUEST_CHILD_H

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/guest_channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct event_base;
struct guest_child;

struct guest_child_listener {
    /* A whole frame came. The child may be left or ended here; then there are no further calls. */
    void (*frame)(void *argument, enum guest_channel_kind kind, const uint8_t *bytes, size_t size);
    /* The channel ended, or what came was no frame: nothing more will come. Once. */
    void (*closed)(void *argument);
    void *argument;
};

/* Takes over `channel`, this side's end. NULL with ERROR_INTERNAL (the channel is closed then, the
 * process is the caller's still). */
struct guest_child *guest_child_new(struct event_base *loop, pid_t pid, int channel,
                                    struct error *error);

pid_t guest_child_pid(const struct guest_child *child);

/* Changes who listens. */
void guest_child_listen(struct guest_child *child, const struct guest_child_listener *listener);

/* How large the report of what is sent next may be, in bytes. Until this is said there is room for
 * the reason why a process could not begin, and no more: what is not whole yet is kept here. */
void guest_child_expect_report(struct guest_child *child, size_t size_max);

/* Sends a frame, whose memory it takes over; what the process does not take at once goes out from
 * the loop. A frame sent before must have gone out, which the process's answer to it tells. -1 when
 * the channel has ended. */
int guest_child_send(struct guest_child *child, struct buffer *frame);

/* Once the channel has ended: whether the process had read everything that was sent to it (unix(7):
 * a socket that is closed with something unread resets its peer). */
bool guest_child_took_all(const struct guest_child *child);

/* Once the channel has ended: whether what came was no frame. No process of ours does that. */
bool guest_child_spoke_nonsense(const struct guest_child *child);

/* Processor time that the process has used so far, in microseconds; 0 when it cannot be told. */
uint64_t guest_child_processor_us(const struct guest_child *child);

/* Asks the program to stop what it does (WASI_INTERRUPT_SIGNAL). */
void guest_child_interrupt(const struct guest_child *child);

/* Ends the process, waits for it in the background, and frees the child. No more calls come. */
void guest_child_end(struct guest_child *child);

/* The same, when the caller has something better to do: the process, which has said its last, may
 * be there for about a millisecond longer. */
void guest_child_end_soon(struct guest_child *child);

/* As guest_child_end, and calls `ended` from the loop when the process has been waited for, with
 * its status as of wait4(2). */
void guest_child_end_and_tell(struct guest_child *child,
                              void (*ended)(void *argument, int wait_status,
                                            const struct rusage *usage),
                              void *argument);

/* Whether `pid` is the process of a child that is alive or dying. */
bool guest_child_is_known(pid_t pid);

/* Has the dying looked at in this turn of the loop, which ends them, and not in a few ms: when the
 * processors are busy with what nobody waits for anyway. */
void guest_child_hurry_dying(void);

/* How many children are alive, and how many are dying but not waited for yet. */
size_t guest_child_alive_count(void);
size_t guest_child_dying_count(void);

/* Waits here and now until every child that was ended is gone; their `ended` are called. For a
 * service that stops. */
void guest_child_wait_for_dying(void);

#endif
