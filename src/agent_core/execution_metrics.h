/* What agent-core counts, in the form that Prometheus reads. */
#ifndef SHANNON_AGENT_CORE_EXECUTION_METRICS_H
#define SHANNON_AGENT_CORE_EXECUTION_METRICS_H

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/execution.h"

#include <stddef.h>
#include <stdint.h>

struct execution_metrics {
    uint64_t ended[ERROR_INTERNAL + 1]; /* by kind */
    uint64_t wall_ms;                   /* of all that ended, together */
    uint64_t cpu_ms;
};

/* Counts an execution that ended; `result` NULL: none ran, for a reason of `kind`. */
void execution_metrics_count(struct execution_metrics *metrics, enum error_kind kind,
                             const struct execution_result *result);

/* Appends the text (Prometheus exposition format 0.0.4). 0, or -1 when memory is short. */
int execution_metrics_append(const struct execution_metrics *metrics, size_t running,
                             size_t waiting, struct buffer *text);

#endif
