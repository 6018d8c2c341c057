/* src/sandbox/execution_status.c: every row is what a parent can have seen, and what it must say.
 */
#include "sandbox/execution_status.h"

#include "sandbox/guest_channel.h"
#include "shannon_guest.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EXITED(code) ((code) << 8)
#define SIGNALED(number) (number)

/* The report as a process would send it, without the head of its frame. */
static void make_report(const struct run_report *report, struct buffer *bytes)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    assert_int_equal(run_report_append(&frame, report), 0);
    size_t head = sizeof(struct guest_channel_head);
    assert_int_equal(buffer_append(bytes, frame.data + head, frame.size - head), 0);
}

static size_t put_record(uint8_t *place, uint32_t kind, const char *text)
{
    struct shannon_record record = {.kind = kind, .length = (uint32_t)strlen(text)};
    memcpy(place, &record, sizeof(record));
    memcpy(place + sizeof(record), text, strlen(text));
    return sizeof(record) + strlen(text);
}

struct row {
    const char *name;
    struct execution_end end;
    struct run_report report; /* kind 0: none came */
    const char *exception;    /* its type, as the guest tells it; NULL: no record */
    enum error_kind status;
    int exit_code;
    const char *words; /* that the message holds */
};

#define RETURNED(code)                                                                             \
    {                                                                                              \
        .kind = RUN_REPORT_ENDED, .outcome = {.ending = GUEST_RETURNED, .exit_code = (code) }      \
    }
#define LEFT(code)                                                                                 \
    {                                                                                              \
        .kind = RUN_REPORT_ENDED, .outcome = {.ending = GUEST_EXITED, .exit_code = (code) }        \
    }
#define TRAPPED(name)                                                                              \
    {                                                                                              \
        .kind = RUN_REPORT_ENDED, .outcome = {.ending = GUEST_TRAPPED, .trap = (name) }            \
    }
#define FAILED(name)                                                                               \
    {.kind = RUN_REPORT_FAILED,                                                                    \
     .failure = (name),                                                                            \
     .records = (const uint8_t *)"the reason",                                                     \
     .records_size = 10}

