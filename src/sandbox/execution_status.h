/* What became of an execution: one decision, from what the parent saw of the process and from its
 * report. Pure: no process, no descriptor.
 *
 * The order of precedence: failed before it began, cancelled, timed out, ended by a signal,
 * trapped, the program's own exit status. Nothing the guest wrote takes part in it, with one
 * exception that the host confirms: an exception called MemoryError (of a guest that does not say
 * how it ended: status 1) counts as the memory limit only when the host refused to grow the memory.
 */
#ifndef SHANNON_SANDBOX_EXECUTION_STATUS_H
#define SHANNON_SANDBOX_EXECUTION_STATUS_H

#include "base/error.h"
#include "sandbox/execution.h"

#include <stdbool.h>
#include <stdint.h>

#define EXIT_TIMEOUT 124
#define EXIT_SHANNON_FAILED 125
#define EXIT_INTERPRETER_NOT_FOUND 127
#define EXIT_TRAPPED 134
#define EXIT_KILLED 137

struct execution_end {
    int wait_status; /* as from wait4(2) */
    bool timed_out;
    bool cancelled;
    struct error failure; /* set when no process ever ran it */
    uint32_t timeout_ms;
    uint64_t memory_limit_bytes;
};

/* Fills status, message, exit_code, the exception's texts and, where the report has it,
 * peak_memory_bytes. `frame` is what came through the report pipe. */
void execution_status_decide(const struct execution_end *end, const struct buffer *frame,
                             struct execution_result *result);

/* Releases the result's buffers. */
void execution_result_free(struct execution_result *result);

#endif
