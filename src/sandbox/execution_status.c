/* Decides what became of an execution. Invariant: each path sets status, exit_code and, unless the
 * status is ok, a message that says what to do. */
#include "sandbox/execution_status.h"

#include "base/text.h"
#include "sandbox/run_report.h"
#include "shannon_guest.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void set_status(struct execution_result *result, enum error_kind status, int exit_code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void set_status(struct execution_result *result, enum error_kind status, int exit_code,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result->status = status;
    result->exit_code = exit_code;
    (void)vsnprintf(result->message, sizeof(result->message), format, arguments);
    va_end(arguments);
    /* It may have been cut inside a character, or come from a child that cannot be trusted. */
    result->message[text_valid_utf8(result->message, strlen(result->message))] = '\0';
}

static void decide_timeout(const struct execution_end *end, struct execution_result *result)
{
    if (end->processor_limit) {
        set_status(result, ERROR_TIMEOUT, EXIT_TIMEOUT,
                   "Execution timeout: the program was ended after %" PRIu32
                   " ms of processor time. Raise wasi.cpu_limit_ms (cpu_limit_ms in a "
                   "request) if it needs more",
                   end->processor_limit_ms);
        return;
    }
    set_status(result, ERROR_TIMEOUT, EXIT_TIMEOUT,
               "Execution timeout: the program was ended after %" PRIu32
               " ms. Raise wasi.execution_timeout_ms (timeout_ms in a request, --timeout on the "
               "command line) if it needs more",
               end->timeout_ms);
}

static void decide_memory(const struct execution_end *end, struct execution_result *result)
{
    set_status(
        result, ERROR_MEMORY_LIMIT, EXIT_KILLED,
        "Memory limit exceeded: the program needed more than %" PRIu64
        " bytes. Raise wasi.memory_limit_bytes (memory_limit_bytes in a request, --memory on "
        "the command line) if it needs more",
        end->memory_limit_bytes);
}

static void decide_failure(enum error_kind kind, const char *message,
                           struct execution_result *result)
{
    int exit_code = EXIT_SHANNON_FAILED;
    if (kind == ERROR_INTERPRETER_NOT_FOUND)
        exit_code = EXIT_INTERPRETER_NOT_FOUND;
    if (kind == ERROR_MEMORY_LIMIT || kind == ERROR_KILLED)
        exit_code = EXIT_KILLED;
    if (kind == ERROR_TRAP || kind == ERROR_STACK_EXHAUSTED) /* in the module's start function */
        exit_code = EXIT_TRAPPED;
    set_status(result, kind == ERROR_OK ? ERROR_INTERNAL : kind, exit_code, "%s", message);
    if (result->message[0] == '\0')
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the program's process failed and did not say why; please report this");
}

static void decide_signal(const struct execution_end *end, struct execution_result *result)
{
    int number = WTERMSIG(end->wait_status);
    switch (number) {
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
        set_status(result, ERROR_KILLED, EXIT_KILLED,
                   "the program's process was killed from outside (signal %d); was the machine "
                   "short of memory?",
                   number);
        break;
    case SIGSYS:
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the program's process made a system call that is not allowed and was killed; "
                   "please report this");
        break;
    default:
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the program's process ended by signal %d in shannon's own code; please report "
                   "this",
                   number);
        break;
    }
}

static void decide_trap(const struct execution_end *end, const struct run_report *report,
                        struct execution_result *result)
{
    if (report->outcome.trap == TRAP_STACK_EXHAUSTED)
        set_status(result, ERROR_STACK_EXHAUSTED, EXIT_TRAPPED,
                   "the program's stack is exhausted (%s): it recursed too deeply",
                   trap_name(report->outcome.trap));
    else if (report->growth_refused)
        decide_memory(end, result); /* Python aborts when it cannot even raise MemoryError */
    else
        set_status(result, ERROR_TRAP, EXIT_TRAPPED, "the program ended in a WebAssembly trap: %s",
                   trap_name(report->outcome.trap));
}

/* What the guide says about exceptions that come from the sandbox's limits. The type is the guest's
 * word, so this is advice and nothing more. */
static const struct {
    const char *type;
    const char *advice;
} known_exceptions[] = {
    {"ModuleNotFoundError",
     "Module not found: only the standard library and the program's own files can be imported. A "
     "folder of pure Python modules can be granted with --allow-read (wasi.allowed_paths) and "
     "added "
     "to sys.path; other packages have to be built into the interpreter"},
    {"MemoryError", "Memory limit exceeded: use smaller data, or raise wasi.memory_limit_bytes "
                    "(memory_limit_bytes in a request, --memory on the command line)"},
};

static const char *find_advice(const struct buffer *error_type)
{
    for (size_t i = 0; i < sizeof(known_exceptions) / sizeof(known_exceptions[0]); i++) {
        if (strcmp(known_exceptions[i].type, buffer_text(error_type)) == 0)
            return known_exceptions[i].advice;
    }
    return NULL;
}

