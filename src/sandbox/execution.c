/* One execution, seen from its service. Invariant: `child` is NULL or the execution's own; `done`
 * is called exactly once, after which nothing of the execution is left but perhaps a dying child.
 */
#include "sandbox/execution.h"

#include "sandbox/execution_internal.h"
#include "sandbox/execution_status.h"
#include "sandbox/guest_process.h"
#include "sandbox/run_report.h"
#include "sandbox/run_request.h"
#include "sandbox/session_process.h"
#include "sandbox/session_state.h"
#include "sandbox/zygote.h"
#include "shannon_guest.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long a program has, once it was interrupted at its limit, to say where it was. */
#define GRACE_US 200000
/* How long saving a session's state may take. */
#define SAVE_LIMIT_US 30000000

struct execution {
    struct zygote *zygote;           /* NULL for one that loads its own interpreter */
    struct session_process *session; /* in which it runs; NULL mostly */
    struct event_base *loop;
    struct execution_waiter waiter;
    struct execution_listener listener;
    struct guest_child *child;
    struct buffer frame;  /* the request, until a process says something */
    struct buffer report; /* of a session's run, until its state is saved */
    bool given;           /* it had a process */
    bool heard;           /* which said something */
    bool retried;
    bool saved; /* its session goes on from it */
    bool stream;

    struct event *timer;
    struct event *deferred_end;  /* ends it outside the call that found out that it must end */
    uint64_t began_us;           /* on the monotonic clock */
    uint64_t processor_began_us; /* what the process had used before */
    uint64_t wall_limit_us;
    uint64_t processor_limit_us;
    uint64_t timer_due_us;
    size_t output_limit;
    size_t report_max; /* of what the process may answer, in bytes */
    struct execution_end end;
    struct execution_result result;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- its end ---- */

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

static void forget_waiting(struct execution *execution)
{
    if (!execution->waiter.waiting)
        return;
    if (execution->session != NULL)
        session_process_forget(execution->session, &execution->waiter);
    else
        zygote_forget(execution->zygote, &execution->waiter);
}

static void execution_free(struct execution *execution)
{
    forget_waiting(execution);
    /* Whoever waits for the answer has it before this one's processor is needed for anything else.
     */
    if (execution->child != NULL && execution->end.reported)
        guest_child_end_soon(execution->child);
    else if (execution->child != NULL)
        guest_child_end(execution->child);
    free_event(&execution->timer);
    free_event(&execution->deferred_end);
    buffer_free(&execution->frame);
    buffer_free(&execution->report);
    execution_result_free(&execution->result);
    free(execution);
}

/* The session goes on from where it was before the run. */
static void give_up_session(struct execution *execution)
{
    struct session_process *session = execution->session;
    forget_waiting(execution);
    execution->session = NULL;
    if (execution->child != NULL)
        guest_child_end(execution->child);
    execution->child = NULL;
    session_process_failed(session);
}

/* `bytes` are the process's report, NULL when there is none. */
static void finish(struct execution *execution, const void *bytes, size_t size)
{
    struct run_report report;
    execution_status_decide(&execution->end, bytes, size, &report, &execution->result);
    struct zygote *zygote =
        execution->given && execution->session == NULL ? execution->zygote : NULL;
    /* Also after a run that went well and could not be kept: os._exit(0). */
    if (execution->session != NULL && !execution->saved)
        give_up_session(execution);
    execution->listener.done(execution->listener.argument, &execution->result);
    execution_free(execution);
    if (zygote != NULL)
        zygote_run_ended(zygote);
}

static void note_usage(struct execution *execution)
{
    uint64_t processor = guest_child_processor_us(execution->child);
    execution->result.wall_us = now_us() - execution->began_us;
    if (processor > execution->processor_began_us)
        execution->result.cpu_us = processor - execution->processor_began_us;
}

/* Its process is waited for. */
static void on_ended(void *argument, int wait_status, const struct rusage *usage)
{
    struct execution *execution = argument;
    execution->end.wait_status = wait_status;
    execution->result.peak_memory_bytes = (uint64_t)usage->ru_maxrss * 1024;
    if (execution->zygote != NULL && execution_status_is_unexplained(&execution->end))
        zygote_suspect(execution->zygote);
    finish(execution, execution->report.data, execution->report.size);
}

/* The process died, or is to be taken for dead, without a report. */
static void end_child(struct execution *execution)
{
    struct guest_child *child = execution->child;
    execution->child = NULL;
    free_event(&execution->timer);
    guest_child_end_and_tell(child, on_ended, execution);
}

/* Whoever speaks like this is not the process that was forked: nothing of what it says counts. */
static void distrust(struct execution *execution)
{
    execution->end.nonsense = true;
    end_child(execution);
}

static void on_deferred_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    finish(argument, NULL, 0);
}

