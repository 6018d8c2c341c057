/* In a guest process whose output is captured: gathers what the program writes to standard output
 * and error into frames of the channel.
 *
 * Small writes are put together, so that a program that prints a line costs no system call of its
 * own for it; they go out when there is enough, when the guest is about to wait, when it has worked
 * for a while, at the end of the run, and at an interrupt, so that nothing is lost when the process
 * is killed next. With `stream` they go out at once. What is over the limit is dropped here: a
 * flood does not leave the process.
 *
 * One a process; nothing here allocates memory.
 */
#ifndef SHANNON_SANDBOX_GUEST_OUTPUT_H
#define SHANNON_SANDBOX_GUEST_OUTPUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wasi_host;

/* Makes the guest's descriptors 1 and 2 streams that end here. Frames go to GUEST_CHANNEL_FD, of
 * each process that is forked its own. */
int guest_output_connect(struct wasi_host *host, struct error *error);

/* Begins a run: `limit` bytes of each stream are let through. */
void guest_output_begin(uint64_t limit, bool stream);

/* Forgets what is gathered, and copies the end of it, as one text, to `text` of `size` bytes: for a
 * process that has no channel yet. */
void guest_output_take(char *text, size_t size);

/* Forgets what is gathered: nobody asked for it. */
void guest_output_forget(void);

/* Sends what is gathered. */
void guest_output_flush(void);

/* Sends what is gathered and then the bytes, which are whole frames, together. -1 when the service
 * is gone. */
int guest_output_finish(const void *frames, size_t size);

/* As guest_output_flush, from a signal handler; when the program is just writing, as soon as that
 * is done. With `last` everything that is written from now on goes out at once: the process may be
 * killed soon. */
void guest_output_flush_from_handler(bool last);

/* Whether something of stdout (1) or stderr (2) was dropped. */
bool guest_output_truncated(int guest_fd);

#endif
