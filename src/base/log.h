/* The one logger: one event a line on standard error.
 *
 *     LOG(LOG_INFO, "execution finished", log_text("id", id), log_number("wall_ms", wall));
 *
 * prints, as text,
 *
 *     2026-11-23T05:22:13.123Z info agent-core execution finished id=ab12 wall_ms=3
 *
 * or the same as one JSON object with "ts", "level", "service" and "event". Values are escaped:
 * nothing that a guest or a client wrote can forge a line or reach the terminal as a control
 * sequence. A line is written by one write(2), so lines of several processes do not mix.
 *
 * Guest output is never logged; keys and other secrets are never passed to it.
 */
#ifndef SHANNON_BASE_LOG_H
#define SHANNON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *key; /* [a-z_]+ */
    const char *text;
    int64_t number;
};

/* Sets the name that stands in each line ("agent-core"), the least level that is printed and the
 * form. `service` must outlive the process's logging. Before this: "shannon", LOG_INFO, text. */
void log_configure(const char *service, enum log_level level, bool json);

/* The level called `name` ("debug", "info", "warning", "error"), or -1. */
int log_level_from_name(const char *name);

/* Writes one event. Does nothing below the configured level. Preserves errno. */
void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = text == NULL ? "" : text};
}

static inline struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .number = number};
}

#define LOG(level, event, ...)                                                                     \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