void execution_cancel(struct execution *execution)
{
    if (execution->end.cancelled)
        return;
    execution->end.cancelled = true;
    if (execution->child != NULL) {
        note_usage(execution);
        end_child(execution);
    } else if (execution->waiter.waiting) {
        if (execution->session != NULL)
            give_up_session(execution); /* which may be lost before this has ended */
        forget_waiting(execution);
        event_active(execution->deferred_end, EV_TIMEOUT, 0);
    } /* else its process is dying already */
}

void execution_refused(struct execution *execution, const struct error *error)
{
    execution->end.failure = *error;
    finish(execution, NULL, 0);
}

/* ---- limits ---- */

static void arm_timer(struct execution *execution, uint64_t microseconds)
{
    struct timeval time = {.tv_sec = (time_t)(microseconds / 1000000),
                           .tv_usec = (suseconds_t)(microseconds % 1000000)};
    /* From now, not from when the loop began its turn. */
    (void)event_base_update_cache_time(execution->loop);
    (void)event_add(execution->timer, &time);
    execution->timer_due_us = now_us() + microseconds;
}

/* Microseconds until a limit can be reached at the earliest: one processor works for the program,
 * so that processor time does not pass faster than wall time. */
static uint64_t time_left(const struct execution *execution)
{
    uint64_t wall = now_us() - execution->began_us;
    uint64_t left = wall < execution->wall_limit_us ? execution->wall_limit_us - wall : 0;
    if (execution->processor_limit_us == 0)
        return left;
    uint64_t used = guest_child_processor_us(execution->child);
    /* 0 of a process that is gone, which its channel is about to tell. */
    used = used > execution->processor_began_us ? used - execution->processor_began_us : 0;
    uint64_t processor_left =
        used < execution->processor_limit_us ? execution->processor_limit_us - used : 0;
    return processor_left < left ? processor_left : left;
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct execution *execution = argument;
    (void)fd;
    (void)what;
    uint64_t now = now_us();
    if (now < execution->timer_due_us) { /* the loop's clock is coarse: up to 4 ms early */
        arm_timer(execution, execution->timer_due_us - now);
        return;
    }
    if (execution->end.timed_out || execution->end.reported) { /* it had its grace */
        if (!execution->end.reported)
            note_usage(execution);
        end_child(execution);
        return;
    }
    uint64_t left = time_left(execution);
    if (left > 0) {
        arm_timer(execution, left);
        return;
    }
    execution->end.timed_out = true;
    execution->end.processor_limit = now_us() - execution->began_us < execution->wall_limit_us;
    guest_child_interrupt(execution->child);
    arm_timer(execution, GRACE_US);
}

/* ---- while it runs ---- */

static void take_output(struct execution *execution, int stream, const uint8_t *bytes, size_t size)
{
    struct execution_result *result = &execution->result;
    struct buffer *target = stream == 1 ? &result->stdout_bytes : &result->stderr_bytes;
    bool *truncated = stream == 1 ? &result->stdout_truncated : &result->stderr_truncated;
    size_t limit = execution->output_limit;
    size_t room = target->size < limit ? limit - target->size : 0;
    size_t kept = size < room ? size : room;
    /* Of what is over the limit a process that was not taken over sends one byte, so that it is
     * known that there is more. */
    bool flooded = size - kept > (*truncated ? 0u : 1u);
    if (buffer_append(target, bytes, kept) != 0 || kept < size)
        *truncated = true;
    if (flooded)
        distrust(execution);
    else if (execution->stream && kept > 0)
        execution->listener.output(execution->listener.argument, stream, bytes, kept);
}