static const struct row rows[] = {
    {"success", {0}, RETURNED(0), NULL, ERROR_OK, 0, ""},
    {"left with 0", {0}, LEFT(0), NULL, ERROR_OK, 0, ""},
    {"status 7", {0}, RETURNED(7), NULL, ERROR_PYTHON_ERROR, 7, "status 7"},
    {"left with 255", {0}, LEFT(255), NULL, ERROR_PYTHON_ERROR, 255, "status 255"},
    {"exception", {0}, RETURNED(1), "ValueError", ERROR_PYTHON_ERROR, 1, "exception"},
    {"status 124 is the program's own", {0}, RETURNED(124), NULL, ERROR_PYTHON_ERROR, 124, "124"},
    {"status 137 is the program's own", {0}, RETURNED(137), NULL, ERROR_PYTHON_ERROR, 137, "137"},

    {"trap", {0}, TRAPPED(TRAP_UNREACHABLE), NULL, ERROR_TRAP, EXIT_TRAPPED, "unreachable"},
    {"stack",
     {0},
     TRAPPED(TRAP_STACK_EXHAUSTED),
     NULL,
     ERROR_STACK_EXHAUSTED,
     EXIT_TRAPPED,
     "recursed"},

    {"timeout",
     {.wait_status = SIGNALED(SIGKILL), .timed_out = true, .timeout_ms = 1234},
     {0},
     NULL,
     ERROR_TIMEOUT,
     EXIT_TIMEOUT,
     "1234 ms"},
    {"timeout as it ended by itself",
     {.timed_out = true, .timeout_ms = 5},
     RETURNED(0),
     NULL,
     ERROR_TIMEOUT,
     EXIT_TIMEOUT,
     "Execution timeout"},
    {"processor time",
     {.timed_out = true, .processor_limit = true, .timeout_ms = 5, .processor_limit_ms = 678},
     {0},
     NULL,
     ERROR_TIMEOUT,
     EXIT_TIMEOUT,
     "678 ms of processor time"},
    {"processor time, told by the program itself",
     {.timed_out = true, .processor_limit = true, .processor_limit_ms = 678},
     RETURNED(1),
     "KeyboardInterrupt",
     ERROR_TIMEOUT,
     EXIT_TIMEOUT,
     "678 ms of processor time"},
    {"the kernel's limit of processor time is not the service's",
     {.wait_status = SIGNALED(SIGXCPU), .timeout_ms = 5},
     {0},
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "signal 24"},
    {"cancelled",
     {.wait_status = SIGNALED(SIGKILL), .cancelled = true},
     {0},
     NULL,
     ERROR_KILLED,
     EXIT_KILLED,
     "cancelled"},
    {"cancelled counts before timed out",
     {.wait_status = SIGNALED(SIGKILL), .cancelled = true, .timed_out = true},
     {0},
     NULL,
     ERROR_KILLED,
     EXIT_KILLED,
     "cancelled"},
    {"cancelled although it had ended",
     {.cancelled = true},
     RETURNED(0),
     NULL,
     ERROR_KILLED,
     EXIT_KILLED,
     "cancelled"},

    {"nonsense, whatever else there is",
     {.wait_status = SIGNALED(SIGKILL), .nonsense = true, .cancelled = true, .timed_out = true},
     RETURNED(0),
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "what it never says"},

    {"killed from outside",
     {.wait_status = SIGNALED(SIGKILL)},
     {0},
     NULL,
     ERROR_KILLED,
     EXIT_KILLED,
     "killed from outside"},
    {"a call that is not allowed",
     {.wait_status = SIGNALED(SIGSYS)},
     {0},
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "not allowed"},
    {"ended from outside by signal 15",
     {.wait_status = SIGNALED(SIGTERM)},
     {0},
     NULL,
     ERROR_KILLED,
     EXIT_KILLED,
     "signal 15"},
    {"a fault of the host's own",
     {.wait_status = SIGNALED(SIGSEGV)},
     {0},
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "signal 11"},
    {"killed by the service, as its report was there", /* the process is not waited for */
     {.wait_status = SIGNALED(SIGKILL)},
     RETURNED(0),
     NULL,
     ERROR_OK,
     0,
     ""},
    {"a core dump", /* bit 7 of the wait status */
     {.wait_status = SIGNALED(SIGABRT) | 0x80},
     {0},
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "signal 6"},
    {"no report",
     {.wait_status = EXITED(0)},
     {0},
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "without a report"},

    {"failed to begin",
     {.wait_status = EXITED(1)},
     FAILED(ERROR_INVALID_REQUEST),
     NULL,
     ERROR_INVALID_REQUEST,
     EXIT_SHANNON_FAILED,
     "the reason"},
    {"failed for want of memory",
     {.wait_status = EXITED(1)},
     FAILED(ERROR_MEMORY_LIMIT),
     NULL,
     ERROR_MEMORY_LIMIT,
     EXIT_KILLED,
     "the reason"},
    {"trapped before it began",
     {.wait_status = EXITED(1)},
     FAILED(ERROR_TRAP),
     NULL,
     ERROR_TRAP,
     EXIT_TRAPPED,
     "the reason"},
    {"a failure of no kind is shannon's",
     {.wait_status = EXITED(1)},
     FAILED(ERROR_OK),
     NULL,
     ERROR_INTERNAL,
     EXIT_SHANNON_FAILED,
     "the reason"},
    {"no process ever ran it",
     {.failure = {ERROR_INTERPRETER_NOT_FOUND, "not found"}},
     {0},
     NULL,
     ERROR_INTERPRETER_NOT_FOUND,
     EXIT_INTERPRETER_NOT_FOUND,
     "not found"},
};

