/* What agent-core counts. Invariant: the counters only grow while the process lives. */
#include "agent_core/execution_metrics.h"

#include <inttypes.h>

void execution_metrics_count(struct execution_metrics *metrics, enum error_kind kind,
                             const struct execution_result *result)
{
    metrics->ended[kind]++;
    if (result == NULL)
        return;
    metrics->wall_ms += result->wall_ms;
    metrics->cpu_ms += result->cpu_ms;
}

static int append_seconds(struct buffer *text, const char *name, const char *help, uint64_t ms)
{
    return buffer_append_format(text,
                                "# HELP %s %s\n# TYPE %s counter\n%s %" PRIu64 ".%03" PRIu64 "\n",
                                name, help, name, name, ms / 1000, ms % 1000);
}

static int append_gauge(struct buffer *text, const char *name, const char *help, size_t value)
{
    return buffer_append_format(text, "# HELP %s %s\n# TYPE %s gauge\n%s %zu\n", name, help, name,
                                name, value);
}

int execution_metrics_append(const struct execution_metrics *metrics, size_t running,
                             size_t waiting, struct buffer *text)
{
    int result = buffer_append_text(
        text, "# HELP shannon_executions_total Executions by what became of them.\n"
              "# TYPE shannon_executions_total counter\n");
    for (int kind = 0; kind <= ERROR_INTERNAL; kind++)
        result |=
            buffer_append_format(text, "shannon_executions_total{status=\"%s\"} %" PRIu64 "\n",
                                 error_kind_name((enum error_kind)kind), metrics->ended[kind]);
    result |= append_seconds(text, "shannon_execution_wall_seconds_total",
                             "Wall time of all executions.", metrics->wall_ms);
    result |= append_seconds(text, "shannon_execution_cpu_seconds_total",
                             "Processor time of all executions.", metrics->cpu_ms);
    result |= append_gauge(text, "shannon_executions_running", "Executions under way.", running);
    result |= append_gauge(text, "shannon_executions_waiting", "Executions in the queue.", waiting);
    return result == 0 ? 0 : -1;
}