/* Whether a run of a session ended in a way that is worth keeping; then its state is on the way. */
static bool is_to_be_saved(const struct execution *execution, const struct run_report *report)
{
    return execution->session != NULL && !execution->end.timed_out &&
           report->kind == RUN_REPORT_ENDED && report->outcome.ending == GUEST_RETURNED &&
           report->outcome.exit_code == 0;
}

static void take_report(struct execution *execution, const uint8_t *bytes, size_t size)
{
    struct run_report report;
    if (execution->end.reported /* a second one */ || run_report_read(bytes, size, &report) != 0) {
        distrust(execution);
        return;
    }
    note_usage(execution);
    execution->end.reported = true;
    if (!is_to_be_saved(execution, &report)) {
        finish(execution, bytes, size);
        return;
    }
    execution->end.unsaved = ERROR_INTERNAL; /* until it says otherwise */
    if (buffer_append(&execution->report, bytes, size) != 0)
        end_child(execution);
    else
        arm_timer(execution, SAVE_LIMIT_US);
}

static void take_saved(struct execution *execution, const uint8_t *bytes, size_t size)
{
    struct session_saved saved;
    if (execution->report.size == 0 || size != sizeof(saved)) {
        distrust(execution);
        return;
    }
    memcpy(&saved, bytes, sizeof(saved));
    if (saved.status > ERROR_INTERNAL ||
        (saved.status == ERROR_OK && saved.size > execution->end.state_limit)) {
        distrust(execution);
        return;
    }
    execution->end.unsaved = (enum error_kind)saved.status;
    execution->end.state_size = saved.size;
    if (execution->end.unsaved == ERROR_OK) {
        struct guest_child *child = execution->child;
        execution->child = NULL;
        execution->saved = true;
        session_process_saved(execution->session, child, saved.size);
    }
    finish(execution, execution->report.data, execution->report.size);
}

static void on_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                     size_t size)
{
    struct execution *execution = argument;
    execution->heard = true;
    buffer_free(&execution->frame);
    switch (kind) {
    case GUEST_CHANNEL_STDOUT:
        take_output(execution, 1, bytes, size);
        break;
    case GUEST_CHANNEL_STDERR:
        take_output(execution, 2, bytes, size);
        break;
    case GUEST_CHANNEL_REPORT:
        take_report(execution, bytes, size);
        break;
    case GUEST_CHANNEL_SAVED:
        take_saved(execution, bytes, size);
        break;
    default: /* nothing else is due */
        distrust(execution);
        break;
    }
}

/* A process that died before it took the request was killed for what is not its program's doing:
 * once, the request goes to another. */
static bool try_again(struct execution *execution)
{
    struct error error = ERROR_NONE;
    if (execution->heard || execution->retried || execution->zygote == NULL ||
        execution->end.timed_out || execution->end.cancelled ||
        guest_child_took_all(execution->child))
        return false;
    execution->retried = true;
    guest_child_end(execution->child);
    execution->child = NULL;
    free_event(&execution->timer);
    int status = execution->session != NULL
                     ? session_process_renew(execution->session, &execution->waiter, &error)
                     : zygote_ask(execution->zygote, &execution->waiter, &error);
    if (status != 0)
        execution_refused(execution, &error);
    return true;
}

static void on_closed(void *argument)
{
    struct execution *execution = argument;
    if (try_again(execution))
        return;
    note_usage(execution);
    if (guest_child_spoke_nonsense(execution->child))
        distrust(execution);
    else
        end_child(execution);
}

