/* What agent-core counts, in the form that Prometheus reads. */
#ifndef SHANNON_AGENT_CORE_EXECUTION_METRICS_H
#define SHANNON_AGENT_CORE_EXECUTION_METRICS_H

#include "agent_core/session_store.h"
#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/execution.h"

#include <stddef.h>
#include <stdint.h>

#define EXECUTION_METRICS_BOUNDS 14 /* of the histogram's buckets, but for the last */

struct execution_metrics {
    uint64_t ended[ERROR_INTERNAL + 1]; /* by kind */
    uint64_t wall_buckets[EXECUTION_METRICS_BOUNDS + 1];
    uint64_t wall_us; /* of all that ran, together */
    uint64_t cpu_us;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
};

/* What there is at a moment. */
struct execution_gauges {
    size_t running;
    size_t waiting;
    size_t spares;
    size_t spares_wanted;
    size_t processes; /* guest processes of all kinds */
    size_t dying;
    uint64_t forks; /* ever */
    uint64_t zygote_starts;
    struct session_counts sessions;
};

/* Counts an execution that ended; `result` NULL: none ran, for a reason of `kind`. */
void execution_metrics_count(struct execution_metrics *metrics, enum error_kind kind,
                             const struct execution_result *result);

/* Appends the text (Prometheus exposition format 0.0.4). 0, or -1 when memory is short. */
int execution_metrics_append(const struct execution_metrics *metrics,
                             const struct execution_gauges *gauges, struct buffer *text);

#endif