/* Decides as the service does: `reported` goes with the report. */
static void decide_report(const struct execution_end *seen, const struct run_report *sent,
                          struct execution_result *result)
{
    struct execution_end end = *seen;
    struct run_report room;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    if (sent->kind != 0)
        make_report(sent, &bytes);
    end.reported = sent->kind != 0;
    execution_status_decide(&end, bytes.data, bytes.size, &room, result);
    result->report = NULL; /* it goes with `bytes` */
}

static void decide(const struct row *row, struct execution_result *result)
{
    uint8_t records[256];
    struct run_report report = row->report;
    if (row->exception != NULL) {
        report.records = records;
        report.records_size = put_record(records, SHANNON_RESULT_EXCEPTION_TYPE, row->exception);
    }
    decide_report(&row->end, &report, result);
}

static void check(const struct row *row)
{
    struct execution_result result = {0};
    decide(row, &result);
    if (result.status != row->status || result.exit_code != row->exit_code ||
        strstr(result.message, row->words) == NULL)
        fail_msg("%s: %s, exit code %d, \"%s\"", row->name, error_kind_name(result.status),
                 result.exit_code, result.message);
    assert_int_equal(result.message[0] == '\0', result.status == ERROR_OK);
    execution_result_free(&result);
}

static void each_ending_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

