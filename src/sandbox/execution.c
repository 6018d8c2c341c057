/* One execution, seen from its parent. Invariant: every descriptor in `descriptors`, `outputs` and
 * `pidfd` is either open and owned here or -1; the execution is finished exactly once, when its
 * process has been waited for and all its outputs have ended. */
#include "sandbox/execution.h"

#include "sandbox/execution_child.h"
#include "sandbox/execution_internal.h"
#include "sandbox/execution_status.h"
#include "sandbox/run_report.h"
#include "sandbox/run_request.h"
#include "sandbox/zygote.h"
#include "shannon_guest.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum output { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_REPORT, OUTPUT_COUNT };

struct execution {
    struct zygote *zygote; /* NULL for one that loads its own interpreter */
    struct event_base *loop;
    struct execution_link link;
    uint64_t number;
    enum execution_state state;
    bool retried;

    execution_done *done;
    void *argument;

    int descriptors[ZYGOTE_FD_COUNT]; /* the child's ends, until it has them */
    int outputs[OUTPUT_COUNT];        /* our ends */
    struct event *output_events[OUTPUT_COUNT];
    struct buffer report;
    size_t output_limit;

    pid_t pid;
    int pidfd;
    struct event *exit_event;
    struct event *timer;
    struct event *deferred_end; /* ends it outside the caller that found out that it must end */
    bool exited;                /* waited for; end.wait_status and the usage are set */
    struct timespec began;
    uint32_t timeout_ms;
    struct execution_end end;
    struct execution_result result;
};

static void finish(struct execution *execution);
static void finish_if_complete(struct execution *execution);
static void on_deferred_end(evutil_socket_t fd, short what, void *argument);

/* ---- construction ---- */

static void close_all(int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] >= 0)
            (void)close(descriptors[i]);
        descriptors[i] = -1;
    }
}

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

static void execution_free(struct execution *execution)
{
    close_all(execution->descriptors, ZYGOTE_FD_COUNT);
    for (size_t i = 0; i < OUTPUT_COUNT; i++)
        free_event(&execution->output_events[i]);
    close_all(execution->outputs, OUTPUT_COUNT);
    free_event(&execution->exit_event);
    free_event(&execution->timer);
    free_event(&execution->deferred_end);
    if (execution->pidfd >= 0)
        (void)close(execution->pidfd);
    buffer_free(&execution->report);
    execution_result_free(&execution->result);
    free(execution);
}

static void read_output(struct execution *execution, enum output output)
{
    static char scratch[65536];
    ssize_t size = read(execution->outputs[output], scratch, sizeof(scratch));
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        free_event(&execution->output_events[output]);
        (void)close(execution->outputs[output]);
        execution->outputs[output] = -1;
        finish_if_complete(execution);
        return;
    }
    struct buffer *target = &execution->report;
    size_t limit = RUN_REPORT_SIZE_MAX + 1; /* one byte more than any valid frame */
    bool *truncated = NULL;
    if (output != OUTPUT_REPORT) {
        bool is_stdout = output == OUTPUT_STDOUT;
        target = is_stdout ? &execution->result.stdout_bytes : &execution->result.stderr_bytes;
        truncated =
            is_stdout ? &execution->result.stdout_truncated : &execution->result.stderr_truncated;
        limit = execution->output_limit;
    }
    size_t room = target->size < limit ? limit - target->size : 0;
    size_t kept = (size_t)size < room ? (size_t)size : room;
    if (kept > 0 && buffer_append(target, scratch, kept) != 0)
        kept = 0;
    if (kept < (size_t)size && truncated != NULL)
        *truncated = true;
}

static void on_stdout(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    read_output(argument, OUTPUT_STDOUT);
}

static void on_stderr(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    read_output(argument, OUTPUT_STDERR);
}

static void on_report(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    read_output(argument, OUTPUT_REPORT);
}

static const event_callback_fn output_callbacks[OUTPUT_COUNT] = {on_stdout, on_stderr, on_report};

