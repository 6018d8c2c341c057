/* What became of an execution: one decision, from what the parent saw of the process and from its
 * report. Pure: no process, no descriptor.
 *
 * The order of precedence: failed before it began, spoke nonsense, cancelled, timed out, ended by a
 * signal, trapped, the program's own exit status. Nothing the guest wrote takes part in it, with
 * one exception that the host confirms: an exception called MemoryError (of a guest that does not
 * say how it ended: status 1) counts as the memory limit only when the host refused to grow the
 * memory.
 */
#ifndef SHANNON_SANDBOX_EXECUTION_STATUS_H
#define SHANNON_SANDBOX_EXECUTION_STATUS_H

#include "base/error.h"
#include "sandbox/execution.h"
#include "sandbox/run_report.h"

#include <stdbool.h>
#include <stdint.h>

#define EXIT_TIMEOUT 124
#define EXIT_SHANNON_FAILED 125
#define EXIT_INTERPRETER_NOT_FOUND 127
#define EXIT_TRAPPED 134
#define EXIT_KILLED 137

struct execution_end {
    bool reported;   /* a report came, and with it the end of all output */
    int wait_status; /* as from wait4(2); of an execution without a report */
    bool timed_out;
    bool processor_limit; /* it was the processor time that ran out */
    bool cancelled;
    bool nonsense; /* the process said what none of ours says: it was taken over, and ended */
    enum error_kind
        unsaved;         /* why a session's state could not be saved after a run that went well */
    uint64_t state_size; /* how large it was */
    uint64_t state_limit;
    struct error failure; /* set when no process ever ran it */
    uint32_t timeout_ms;
    uint32_t processor_limit_ms;
    uint64_t memory_limit_bytes;
};

/* Fills status, message, exit_code, what the report has of the guest's own texts and, where there
 * is one, peak_memory_bytes and the marks of truncation. `bytes` is what the process reported; NULL
 * when it did not. `report` is room for it, which the result then points to. */
void execution_status_decide(const struct execution_end *end, const void *bytes, size_t size,
                             struct run_report *report, struct execution_result *result);

/* Whether the end is one that nobody asked for and no guest can have caused: a fault of the host's
 * own code, or a process that was taken over. */
bool execution_status_is_unexplained(const struct execution_end *end);

/* Releases the result's buffers. */
void execution_result_free(struct execution_result *result);

#endif