void execution_given(struct execution *execution, struct guest_child *child)
{
    const struct guest_child_listener listener = {
        .frame = on_frame, .closed = on_closed, .argument = execution};
    struct buffer frame = BUFFER_EMPTY;
    execution->child = child;
    execution->given = true;
    execution->began_us = now_us();
    execution->processor_began_us = guest_child_processor_us(child);
    guest_child_listen(child, &listener);
    guest_child_expect_report(child, execution->report_max);
    /* Kept for another try. */
    bool copied = buffer_append(&frame, execution->frame.data, execution->frame.size) == 0;
    execution->timer = event_new(execution->loop, -1, EV_TIMEOUT, on_timer, execution);
    if (execution->timer == NULL || !copied) {
        struct error error = ERROR_NONE;
        buffer_free(&frame);
        error_set(&error, ERROR_INTERNAL, "out of memory");
        execution->end.failure = error;
        event_active(execution->deferred_end, EV_TIMEOUT, 0);
        return;
    }
    /* A process that is gone is told by its channel. */
    (void)guest_child_send(child, &frame);
    arm_timer(execution, time_left(execution));
}

/* ---- construction ---- */

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
                                       const struct execution_listener *listener,
                                       struct error *error)
{
    if (check_request(request, error) != 0)
        return NULL;
    struct execution *execution = calloc(1, sizeof(*execution));
    if (execution == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    execution->loop = loop;
    execution->waiter.execution = execution;
    execution->listener = *listener;
    execution->stream = request->stream_output;
    execution->output_limit = request->output_limit_bytes;
    execution->report_max = run_report_size_max(request->files_limit_bytes);
    execution->wall_limit_us = (uint64_t)request->timeout_ms * 1000;
    execution->processor_limit_us = (uint64_t)request->processor_limit_ms * 1000;
    execution->end.timeout_ms = request->timeout_ms;
    execution->end.processor_limit_ms = request->processor_limit_ms;
    execution->end.memory_limit_bytes = request->memory_limit_bytes;
    execution->deferred_end = event_new(loop, -1, 0, on_deferred_end, execution);
    if (execution->deferred_end == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        execution_free(execution);
        return NULL;
    }
    return execution;
}

struct execution *execution_start(struct zygote *zygote, const struct execution_request *request,
                                  const struct execution_listener *listener, struct error *error)
{
    struct execution *execution = execution_new(zygote_loop(zygote), request, listener, error);
    if (execution == NULL)
        return NULL;
    execution->zygote = zygote;
    if (run_request_append(&execution->frame, request, RUN_REQUEST_PYTHON, 0,
                           SHANNON_RUN_FINAL | SHANNON_RUN_VALUE, 0, error) == 0 &&
        zygote_ask(zygote, &execution->waiter, error) == 0)
        return execution;
    execution_free(execution);
    return NULL;
}

struct execution *execution_start_in_session(struct session_process *process,
                                             const struct execution_request *request,
                                             bool duplicate, uint64_t state_limit,
                                             const struct execution_listener *listener,
                                             struct error *error)
{
    struct zygote *zygote = session_process_zygote(process);
    struct execution *execution = execution_new(zygote_loop(zygote), request, listener, error);
    if (execution == NULL)
        return NULL;
    if (run_request_append(&execution->frame, request, RUN_REQUEST_PYTHON,
                           duplicate ? RUN_REQUEST_DUPLICATE : 0, SHANNON_RUN_VALUE, state_limit,
                           error) != 0) {
        execution_free(execution);
        return NULL;
    }
    execution->zygote = zygote;
    execution->session = process;
    execution->end.state_limit = state_limit;
    if (session_process_ask(process, &execution->waiter, request->timeout_ms, error) == 0)
        return execution;
    execution->session = NULL;
    session_process_failed(process);
    execution_free(execution);
    return NULL;
}

/* ---- without a zygote ---- */

/* In the new process: the channel goes to its place, everything else comes from the options. */
static _Noreturn void run_direct(const struct guest_options *options, const char *object_path,
                                 enum run_request_kind kind, bool captured, uint64_t memory_limit,
                                 struct lockdown *lockdown, int channel)
{
    static int descriptors[WASI_DESCRIPTORS_MAX];
    struct error error = ERROR_NONE;
    struct guest_process process = {
        .lockdown = lockdown, .captured = captured, .descriptors = descriptors};
    guest_process_take_signals();
    (void)mallopt(M_MMAP_MAX, 0); /* see zygote_process.c */
    if (dup2(channel, GUEST_CHANNEL_FD) < 0)
        _exit(1);
    process.guest = guest_load(options, object_path, &error);
    if (process.guest == NULL || (captured && guest_capture(process.guest, &error) != 0) ||
        lockdown_confine(lockdown, &error) != 0 ||
        (kind == RUN_REQUEST_PYTHON &&
         guest_initialize(process.guest, captured ? SHANNON_INITIALIZE_UNBUFFERED : 0, memory_limit,
                          &error) != 0))
        guest_process_fail(&error);
    process.descriptor_count = guest_descriptors(process.guest, descriptors, WASI_DESCRIPTORS_MAX);
    guest_process_run(&process);
}

static struct guest_child *make_direct_child(struct execution *execution,
                                             const struct guest_options *options,
                                             enum run_request_kind kind, bool captured,
                                             const struct execution_request *request,
                                             struct error *error)
{
    BUFFER_LOCAL struct buffer object_path = BUFFER_EMPTY;
    const struct lockdown_options lockdown_options = {
        .readable_paths = options->allowed_paths,
        .readable_path_count = options->allowed_path_count,
        .processor_seconds = guest_process_processor_seconds(request->timeout_ms),
        .memory_bytes = request->memory_limit_bytes,
        /* Its standard output may be a file. */
        .file_bytes = captured ? 0 : UINT64_MAX,
    };
    int ends[2];
    /* Here, not in the child: translating takes a minute and must not count as the program's time.
     */
    if (guest_prepare(options, &object_path, error) != 0)
        return NULL;
    struct lockdown *lockdown = lockdown_prepare(&lockdown_options, error);
    if (lockdown == NULL)
        return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a socket pair");
        lockdown_free(lockdown);
        return NULL;
    }
    pid_t pid = lockdown_fork_confined(lockdown);
    if (pid == 0)
        run_direct(options, buffer_text(&object_path), kind, captured, request->memory_limit_bytes,
                   lockdown, ends[1]);
    int reason = errno;
    (void)close(ends[1]);
    lockdown_free(lockdown);
    if (pid > 0)
        return guest_child_new(execution->loop, pid, ends[0], error);
    (void)close(ends[0]);
    error_set_errno(error, ERROR_INTERNAL, reason, "cannot make a process");
    return NULL;
}

