/* `shannon submit`: sends a task to the orchestrator, waits for its end and prints its result. */
#include "base/buffer.h"
#include "base/config.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/task_client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_TASK_FAILED 1
#define EXIT_WAITED_TOO_LONG 124
#define TEXT_BYTES_MAX 16777216 /* read from standard input; the orchestrator's limit is lower */

static void report_submitted(const char *id)
{
    (void)fprintf(stderr, "submitted %s\n", id);
}

static int read_standard_input(struct buffer *text, struct error *error)
{
    for (;;) {
        if (text->size > TEXT_BYTES_MAX)
            return error_set(error, ERROR_INVALID_REQUEST, "the task is longer than %d bytes",
                             TEXT_BYTES_MAX);
        if (buffer_reserve(text, 65536) != 0)
            return error_set(error, ERROR_INTERNAL, "out of memory");
        ssize_t size = read(STDIN_FILENO, text->data + text->size, 65536);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read standard input");
        if (size == 0)
            break;
        text->size += (size_t)size;
        text->data[text->size] = '\0';
    }
    if (strlen(buffer_text(text)) != text->size)
        return error_set(error, ERROR_INVALID_REQUEST, "the task holds a NUL byte");
    return 0;
}

/* The URL that was asked for, else SHANNON_URL, else where the configuration has the orchestrator
 * listen. */
static int find_url(const char *asked, struct buffer *url, struct error *error)
{
    const char *given = asked != NULL ? asked : getenv("SHANNON_URL");
    if (given != NULL && *given != '\0') {
        size_t size = strlen(given);
        while (size > 0 && given[size - 1] == '/')
            size--;
        return buffer_append(url, given, size);
    }
    struct config *config = config_load(NULL, error);
    if (config == NULL)
        return -1;
    const char *host = config_text(config, CONFIG_ORCHESTRATOR_HOST);
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "127.0.0.1";
    bool numeric_ipv6 = strchr(host, ':') != NULL;
    int result = buffer_append_format(url, "http://%s%s%s:%u", numeric_ipv6 ? "[" : "", host,
                                      numeric_ipv6 ? "]" : "",
                                      (unsigned)config_number(config, CONFIG_ORCHESTRATOR_PORT));
    config_free(config);
    return result;
}

static int print_json(const json_t *task)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    if (json_text_append(task, &text) != 0)
        return -1;
    return printf("%s\n", buffer_text(&text)) < 0 ? -1 : 0;
}

static void print_task(const json_t *task, bool completed)
{
    const json_t *result = json_object_get(task, "result");
    size_t size = json_string_length(result);
    if (size > 0) {
        (void)fwrite(json_string_value(result), 1, size, stdout);
        (void)fputc('\n', stdout);
    } else if (completed) {
        (void)fputs("the program printed nothing\n", stderr);
    }
    (void)fflush(stdout);
    const char *reason = json_string_value(json_object_get(task, "error"));
    if (!completed)
        (void)fprintf(stderr, "%s\n", reason == NULL ? "the task ended without a reason" : reason);
}

static int report(const json_t *task, bool as_json)
{
    static const char prefix[] = "TASK_STATUS_";
    const char *id = json_string_value(json_object_get(task, "task_id"));
    const char *status = json_string_value(json_object_get(task, "status"));
    if (strncmp(status, prefix, strlen(prefix)) == 0)
        status += strlen(prefix);
    bool completed = strcmp(status, "COMPLETED") == 0;
    (void)fprintf(stderr, "%s %s\n", id == NULL ? "task" : id, status);
    if (!as_json)
        print_task(task, completed);
    else if (print_json(task) != 0)
        return OPTIONS_EXIT_USAGE;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("shannon submit: cannot write to standard output\n", stderr);
        return OPTIONS_EXIT_USAGE;
    }
    return completed ? 0 : EXIT_TASK_FAILED;
}

static int submit(const char *text, const char *asked_url, uint64_t timeout_ms, bool as_json,
                  struct error *error)
{
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer input = BUFFER_EMPTY;
    if (find_url(asked_url, &url, error) != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    if (strcmp(text, "-") == 0) {
        if (read_standard_input(&input, error) != 0)
            return -1;
        text = buffer_text(&input);
    }
    const struct task_client_options options = {.url = buffer_text(&url),
                                                .text = text,
                                                .timeout_ms = timeout_ms,
                                                .submitted = report_submitted};
    json_t *task = task_client_run(&options, error);
    if (task == NULL)
        return -1;
    int status = report(task, as_json);
    json_decref(task);
    return status;
}

int command_submit(int argc, char **argv)
{
    const char *url = NULL;
    uint64_t timeout_ms = 0;
    bool as_json = false;
    const struct option rows[] = {
        {"--url", OPTION_TEXT, &url, "URL",
         "the orchestrator (default: SHANNON_URL, else where the configuration has it listen)"},
        {"--timeout", OPTION_DURATION, &timeout_ms, "DURATION",
         "stop waiting after 500ms, 30s, 2m; the task goes on (default: wait)"},
        {"--json", OPTION_FLAG, &as_json, NULL, "print the whole task as one JSON object"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "submit", "[OPTION...] TASK | -",
        "Sends a task to the orchestrator, waits for its end and prints its result. With - the "
        "task\n"
        "is read from standard input. Everything but the result goes to standard error.",
        rows,
        "Exit status: 0 completed, 1 failed, 124 not ended within --timeout, 125 not submitted or\n"
        "lost sight of.\n\n"
        "Examples:\n"
        "  shannon submit \"Execute this Python code: print('Hello')\"\n"
        "  shannon submit \"Use Python to generate the first 20 Fibonacci numbers\""};
    struct error error = ERROR_NONE;
    int next;
    int status = options_parse(&table, argc, argv, &next, &error);
    if (status == 1)
        return 0;
    if (status == 0 && next + 1 != argc)
        status = error_set(&error, ERROR_INVALID_REQUEST,
                           next == argc ? "what is to be done? See shannon submit --help"
                                        : "one task is expected; put quotes around it");
    if (status == 0)
        status = submit(argv[next], url, timeout_ms, as_json, &error);
    if (status >= 0)
        return status;
    (void)options_fail("submit", &error);
    return error.kind == ERROR_TIMEOUT ? EXIT_WAITED_TOO_LONG : OPTIONS_EXIT_USAGE;
}