/* The host's word (a refused growth) and the guest's (an exception's name) are both needed. */
static void memory_limit_needs_the_hosts_word(void **state)
{
    static const struct {
        const char *exception;
        enum guest_ending ending;
        enum trap_kind trap;
        uint32_t code;
        bool refused;
        bool mute;
        enum error_kind status;
    } cases[] = {
        {"MemoryError", GUEST_RETURNED, TRAP_NONE, 1, true, false, ERROR_MEMORY_LIMIT},
        {"MemoryError", GUEST_RETURNED, TRAP_NONE, 1, false, false, ERROR_PYTHON_ERROR},
        {"ValueError", GUEST_RETURNED, TRAP_NONE, 1, true, false, ERROR_PYTHON_ERROR},
        {NULL, GUEST_RETURNED, TRAP_NONE, 1, true, false, ERROR_PYTHON_ERROR},
        {NULL, GUEST_EXITED, TRAP_NONE, 1, true, false, ERROR_PYTHON_ERROR},
        {"MemoryError", GUEST_RETURNED, TRAP_NONE, 0, true, false, ERROR_OK},
        {NULL, GUEST_EXITED, TRAP_NONE, 1, true, true, ERROR_MEMORY_LIMIT},
        {NULL, GUEST_EXITED, TRAP_NONE, 2, true, true, ERROR_PYTHON_ERROR},
        {NULL, GUEST_EXITED, TRAP_NONE, 1, false, true, ERROR_PYTHON_ERROR},
        {NULL, GUEST_TRAPPED, TRAP_UNREACHABLE, 0, true, false, ERROR_MEMORY_LIMIT},
        {NULL, GUEST_TRAPPED, TRAP_STACK_EXHAUSTED, 0, true, false, ERROR_STACK_EXHAUSTED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct row row = {
            .name = "memory",
            .end = {.memory_limit_bytes = 4096},
            .report = {.kind = RUN_REPORT_ENDED,
                       .outcome = {.ending = cases[i].ending,
                                   .trap = cases[i].trap,
                                   .exit_code = cases[i].code},
                       .growth_refused = cases[i].refused,
                       .mute = cases[i].mute},
            .exception = cases[i].exception,
        };
        struct execution_result result = {0};
        decide(&row, &result);
        if (result.status != cases[i].status)
            fail_msg("case %zu: %s", i, error_kind_name(result.status));
        if (result.status == ERROR_MEMORY_LIMIT) {
            assert_int_equal(result.exit_code, EXIT_KILLED);
            assert_non_null(strstr(result.message, "4096 bytes"));
        }
        execution_result_free(&result);
    }
}

/* The message stands in JSON: whatever a child says, it is UTF-8, and there is one. */
static void a_failures_message_is_text(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *message;
    } cases[] = {
        {"caf\xc3\xa9", 5, "caf\xc3\xa9"},
        {"half \xc3", 6, "half "},
        {"\xff", 1, "the program's process failed and did not say why; please report this"},
        {"", 0, "the program's process failed and did not say why; please report this"},
        {"\0hidden", 7, "the program's process failed and did not say why; please report this"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct run_report report = {.kind = RUN_REPORT_FAILED,
                                          .failure = ERROR_INVALID_REQUEST,
                                          .records = (const uint8_t *)cases[i].bytes,
                                          .records_size = cases[i].size};
        const struct execution_end end = {.wait_status = EXITED(1)};
        struct execution_result result = {0};
        decide_report(&end, &report, &result);
        assert_string_equal(result.message, cases[i].message);
        assert_int_equal(result.exit_code, EXIT_SHANNON_FAILED);
        execution_result_free(&result);
    }
}

static void texts_of_the_exception_are_passed_on(void **state)
{
    uint8_t records[256];
    size_t size = 0;
    struct execution_result result = {0};
    const struct execution_end end = {0};
    (void)state;
    size += put_record(records + size, SHANNON_RESULT_EXCEPTION_TYPE, "ValueError");
    size += put_record(records + size, SHANNON_RESULT_EXCEPTION_MESSAGE, "no such value");
    size += put_record(records + size, SHANNON_RESULT_TRACEBACK, "Traceback ...\n");
    const struct run_report report = {.kind = RUN_REPORT_ENDED,
                                      .outcome = {.ending = GUEST_RETURNED, .exit_code = 1},
                                      .memory_size = 65536,
                                      .records = records,
                                      .records_size = size};
    decide_report(&end, &report, &result);
    assert_string_equal(buffer_text(&result.error_type), "ValueError");
    assert_string_equal(buffer_text(&result.error_message), "no such value");
    assert_string_equal(buffer_text(&result.traceback), "Traceback ...\n");
    assert_false(result.has_value);
    assert_int_equal(result.peak_memory_bytes, 65536);
    execution_result_free(&result);
}

static void the_value_of_a_last_expression_is_passed_on(void **state)
{
    static const char *const values[] = {"42", ""};
    const struct execution_end end = {0};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t records[64];
        struct execution_result result = {0};
        const struct run_report report = {.kind = RUN_REPORT_ENDED,
                                          .records = records,
                                          .records_size =
                                              put_record(records, SHANNON_RESULT_VALUE, values[i])};
        decide_report(&end, &report, &result);
        assert_int_equal(result.status, ERROR_OK);
        assert_true(result.has_value);
        assert_string_equal(buffer_text(&result.value), values[i]);
        execution_result_free(&result);
    }
}

/* What either the service or the process dropped is marked. */
static void marks_of_truncation_add_up(void **state)
{
    const struct execution_end end = {0};
    (void)state;
    for (int marks = 0; marks < 32; marks++) {
        struct execution_result result = {.stdout_truncated = (marks & 1) != 0,
                                          .stderr_truncated = (marks & 2) != 0};
        const struct run_report report = {.kind = RUN_REPORT_ENDED,
                                          .stdout_truncated = (marks & 4) != 0,
                                          .stderr_truncated = (marks & 8) != 0,
                                          .files_dropped = (marks & 16) != 0};
        decide_report(&end, &report, &result);
        assert_int_equal(result.stdout_truncated, (marks & 5) != 0);
        assert_int_equal(result.stderr_truncated, (marks & 10) != 0);
        assert_int_equal(result.files_dropped, (marks & 16) != 0);
        execution_result_free(&result);
    }
}

