/* What agent-core counts. Invariant: the counters only grow while the process lives. */
#include "agent_core/execution_metrics.h"

#include <inttypes.h>

/* Upper bounds of the histogram in microseconds; those of a short program lie close. */
static const uint64_t bounds_us[EXECUTION_METRICS_BOUNDS] = {
    100,   250,    500,    1000,    2500,    5000,     10000,
    50000, 100000, 500000, 1000000, 5000000, 10000000, 30000000};

void execution_metrics_count(struct execution_metrics *metrics, enum error_kind kind,
                             const struct execution_result *result)
{
    size_t bucket = 0;
    metrics->ended[kind]++;
    if (result == NULL)
        return;
    while (bucket < EXECUTION_METRICS_BOUNDS && result->wall_us > bounds_us[bucket])
        bucket++;
    metrics->wall_buckets[bucket]++;
    metrics->wall_us += result->wall_us;
    metrics->cpu_us += result->cpu_us;
    metrics->stdout_bytes += result->stdout_bytes.size;
    metrics->stderr_bytes += result->stderr_bytes.size;
}

static int append_head(struct buffer *text, const char *name, const char *type, const char *help)
{
    return buffer_append_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int append_seconds(struct buffer *text, const char *name, uint64_t microseconds)
{
    return buffer_append_format(text, "%s %" PRIu64 ".%06" PRIu64 "\n", name,
                                microseconds / 1000000, microseconds % 1000000);
}

static int append_number(struct buffer *text, const char *name, const char *type, const char *help,
                         uint64_t value)
{
    return append_head(text, name, type, help) |
           buffer_append_format(text, "%s %" PRIu64 "\n", name, value);
}

static int append_histogram(const struct execution_metrics *metrics, struct buffer *text)
{
    static const char name[] = "shannon_execution_duration_seconds";
    uint64_t count = 0;
    int status = append_head(text, name, "histogram", "Wall time of executions.");
    for (size_t i = 0; i < EXECUTION_METRICS_BOUNDS; i++) {
        count += metrics->wall_buckets[i];
        status |= buffer_append_format(text, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                                       (double)bounds_us[i] / 1e6, count);
    }
    count += metrics->wall_buckets[EXECUTION_METRICS_BOUNDS];
    status |= buffer_append_format(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    status |= append_seconds(text, "shannon_execution_duration_seconds_sum", metrics->wall_us);
    return status | buffer_append_format(text, "%s_count %" PRIu64 "\n", name, count);
}

static int append_gauges(const struct execution_gauges *gauges, struct buffer *text)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"shannon_executions_running", "gauge", "Executions under way.", gauges->running},
        {"shannon_executions_waiting", "gauge", "Executions in the queue.", gauges->waiting},
        {"shannon_spare_processes", "gauge", "Guest processes that wait for a request.",
         gauges->spares},
        {"shannon_spare_processes_wanted", "gauge", "How many of them there should be.",
         gauges->spares_wanted},
        {"shannon_guest_processes", "gauge", "Guest processes that live.", gauges->processes},
        {"shannon_guest_processes_dying", "gauge",
         "Guest processes that were ended and not waited for yet.", gauges->dying},
        {"shannon_guest_process_forks_total", "counter", "Guest processes made.", gauges->forks},
        {"shannon_zygote_starts_total", "counter", "Zygote processes started.",
         gauges->zygote_starts},
        {"shannon_sessions", "gauge", "Sessions.", gauges->sessions.all},
        {"shannon_sessions_live", "gauge", "Sessions with a process.", gauges->sessions.live},
        {"shannon_sessions_unsaved", "gauge", "Sessions whose last state is not on disk.",
         gauges->sessions.unsaved},
        {"shannon_session_state_bytes", "gauge", "States of all sessions, unpacked.",
         gauges->sessions.state_bytes},
        {"shannon_session_saves_total", "counter", "Sessions written to disk.",
         gauges->sessions.saves},
        {"shannon_session_save_failures_total", "counter",
         "Sessions that could not be written to disk.", gauges->sessions.save_failures},
        {"shannon_session_restores_total", "counter", "Processes made from a session's state.",
         gauges->sessions.restores},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        status |= append_number(text, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
    return status;
}

int execution_metrics_append(const struct execution_metrics *metrics,
                             const struct execution_gauges *gauges, struct buffer *text)
{
    int status = append_head(text, "shannon_executions_total", "counter",
                             "Executions by what became of them.");
    for (int kind = 0; kind <= ERROR_INTERNAL; kind++)
        status |=
            buffer_append_format(text, "shannon_executions_total{status=\"%s\"} %" PRIu64 "\n",
                                 error_kind_name((enum error_kind)kind), metrics->ended[kind]);
    status |= append_histogram(metrics, text);
    status |= append_head(text, "shannon_execution_cpu_seconds_total", "counter",
                          "Processor time of all executions.");
    status |= append_seconds(text, "shannon_execution_cpu_seconds_total", metrics->cpu_us);
    status |= append_head(text, "shannon_output_bytes_total", "counter",
                          "Output of all executions, as far as it was kept.");
    status |= buffer_append_format(text,
                                   "shannon_output_bytes_total{stream=\"stdout\"} %" PRIu64
                                   "\nshannon_output_bytes_total{stream=\"stderr\"} %" PRIu64 "\n",
                                   metrics->stdout_bytes, metrics->stderr_bytes);
    status |= append_gauges(gauges, text);
    return status == 0 ? 0 : -1;
}