static struct execution *start_direct(struct event_base *loop, const struct guest_options *options,
                                      enum run_request_kind kind, bool captured,
                                      const struct execution_request *request,
                                      const struct execution_listener *listener,
                                      struct error *error)
{
    uint32_t flags = SHANNON_RUN_FINAL | (captured ? SHANNON_RUN_VALUE : SHANNON_RUN_LINE_BUFFERED);
    struct execution *execution = execution_new(loop, request, listener, error);
    if (execution == NULL)
        return NULL;
    if (run_request_append(&execution->frame, request, kind, 0, flags, 0, error) == 0) {
        struct guest_child *child =
            make_direct_child(execution, options, kind, captured, request, error);
        if (child != NULL) {
            execution_given(execution, child);
            return execution;
        }
    }
    execution_free(execution);
    return NULL;
}

struct execution *execution_start_direct(struct event_base *loop,
                                         const struct guest_options *options, bool captured,
                                         const struct execution_request *request,
                                         const struct execution_listener *listener,
                                         struct error *error)
{
    return start_direct(loop, options, RUN_REQUEST_PYTHON, captured, request, listener, error);
}

struct execution *execution_start_command(struct event_base *loop,
                                          const struct guest_options *options,
                                          const struct execution_request *request,
                                          const struct execution_listener *listener,
                                          struct error *error)
{
    return start_direct(loop, options, RUN_REQUEST_COMMAND, false, request, listener, error);
}
