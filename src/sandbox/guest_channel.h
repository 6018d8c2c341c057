/* What a service and a guest process say to each other: frames on a stream socket pair, each a head
 * and then `size` bytes, in this machine's byte order, as both are the same program.
 *
 * The service does not trust the process: it may have been taken over by its guest. Whatever it
 * sends is checked, bounded, and only ever taken for what this guest wrote.
 */
#ifndef SHANNON_SANDBOX_GUEST_CHANNEL_H
#define SHANNON_SANDBOX_GUEST_CHANNEL_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The number of the channel in every guest process. */
#define GUEST_CHANNEL_FD 3

enum guest_channel_kind {
    GUEST_CHANNEL_RUN = 1, /* to the process: a run request (run_request.h) */
    GUEST_CHANNEL_STDOUT,  /* from it: output, at most GUEST_CHANNEL_OUTPUT_MAX bytes a frame */
    GUEST_CHANNEL_STDERR,
    GUEST_CHANNEL_REPORT, /* from it: how the run ended (run_report.h), once a run */
    GUEST_CHANNEL_SAVED,  /* from it: what became of the state after a run (session_state.h) */
    GUEST_CHANNEL_KIND_COUNT
};

struct guest_channel_head {
    uint32_t kind;
    uint32_t size;
};

#define GUEST_CHANNEL_OUTPUT_MAX ((uint32_t)32 << 10)

/* ---- in the process: blocking, fork-safe ---- */

/* Writes one frame. -1 when the other end is gone. */
int guest_channel_write(int fd, enum guest_channel_kind kind, const void *bytes, size_t size);

/* Writes bytes that are whole frames already. -1 when the other end is gone. */
int guest_channel_write_all(int fd, const void *bytes, size_t size);
int guest_channel_write_both(int fd, const void *first, size_t first_size, const void *second,
                             size_t second_size);

/* Reads exactly `size` bytes. 0, or -1 when the other end is gone before. */
int guest_channel_read(int fd, void *bytes, size_t size);

/* ---- in the service: whatever has come ---- */

struct guest_channel_reader {
    struct buffer pending; /* a frame that is not whole yet */
};

/* Called with each whole frame; `bytes` are valid during the call. Returns 0 to go on. */
typedef int guest_channel_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                                size_t size);

/* Takes bytes as they come and calls `frame` for each frame that they complete, until it returns
 * something else than 0. -1 when it did, when the bytes are no frames that a process sends, or when
 * memory is short: nothing further can be understood then. */
int guest_channel_take(struct guest_channel_reader *reader, const void *bytes, size_t size,
                       guest_channel_frame *frame, void *argument);

void guest_channel_reader_free(struct guest_channel_reader *reader);

#endif
