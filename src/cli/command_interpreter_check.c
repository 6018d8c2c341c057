/* `shannon interpreter check`: runs programs whose right output is known. */
#include "base/config.h"
#include "base/json_text.h"
#include "base/text.h"
#include "cli/command_interpreter_actions.h"
#include "cli/interpreter_examples.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/trial_run.h"
#include "sandbox/execution_status.h"
#include "sandbox/interpreter.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_CHECK_FAILED 1
#define QUOTED_BYTES_MAX 120

struct check {
    const char *path;
    uint32_t timeout_ms;
    uint64_t memory_bytes;
    bool json;
    json_t *results;
    size_t passed;
    size_t failed;
};

/* Appends `bytes` in quotation marks, as one line, cut where it is long. */
static void append_quoted(struct buffer *text, const char *bytes, size_t size)
{
    BUFFER_LOCAL struct buffer clean = BUFFER_EMPTY;
    size_t shown = size < QUOTED_BYTES_MAX ? size : QUOTED_BYTES_MAX;
    (void)text_append_utf8(&clean, bytes, shown);
    for (size_t i = 0; i < clean.size; i++) {
        if ((unsigned char)clean.data[i] < 0x20)
            clean.data[i] = ' ';
    }
    (void)buffer_append_format(text, "\"%s%s\"", buffer_text(&clean), shown < size ? "..." : "");
}

static size_t last_line(const char *text, size_t size)
{
    while (size > 0 && text[size - 1] == '\n')
        size--;
    size_t start = size;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    return start;
}

/* What is wrong with the result, appended to `fault`; nothing when it is right. */
static void compare(const struct interpreter_example *example,
                    const struct execution_result *result, struct buffer *fault)
{
    bool own_ending = result->status == ERROR_OK || result->status == ERROR_PYTHON_ERROR;
    const struct buffer *errors = &result->stderr_bytes;
    if (!own_ending) {
        (void)buffer_append_text(fault, result->message);
        return;
    }
    if (result->exit_code != example->exit_code) {
        size_t start = last_line(buffer_text(errors), errors->size);
        (void)buffer_append_format(fault, "it ended with status %d instead of %d",
                                   result->exit_code, example->exit_code);
        if (errors->size > 0) {
            (void)buffer_append_text(fault, " and the last line of its standard error was ");
            append_quoted(fault, errors->data + start, strcspn(errors->data + start, "\n"));
        }
    } else if (strcmp(buffer_text(&result->stdout_bytes), example->output) != 0) {
        (void)buffer_append_text(fault, "it printed ");
        append_quoted(fault, buffer_text(&result->stdout_bytes), result->stdout_bytes.size);
        (void)buffer_append_text(fault, " instead of ");
        append_quoted(fault, example->output, strlen(example->output));
    }
}

static void report(struct check *check, const struct interpreter_example *example,
                   const struct execution_result *result, const struct buffer *fault)
{
    bool passed = fault->size == 0;
    check->passed += passed;
    check->failed += !passed;
    if (check->json) {
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(example->name));
        json_object_set_new(object, "passed", json_boolean(passed));
        json_object_set_new(object, "wall_ms", json_integer((json_int_t)(result->wall_us / 1000)));
        json_object_set_new(object, "message",
                            passed ? json_null() : json_text_from_bytes(fault->data, fault->size));
        json_array_append_new(check->results, object);
        return;
    }
    (void)printf("%s  %s (%" PRIu64 " ms)\n", passed ? "pass" : "FAIL", example->name,
                 result->wall_us / 1000);
    if (!passed)
        (void)printf("      %s\n", buffer_text(fault));
    (void)fflush(stdout);
}

/* -1 when shannon itself failed, 1 when the first one failed: then there is no use in the others.
 */
static int run_examples(struct check *check, struct error *error)
{
    for (const struct interpreter_example *example = interpreter_examples; example->name != NULL;
         example++) {
        BUFFER_LOCAL struct buffer fault = BUFFER_EMPTY;
        struct execution_result result;
        if (trial_run(check->path, example->code, check->timeout_ms, check->memory_bytes, &result,
                      error) != 0)
            return -1;
        compare(example, &result, &fault);
        bool useless = example == interpreter_examples && fault.size > 0;
        if (useless && !check->json)
            (void)fprintf(stderr, "shannon interpreter check: %s does not run Python: %s\n",
                          check->path, buffer_text(&fault));
        else
            report(check, example, &result, &fault);
        execution_result_free(&result);
        if (useless)
            return 1;
    }
    return 0;
}

static void print_json(const struct check *check)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "path", json_string(check->path));
    json_object_set_new(answer, "passed", json_integer((json_int_t)check->passed));
    json_object_set_new(answer, "failed", json_integer((json_int_t)check->failed));
    json_object_set(answer, "checks", check->results);
    char *text = json_dumps(answer, 0);
    json_decref(answer);
    if (text != NULL)
        (void)puts(text);
    free(text);
}

static int check_interpreter(const char *name, bool json, const struct config *config,
                             struct error *error)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    const char *configured = config_text(config, CONFIG_WASI_INTERPRETER_PATH);
    if (name == NULL && configured[0] == '\0')
        name = config_text(config, CONFIG_WASI_INTERPRETER);
    if (interpreter_find(name, configured, &path, error) != 0 ||
        progress_translate(buffer_text(&path), error) != 0)
        return -1;
    struct check check = {
        .path = buffer_text(&path),
        .timeout_ms = (uint32_t)config_number(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS),
        .memory_bytes = config_number(config, CONFIG_WASI_MEMORY_LIMIT_BYTES),
        .json = json,
        .results = json_array(),
    };
    int status = run_examples(&check, error);
    if (status >= 0 && json)
        print_json(&check);
    else if (status == 0)
        (void)printf("%zu passed, %zu failed\n", check.passed, check.failed);
    json_decref(check.results);
    if (status == 0 && check.failed > 0)
        status = EXIT_CHECK_FAILED;
    return status;
}

int interpreter_action_check(int argc, char **argv)
{
    bool json = false;
    const char *file = NULL;
    const struct option rows[] = {
        {"--json", OPTION_FLAG, &json, NULL, "print one JSON object at the end"},
        {"--config", OPTION_TEXT, &file, "FILE",
         "configuration file (default: config/shannon.yaml)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "interpreter check", "[OPTION...] [NAME]",
        "Runs the three examples of the guide and a few programs more in the sandbox and compares\n"
        "what they print with what is right. NAME is an interpreter or the path of a python.wasm.",
        rows,
        "Exit status: 0 all is right, 1 something is not, 125 shannon's own failure, 127\n"
        "interpreter not found."};
    struct error error = ERROR_NONE;
    const char *words[1] = {NULL};
    size_t count;
    int status = options_parse_words(&table, argc, argv, words, 1, &count, &error);
    if (status == 1)
        return 0;
    struct config *config = status == 0 ? config_load(file, &error) : NULL;
    status =
        config == NULL ? -1 : check_interpreter(count == 0 ? NULL : words[0], json, config, &error);
    config_free(config);
    return status < 0 ? options_fail("interpreter check", &error) : status;
}