static int note_file(void *argument, const char *path, size_t path_size, uint64_t size,
                     const void *bytes)
{
    return buffer_append_format(argument, "%.*s=%.*s", (int)path_size, path, (int)size,
                                (const char *)bytes);
}

/* The report that the result points to stays valid as long as its bytes do. */
static void files_are_visited_through_the_result(void **state)
{
    static const struct {
        struct run_report_file head;
        char rest[8];
    } file = {{.size = 4, .bytes_size = 4, .path_size = 4}, "pathtext"};
    const struct run_report sent = {.kind = RUN_REPORT_ENDED,
                                    .files = (const uint8_t *)&file,
                                    .files_size = sizeof(file),
                                    .file_count = 1};
    const struct execution_end end = {.reported = true};
    struct execution_result result = {0};
    struct run_report room;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(execution_result_visit_files(&result, note_file, &text), 0);
    make_report(&sent, &bytes);
    execution_status_decide(&end, bytes.data, bytes.size, &room, &result);
    assert_ptr_equal(result.report, &room);
    assert_int_equal(execution_result_visit_files(&result, note_file, &text), 0);
    assert_string_equal(buffer_text(&text), "path=text");
    execution_result_free(&result);
}

/* A process that speaks nonsense is not believed, whatever the nonsense says. */
static void a_report_that_is_none_is_an_internal_error(void **state)
{
    const struct run_report sent = RETURNED(0);
    const struct execution_end end = {.reported = true};
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    (void)state;
    make_report(&sent, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct execution_result result = {0};
        struct run_report room;
        execution_status_decide(&end, bytes.data, size, &room, &result);
        assert_int_equal(result.status, ERROR_INTERNAL);
        assert_int_equal(result.exit_code, EXIT_SHANNON_FAILED);
        assert_non_null(strstr(result.message, "without a report"));
        assert_null(result.report);
        execution_result_free(&result);
    }
}

static void only_what_nobody_asked_for_is_unexplained(void **state)
{
    static const struct {
        struct execution_end end;
        bool unexplained;
    } cases[] = {
        {{.wait_status = SIGNALED(SIGSYS)}, true},
        {{.wait_status = SIGNALED(SIGSEGV)}, true},
        {{.wait_status = SIGNALED(SIGABRT) | 0x80}, true},
        {{.wait_status = EXITED(0)}, true},
        {{.wait_status = EXITED(1)}, true},
        {{.wait_status = SIGNALED(SIGKILL)}, false},
        {{.wait_status = SIGNALED(SIGTERM)}, false},
        {{.wait_status = SIGNALED(SIGINT)}, false},
        {{.wait_status = SIGNALED(SIGHUP)}, false},
        {{.wait_status = SIGNALED(SIGSYS), .reported = true}, false},
        {{.wait_status = SIGNALED(SIGKILL), .reported = true, .nonsense = true}, true},
        {{.wait_status = SIGNALED(SIGSYS), .cancelled = true}, false},
        {{.wait_status = SIGNALED(SIGSYS), .timed_out = true}, false},
        {{.wait_status = EXITED(1), .failure = {ERROR_INTERNAL, "none"}}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (execution_status_is_unexplained(&cases[i].end) != cases[i].unexplained)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ending_has_its_answer),
        cmocka_unit_test(memory_limit_needs_the_hosts_word),
        cmocka_unit_test(a_failures_message_is_text),
        cmocka_unit_test(texts_of_the_exception_are_passed_on),
        cmocka_unit_test(the_value_of_a_last_expression_is_passed_on),
        cmocka_unit_test(marks_of_truncation_add_up),
        cmocka_unit_test(files_are_visited_through_the_result),
        cmocka_unit_test(a_report_that_is_none_is_an_internal_error),
        cmocka_unit_test(only_what_nobody_asked_for_is_unexplained),
    };
    return cmocka_run_group_tests_name("execution_status", tests, NULL, NULL);
}
