/* What a child is told of its execution: a sealed memory file that its parent writes and it reads.
 *
 * The file is a fixed head and then the request records of shannon_guest.h, which a reactor gets as
 * they are.
 */
#ifndef SHANNON_SANDBOX_RUN_REQUEST_H
#define SHANNON_SANDBOX_RUN_REQUEST_H

#include "base/error.h"
#include "sandbox/execution.h"

#include <stddef.h>
#include <stdint.h>

enum run_request_kind {
    RUN_REQUEST_PYTHON,  /* a Python program for an interpreter */
    RUN_REQUEST_COMMAND, /* `_start` with the request's arguments */
};

struct run_request_head {
    uint32_t magic;
    uint32_t timeout_ms;
    uint64_t memory_limit_bytes;
    uint32_t records_size;
    uint32_t kind; /* enum run_request_kind */
};

/* A mapped request, in the child. */
struct run_request {
    struct run_request_head head;
    const uint8_t *records; /* head.records_size bytes, mapped for the life of the process */
};

/* Writes `request` into a new memory file; `flags` are SHANNON_RUN_*. The descriptor, which the
 * caller closes, or -1 with ERROR_INTERNAL, ERROR_INVALID_REQUEST when all is over 64 MiB. */
int run_request_write(const struct execution_request *request, enum run_request_kind kind,
                      uint32_t flags, struct error *error);

/* Maps the request in `fd`, which the caller may then close. -1 with ERROR_INTERNAL when it is not
 * one. */
int run_request_read(int fd, struct run_request *request, struct error *error);

/* Calls `visit` for each record, in order, until it returns something else than 0, and returns
 * that; 0 at the end, -1 when the list is malformed. */
int run_request_visit(const struct run_request *request,
                      int (*visit)(void *argument, uint32_t kind, const char *bytes, size_t size),
                      void *argument);

/* A new memory file with these bytes, sealed and at its start, to be some process's standard input.
 * The descriptor, which the caller closes, or -1 with ERROR_INTERNAL. */
int run_request_bytes_file(const void *bytes, size_t size, struct error *error);

#endif
