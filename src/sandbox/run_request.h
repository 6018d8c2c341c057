/* What a guest process is told of a run: a head, the request records of shannon_guest.h, which a
 * reactor gets as they are, the bytes of standard input, and input files.
 */
#ifndef SHANNON_SANDBOX_RUN_REQUEST_H
#define SHANNON_SANDBOX_RUN_REQUEST_H

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/execution.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of a request but its head, in bytes: records, standard input and files. */
#define RUN_REQUEST_SIZE_MAX ((size_t)128 << 20)

enum run_request_kind {
    RUN_REQUEST_PYTHON,  /* a Python program for an interpreter */
    RUN_REQUEST_COMMAND, /* `_start` with the request's arguments */
};

#define RUN_REQUEST_STREAM 1u    /* send output as it is written */
#define RUN_REQUEST_DUPLICATE 2u /* this interpreter is a copy of another: refresh it first */

struct run_request_head {
    uint32_t magic;
    uint32_t kind;  /* enum run_request_kind */
    uint32_t flags; /* RUN_REQUEST_* */
    uint32_t timeout_ms;
    uint64_t memory_limit_bytes;
    uint64_t scratch_limit_bytes;
    uint64_t output_limit_bytes; /* of stdout and of stderr */
    uint64_t files_limit_bytes;  /* of the contents of the files that come back */
    uint64_t state_limit_bytes;  /* of a session's state after the run */
    uint32_t records_size;
    uint32_t stdin_size;
    uint32_t files_size;
    uint32_t file_count;
};

/* One input file in the request: this, the path, the contents. */
struct run_request_file {
    uint32_t path_size;
    uint32_t size;
};

/* A request in the process; the pointers stay valid until the next one is received. */
struct run_request {
    struct run_request_head head;
    const uint8_t *records;
    const uint8_t *standard_input;
    const uint8_t *files;
};

/* Appends `request` to `frame` as it goes through a guest channel; `run_flags` are SHANNON_RUN_*,
 * `flags` RUN_REQUEST_*, `state_limit` is a session's. -1 with ERROR_INVALID_REQUEST when it is
 * over RUN_REQUEST_SIZE_MAX, ERROR_INTERNAL when memory is short. */
int run_request_append(struct buffer *frame, const struct execution_request *request,
                       enum run_request_kind kind, uint32_t flags, uint32_t run_flags,
                       uint64_t state_limit, struct error *error);

/* In the process: makes the memory present that a small request will need. */
void run_request_prepare(void);

/* In the process: waits for the next request and reads it. 1; 0 when the service closed the
 * channel; -1 with ERROR_INTERNAL when what came is no request. */
int run_request_receive(int channel, struct run_request *request, struct error *error);

/* Checks a whole request, head and rest: every size against `size`, every record and file against
 * its part. For run_request_receive, and for the fuzzer. 0, or -1. */
int run_request_check(const struct run_request_head *head, const uint8_t *rest, size_t size,
                      struct run_request *request);

/* Calls `visit` for each record, in order, until it returns something else than 0, and returns
 * that; 0 at the end, -1 when the list is malformed. */
int run_request_visit(const struct run_request *request,
                      int (*visit)(void *argument, uint32_t kind, const char *bytes, size_t size),
                      void *argument);

/* The same for input files. */
int run_request_visit_files(const struct run_request *request,
                            int (*visit)(void *argument, const char *path, size_t path_size,
                                         const void *bytes, size_t size),
                            void *argument);

#endif
