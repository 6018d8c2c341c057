/* What a child reports when its execution ends by itself: one frame on a pipe to its parent.
 *
 * The head is written by the host's code in the child and says how the guest ended. The records
 * after it are the guest's own words (the exception, the result), taken from its memory: data. A
 * child that is killed reports nothing.
 */
#ifndef SHANNON_SANDBOX_RUN_REPORT_H
#define SHANNON_SANDBOX_RUN_REPORT_H

#include "base/buffer.h"
#include "engine/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_REPORT_SIZE_MAX ((size_t)1 << 20) /* of the whole frame, in bytes */

enum run_report_kind {
    RUN_REPORT_ENDED = 1, /* the program ran and the guest ended */
    RUN_REPORT_FAILED,    /* the child could not begin; `message` says why */
};

struct run_report {
    enum run_report_kind kind;
    enum error_kind failure; /* of RUN_REPORT_FAILED */
    struct guest_outcome outcome;
    bool growth_refused; /* a memory.grow met the limit */
    bool mute; /* a guest of a kind that has no records: none says nothing about how it went */
    uint64_t memory_size;
    const uint8_t *records; /* of shannon_guest.h, or the message of a failure */
    size_t records_size;
};

/* Writes the frame to `fd`, waiting as needed. -1 when the other end is gone. Fork-safe. */
int run_report_write(int fd, const struct run_report *report);

/* Decodes a whole frame; `report->records` points into it. -1 when it is not one: the child is then
 * not to be trusted. */
int run_report_read(const struct buffer *frame, struct run_report *report);

/* Copies the record of `kind` into `text`, cut at 64 KiB; empty when there is none. */
void run_report_text(const struct run_report *report, uint32_t kind, struct buffer *text);

#endif
