/* The one logger. Invariant: a line holds no control character but its final newline. */
#include "base/log.h"

#include "base/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static const char *log_service = "shannon";
static enum log_level log_least = LOG_INFO;
static bool log_json = false;

void log_configure(const char *service, enum log_level level, bool json)
{
    log_service = service;
    log_least = level;
    log_json = json;
}

int log_level_from_name(const char *name)
{
    for (int i = 0; i < (int)(sizeof(level_names) / sizeof(level_names[0])); i++) {
        if (strcmp(level_names[i], name) == 0)
            return i;
    }
    return -1;
}

static void append_quoted(struct buffer *line, const char *text)
{
    (void)buffer_append_text(line, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            (void)buffer_append_format(line, "\\%c", *p);
        else if (*p == '\n')
            (void)buffer_append_text(line, "\\n");
        else if (*p < 0x20 || *p == 0x7f)
            (void)buffer_append_format(line, "\\u%04x", *p);
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
            /* C1 controls are escape sequences to some terminals. */
            (void)buffer_append_format(line, "\\u%04x", p[1]);
            p++;
        } else
            (void)buffer_append(line, p, 1);
    }
    (void)buffer_append_text(line, "\"");
}

static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '"' || *p == '=' || *p == '\\')
            return false;
    }
    return true;
}

static void append_time(struct buffer *line)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    char text[32];
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)buffer_append_format(line, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void append_field(struct buffer *line, const struct log_field *field)
{
    (void)buffer_append_text(line, log_json ? ",\"" : " ");
    (void)buffer_append_text(line, field->key);
    (void)buffer_append_text(line, log_json ? "\":" : "=");
    if (field->text == NULL)
        (void)buffer_append_format(line, "%" PRId64, field->number);
    else if (!log_json && is_plain(field->text))
        (void)buffer_append_text(line, field->text);
    else
        append_quoted(line, field->text);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    if (level < log_least)
        return;
    int saved = errno;
    BUFFER_LOCAL struct buffer line = BUFFER_EMPTY;
    if (log_json)
        (void)buffer_append_text(&line, "{\"ts\":\"");
    append_time(&line);
    if (log_json) {
        (void)buffer_append_format(&line, "\",\"level\":\"%s\",\"service\":\"%s\",\"event\":",
                                   level_names[level], log_service);
        append_quoted(&line, event);
    } else {
        (void)buffer_append_format(&line, " %s %s %s", level_names[level], log_service, event);
    }
    for (size_t i = 0; i < count; i++)
        append_field(&line, &fields[i]);
    (void)buffer_append_text(&line, log_json ? "}\n" : "\n");
    ssize_t written = write(STDERR_FILENO, buffer_text(&line), line.size);
    (void)written; /* a log that cannot be written has nowhere to be reported */
    errno = saved;
}