static void decide_exit(const struct execution_end *end, const struct run_report *report,
                        struct execution_result *result)
{
    uint32_t code = report->outcome.exit_code;
    /* An exception that nobody caught ends Python with status 1. */
    bool memory_error =
        strcmp(buffer_text(&result->error_type), "MemoryError") == 0 || (report->mute && code == 1);
    if (code == 0)
        set_status(result, ERROR_OK, 0, "%s", "");
    else if (report->growth_refused && memory_error)
        decide_memory(end, result);
    else {
        result->advice = find_advice(&result->error_type);
        set_status(result, ERROR_PYTHON_ERROR, (int)code,
                   result->error_type.size == 0 ? "the program exited with status %" PRIu32
                                                : "the program raised an exception (exit status "
                                                  "%" PRIu32 ")",
                   code);
    }
}

static void take_report(const struct run_report *report, struct execution_result *result)
{
    result->report = report;
    result->stdout_truncated |= report->stdout_truncated;
    result->stderr_truncated |= report->stderr_truncated;
    result->files_dropped = report->files_dropped;
    result->peak_memory_bytes = report->memory_size;
    (void)run_report_text(report, SHANNON_RESULT_EXCEPTION_TYPE, &result->error_type);
    (void)run_report_text(report, SHANNON_RESULT_EXCEPTION_MESSAGE, &result->error_message);
    (void)run_report_text(report, SHANNON_RESULT_TRACEBACK, &result->traceback);
    result->has_value = run_report_text(report, SHANNON_RESULT_VALUE, &result->value);
}

static void decide_unsaved(const struct execution_end *end, struct execution_result *result)
{
    if (end->unsaved == ERROR_MEMORY_LIMIT)
        set_status(result, ERROR_MEMORY_LIMIT, EXIT_KILLED,
                   "Memory limit exceeded: the session would hold %" PRIu64
                   " bytes after this run, and may hold %" PRIu64
                   ". It is as it was before the run. Raise sessions.max_bytes if it needs more",
                   end->state_size, end->state_limit);
    else
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the session's state could not be saved after the run; it is as it was before");
}

static void decide_failed(const struct run_report *report, struct execution_result *result)
{
    char message[sizeof(result->message)];
    (void)snprintf(message, sizeof(message), "%.*s", (int)report->records_size,
                   (const char *)report->records);
    decide_failure(report->failure, message, result);
}

void execution_status_decide(const struct execution_end *end, const void *bytes, size_t size,
                             struct run_report *report, struct execution_result *result)
{
    bool reported = bytes != NULL && run_report_read(bytes, size, report) == 0;
    if (reported && report->kind == RUN_REPORT_ENDED)
        take_report(report, result);
    if (end->failure.kind != ERROR_OK)
        decide_failure(end->failure.kind, end->failure.message, result);
    else if (end->nonsense)
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the program's process said what it never says and was ended; please report "
                   "this");
    else if (end->cancelled)
        set_status(result, ERROR_KILLED, EXIT_KILLED, "the execution was cancelled");
    else if (end->timed_out)
        decide_timeout(end, result);
    else if (!end->reported && WIFSIGNALED(end->wait_status))
        decide_signal(end, result);
    else if (!reported)
        set_status(result, ERROR_INTERNAL, EXIT_SHANNON_FAILED,
                   "the program's process ended without a report; please report this");
    else if (report->kind == RUN_REPORT_FAILED)
        decide_failed(report, result);
    else if (report->outcome.ending == GUEST_TRAPPED)
        decide_trap(end, report, result);
    else if (end->unsaved != ERROR_OK)
        decide_unsaved(end, result);
    else
        decide_exit(end, report, result);
}

bool execution_status_is_unexplained(const struct execution_end *end)
{
    if (end->nonsense)
        return true;
    if (end->reported || end->cancelled || end->timed_out || end->failure.kind != ERROR_OK)
        return false;
    if (!WIFSIGNALED(end->wait_status))
        return true;
    int number = WTERMSIG(end->wait_status);
    return number != SIGKILL && number != SIGTERM && number != SIGINT && number != SIGHUP;
}

int execution_result_visit_files(const struct execution_result *result,
                                 int (*visit)(void *argument, const char *path, size_t path_size,
                                              uint64_t size, const void *bytes),
                                 void *argument)
{
    return result->report == NULL ? 0 : run_report_visit_files(result->report, visit, argument);
}

void execution_result_free(struct execution_result *result)
{
    buffer_free(&result->stdout_bytes);
    buffer_free(&result->stderr_bytes);
    buffer_free(&result->error_type);
    buffer_free(&result->error_message);
    buffer_free(&result->traceback);
    buffer_free(&result->value);
}