/* A pipe from the child; our end does not block and is watched. */
static int open_output(struct execution *execution, enum output output,
                       enum zygote_descriptor descriptor, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a pipe");
    execution->outputs[output] = ends[0];
    execution->descriptors[descriptor] = ends[1];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot prepare a pipe");
    execution->output_events[output] = event_new(execution->loop, ends[0], EV_READ | EV_PERSIST,
                                                 output_callbacks[output], execution);
    if (execution->output_events[output] == NULL ||
        event_add(execution->output_events[output], NULL) != 0)
        return error_set(error, ERROR_INTERNAL, "cannot watch a pipe");
    return 0;
}

static int check_request(const struct execution_request *request, struct error *error)
{
    if (request->timeout_ms == 0)
        return error_set(error, ERROR_INVALID_REQUEST, "the time limit must be above 0");
    if (request->memory_limit_bytes == 0)
        return error_set(error, ERROR_INVALID_REQUEST, "the memory limit must be above 0");
    return 0;
}

static struct execution *execution_new(struct event_base *loop,
                                       const struct execution_request *request,
                                       execution_done *done, void *argument, struct error *error)
{
    if (check_request(request, error) != 0)
        return NULL;
    struct execution *execution = calloc(1, sizeof(*execution));
    if (execution == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    execution->loop = loop;
    execution->done = done;
    execution->argument = argument;
    execution->output_limit = request->output_limit_bytes;
    execution->timeout_ms = request->timeout_ms;
    execution->end.timeout_ms = request->timeout_ms;
    execution->end.memory_limit_bytes = request->memory_limit_bytes;
    execution->pid = -1;
    execution->pidfd = -1;
    for (size_t i = 0; i < ZYGOTE_FD_COUNT; i++)
        execution->descriptors[i] = -1;
    for (size_t i = 0; i < OUTPUT_COUNT; i++)
        execution->outputs[i] = -1;
    execution->deferred_end = event_new(loop, -1, 0, on_deferred_end, execution);
    if (execution->deferred_end == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        execution_free(execution);
        return NULL;
    }
    return execution;
}

/* The request file and the report pipe, which every execution has. */
static int open_common(struct execution *execution, const struct execution_request *request,
                       enum run_request_kind kind, uint32_t flags, struct error *error)
{
    execution->descriptors[ZYGOTE_FD_REQUEST] = run_request_write(request, kind, flags, error);
    if (execution->descriptors[ZYGOTE_FD_REQUEST] < 0)
        return -1;
    return open_output(execution, OUTPUT_REPORT, ZYGOTE_FD_REPORT, error);
}

static int open_captured(struct execution *execution, const struct execution_request *request,
                         struct error *error)
{
    execution->descriptors[ZYGOTE_FD_STDIN] =
        run_request_bytes_file(request->stdin_bytes, request->stdin_size, error);
    if (execution->descriptors[ZYGOTE_FD_STDIN] < 0)
        return -1;
    if (open_output(execution, OUTPUT_STDOUT, ZYGOTE_FD_STDOUT, error) != 0)
        return -1;
    return open_output(execution, OUTPUT_STDERR, ZYGOTE_FD_STDERR, error);
}

struct execution *execution_start(struct zygote *zygote, const struct execution_request *request,
                                  execution_done *done, void *argument, struct error *error)
{
    struct execution *execution =
        execution_new(zygote_loop(zygote), request, done, argument, error);
    if (execution == NULL)
        return NULL;
    execution->zygote = zygote;
    if (open_common(execution, request, RUN_REQUEST_PYTHON, SHANNON_RUN_FINAL | SHANNON_RUN_REFRESH,
                    error) != 0 ||
        open_captured(execution, request, error) != 0 ||
        zygote_submit(zygote, execution, error) != 0) {
        execution_free(execution);
        return NULL;
    }
    return execution;
}

/* ---- without a zygote ---- */

/* In the child: the two descriptors it keeps go to known places, all others are closed. */
static _Noreturn void run_direct(const struct execution *execution,
                                 const struct guest_options *options, const char *object_path,
                                 enum run_request_kind kind, pid_t parent)
{
    struct error error = ERROR_NONE;
    const int request_fd = EXECUTION_REPORT_FD + 1;
    execution_child_take_signals();
    int report = fcntl(execution->descriptors[ZYGOTE_FD_REPORT], F_DUPFD_CLOEXEC, 10);
    int request = fcntl(execution->descriptors[ZYGOTE_FD_REQUEST], F_DUPFD_CLOEXEC, 10);
    bool captured = execution->descriptors[ZYGOTE_FD_STDIN] >= 0;
    for (int i = 0; i < 3 && captured; i++)
        (void)dup2(execution->descriptors[ZYGOTE_FD_STDIN + i], i);
    if (report < 0 || request < 0 || dup2(report, EXECUTION_REPORT_FD) < 0 ||
        dup2(request, request_fd) < 0)
        _exit(1);
    if (lockdown_close_descriptors((unsigned)request_fd + 1, &error) != 0)
        execution_child_fail(EXECUTION_REPORT_FD, &error);
    struct execution_child child = {.parent = parent,
                                    .request = request_fd,
                                    .report = EXECUTION_REPORT_FD,
                                    .streams = {-1, -1, -1}};
    child.lockdown = lockdown_prepare(&error);
    child.guest = child.lockdown == NULL ? NULL : guest_load(options, object_path, &error);
    if (child.guest == NULL ||
        (kind == RUN_REQUEST_PYTHON &&
         guest_initialize(child.guest, false, execution->end.memory_limit_bytes, &error) != 0))
        execution_child_fail(EXECUTION_REPORT_FD, &error);
    execution_child_run(&child);
}

static struct execution *start_direct(struct event_base *loop, const struct guest_options *options,
                                      enum run_request_kind kind, bool captured,
                                      const struct execution_request *request, execution_done *done,
                                      void *argument, struct error *error)
{
    BUFFER_LOCAL struct buffer object_path = BUFFER_EMPTY;
    uint32_t flags = SHANNON_RUN_FINAL | (captured ? 0 : SHANNON_RUN_LINE_BUFFERED);
    struct execution *execution = execution_new(loop, request, done, argument, error);
    if (execution == NULL)
        return NULL;
    /* Here, not in the child: translating takes a minute and must not count as the program's time.
     */
    if (guest_prepare(options, &object_path, error) != 0 ||
        open_common(execution, request, kind, flags, error) != 0 ||
        (captured && open_captured(execution, request, error) != 0)) {
        execution_free(execution);
        return NULL;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        run_direct(execution, options, buffer_text(&object_path), kind, parent);
    if (pid < 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a process");
        execution_free(execution);
        return NULL;
    }
    execution_began(execution, pid);
    return execution;
}

struct execution *execution_start_direct(struct event_base *loop,
                                         const struct guest_options *options, bool captured,
                                         const struct execution_request *request,
                                         execution_done *done, void *argument, struct error *error)
{
    return start_direct(loop, options, RUN_REQUEST_PYTHON, captured, request, done, argument,
                        error);
}

struct execution *execution_start_command(struct event_base *loop,
                                          const struct guest_options *options,
                                          const struct execution_request *request,
                                          execution_done *done, void *argument, struct error *error)
{
    return start_direct(loop, options, RUN_REQUEST_COMMAND, false, request, done, argument, error);
}

/* ---- while it runs ---- */

static uint64_t milliseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed =
        (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
    return elapsed < 0 ? 0 : (uint64_t)elapsed;
}

/* The child is ours and not waited for yet, so its number cannot have been given to another. */
static void kill_process(const struct execution *execution)
{
    if (execution->pid > 0 && !execution->exited)
        (void)kill(execution->pid, SIGKILL);
}

static void wait_for_process(struct execution *execution, int options)
{
    struct rusage usage;
    if (execution->exited ||
        wait4(execution->pid, &execution->end.wait_status, options, &usage) != execution->pid)
        return;
    execution->exited = true;
    execution->result.cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                               (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    execution->result.peak_memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
    execution->result.wall_ms = milliseconds_since(&execution->began);
}

static void on_exit_event(evutil_socket_t fd, short what, void *argument)
{
    struct execution *execution = argument;
    (void)fd;
    (void)what;
    wait_for_process(execution, WNOHANG);
    if (!execution->exited)
        return;
    free_event(&execution->exit_event);
    finish_if_complete(execution);
}

static void on_timeout(evutil_socket_t fd, short what, void *argument)
{
    struct execution *execution = argument;
    (void)fd;
    (void)what;
    if (!execution->exited && !execution->end.cancelled)
        execution->end.timed_out = true;
    kill_process(execution);
}

static int watch_process(struct execution *execution)
{
    struct timeval limit = {.tv_sec = execution->timeout_ms / 1000,
                            .tv_usec = (execution->timeout_ms % 1000) * 1000};
    execution->pidfd = (int)syscall(SYS_pidfd_open, execution->pid, 0);
    if (execution->pidfd < 0)
        return -1;
    execution->exit_event = event_new(execution->loop, execution->pidfd, EV_READ | EV_PERSIST,
                                      on_exit_event, execution);
    execution->timer = event_new(execution->loop, -1, EV_TIMEOUT, on_timeout, execution);
    if (execution->exit_event == NULL || execution->timer == NULL ||
        event_add(execution->exit_event, NULL) != 0 || event_add(execution->timer, &limit) != 0)
        return -1;
    return 0;
}

static void on_deferred_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    execution_end_now(argument);
}

/* Ends the execution from the loop, as `done` must not be called inside another call. */
static void end_soon(struct execution *execution)
{
    event_active(execution->deferred_end, EV_TIMEOUT, 0);
}

void execution_began(struct execution *execution, pid_t pid)
{
    execution->state = EXECUTION_RUNNING;
    execution->pid = pid;
    clock_gettime(CLOCK_MONOTONIC, &execution->began);
    close_all(execution->descriptors, ZYGOTE_FD_COUNT);
    if (watch_process(execution) != 0) {
        /* No descriptor or memory is left to watch it with. */
        kill_process(execution);
        end_soon(execution);
        return;
    }
    if (execution->end.cancelled)
        kill_process(execution);
}

/* ---- its end ---- */

static void finish_if_complete(struct execution *execution)
{
    if (!execution->exited)
        return;
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        if (execution->outputs[i] >= 0)
            return;
    }
    finish(execution);
}

static void finish(struct execution *execution)
{
    execution->state = EXECUTION_ENDED;
    if (execution->zygote != NULL)
        zygote_forget(execution->zygote, execution);
    execution_status_decide(&execution->end, &execution->report, &execution->result);
    execution->done(execution->argument, &execution->result);
    execution_free(execution);
}

void execution_cancel(struct execution *execution)
{
    if (execution->end.cancelled)
        return;
    execution->end.cancelled = true;
    if (execution->state == EXECUTION_WAITING)
        end_soon(execution);
    kill_process(execution); /* one that was sent is killed when its number is known */
}

void execution_failed(struct execution *execution, const struct error *error)
{
    execution->end.failure = *error;
    finish(execution);
}

void execution_end_now(struct execution *execution)
{
    execution->end.cancelled = true;
    if (execution->pid > 0) {
        kill_process(execution);
        wait_for_process(execution, 0);
    }
    finish(execution);
}

/* ---- for zygote.c ---- */

uint64_t execution_number(const struct execution *execution)
{
    return execution->number;
}

void execution_set_number(struct execution *execution, uint64_t number)
{
    execution->number = number;
}

enum execution_state execution_state(const struct execution *execution)
{
    return execution->state;
}

struct execution_link *execution_link(struct execution *execution)
{
    return &execution->link;
}

pid_t execution_pid(const struct execution *execution)
{
    return execution->pid;
}

const int *execution_descriptors(const struct execution *execution)
{
    return execution->descriptors;
}

void execution_was_sent(struct execution *execution)
{
    execution->state = EXECUTION_SENT;
}

bool execution_may_retry(struct execution *execution)
{
    if (execution->retried || execution->end.cancelled)
        return false;
    execution->retried = true;
    execution->state = EXECUTION_WAITING;
    return true;
}
