/* What a guest process reports when a run ends by itself: one frame of its channel.
 *
 * The head is written by the host's code in the process and says how the guest ended. The records
 * and files after it are the guest's own words (the exception, the result, what it wrote to
 * /workspace): data. A process that is killed reports nothing.
 */
#ifndef SHANNON_SANDBOX_RUN_REPORT_H
#define SHANNON_SANDBOX_RUN_REPORT_H

#include "base/buffer.h"
#include "engine/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_REPORT_SIZE_MAX ((size_t)128 << 20) /* of the whole report, in bytes */
#define RUN_REPORT_RECORDS_MAX ((size_t)1 << 20)
#define RUN_REPORT_FILES_MAX 1000u

enum run_report_kind {
    RUN_REPORT_ENDED = 1, /* the program ran and the guest ended */
    RUN_REPORT_FAILED,    /* the process could not begin; the records are a message */
};

struct run_report {
    enum run_report_kind kind;
    enum error_kind failure; /* of RUN_REPORT_FAILED */
    struct guest_outcome outcome;
    bool growth_refused; /* a memory.grow met the limit */
    bool mute; /* a guest of a kind that has no records: none says nothing about how it went */
    bool stdout_truncated; /* output beyond the limit was dropped in the process */
    bool stderr_truncated;
    bool files_dropped;     /* there are files beyond RUN_REPORT_FILES_MAX */
    uint64_t memory_size;   /* the most that linear memory and scratch files took together */
    const uint8_t *records; /* of shannon_guest.h, or the message of a failure */
    size_t records_size;
    const uint8_t *files;
    size_t files_size;
    uint32_t file_count;
};

/* One file in the report: this, the path, the bytes. */
struct run_report_file {
    uint64_t size;       /* of the file */
    uint32_t bytes_size; /* how much of it is here: all, or 0 */
    uint32_t path_size;
};

/* How large the frame of a report can be, of which `files_limit` bytes are contents of files. */
size_t run_report_size_max(uint64_t files_limit);

/* Appends the report as it goes through a guest channel. -1 when memory is short. */
int run_report_append(struct buffer *frame, const struct run_report *report);

/* Decodes a report; its pointers go into `bytes`. -1 when it is none: the process is then not to be
 * trusted. */
int run_report_read(const void *bytes, size_t size, struct run_report *report);

/* Copies the record of `kind` into `text`, cut at 64 KiB; empty when there is none. False when
 * there is none. */
bool run_report_text(const struct run_report *report, uint32_t kind, struct buffer *text);

/* Calls `visit` for each file, in order, until it returns something else than 0, and returns that.
 * `bytes` is NULL when the contents of a file that is not empty are not in the report. */
int run_report_visit_files(const struct run_report *report,
                           int (*visit)(void *argument, const char *path, size_t path_size,
                                        uint64_t size, const void *bytes),
                           void *argument);

#endif
