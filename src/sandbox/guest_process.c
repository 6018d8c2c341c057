/* The life of a guest process. Invariant: guest code of a request runs only after lockdown_enter
 * succeeded and, in a copy, after the refresh did. */
#include "sandbox/guest_process.h"

#include "sandbox/guest_channel.h"
#include "sandbox/guest_output.h"
#include "sandbox/time_slice.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The channel, and preopens up to the number of descriptors that a guest can have. */
#define KEPT_MAX (WASI_DESCRIPTORS_MAX + 8)

/* What a program wrote leaves the process at the latest when it has worked for so long since: more
 * than it takes to answer a short request, which is not to be disturbed. */
#define OUTPUT_INTERVAL_US 20000

static struct guest *interruptible;

_Noreturn void guest_process_fail(const struct error *error)
{
    const struct run_report failure = {
        .kind = RUN_REPORT_FAILED,
        .failure = error->kind,
        .records = (const uint8_t *)error->message,
        .records_size = strlen(error->message),
    };
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    if (run_report_append(&frame, &failure) == 0)
        (void)guest_output_finish(frame.data, frame.size);
    _exit(1);
}

uint32_t guest_process_processor_seconds(uint64_t timeout_ms)
{
    /* Beyond an hour, an hour: a backstop that is never reached is none. */
    return timeout_ms > 3600000 ? 3602 : (uint32_t)(timeout_ms / 1000) + 2;
}

/* ---- signals ---- */

static void on_interrupt(int number)
{
    int saved = errno;
    (void)number;
    guest_interrupt(interruptible);
    /* The process may be killed next, whatever its program does with the interrupt. */
    guest_output_flush_from_handler(true);
    errno = saved;
}

void guest_process_take_signals(void)
{
    static const int ended_by[] = {SIGTERM, SIGQUIT, SIGUSR2, SIGCHLD};
    sigset_t none;
    for (size_t i = 0; i < sizeof(ended_by) / sizeof(ended_by[0]); i++) {
        if (signal(ended_by[i], SIG_DFL) == SIG_IGN)
            (void)signal(ended_by[i], SIG_IGN);
    }
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN); /* the guest gets EPIPE as an error */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_output_due(int number)
{
    int saved = errno;
    (void)number;
    guest_output_flush_from_handler(false);
    errno = saved;
}

/* One handler at a time, as both send output. On the fault handlers' stack: the guest's may be used
 * up. */
static void handle(int number, void (*handler)(int number), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | flags};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, WASI_INTERRUPT_SIGNAL);
    sigaddset(&action.sa_mask, SIGXCPU);
    sigaddset(&action.sa_mask, SIGVTALRM);
    (void)sigaction(number, &action, NULL);
}

static void accept_interrupts(struct guest *guest)
{
    interruptible = guest;
    /* No SA_RESTART: a wait must end. */
    handle(WASI_INTERRUPT_SIGNAL, on_interrupt, 0);
    handle(SIGXCPU, on_interrupt, 0);
}

/* A process can be killed at any time. Time that passes in the program itself is what counts: what
 * it wrote before it waits is sent before it waits, and no system call is ever disturbed. */
static void send_output_in_time(void)
{
    const struct itimerval interval = {.it_interval = {.tv_usec = OUTPUT_INTERVAL_US},
                                       .it_value = {.tv_usec = OUTPUT_INTERVAL_US}};
    handle(SIGVTALRM, on_output_due, SA_RESTART);
    (void)setitimer(ITIMER_VIRTUAL, &interval, NULL);
}

/* ---- the walls ---- */

static size_t session_descriptors(const struct session_context *session, int *descriptors)
{
    const int all[] = {session->image_fd, session->state_fd, session->save_fds[0],
                       session->save_fds[1], session->pagemap_fd};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] >= 0)
            descriptors[count++] = all[i];
    }
    return count;
}

static int lock_down(const struct guest_process *process, struct error *error)
{
    static int kept[KEPT_MAX];
    size_t count = 0;
    kept[count++] = GUEST_CHANNEL_FD;
    for (int fd = 0; fd <= 2 && !process->captured; fd++)
        kept[count++] = fd;
    if (process->session != NULL)
        count += session_descriptors(process->session, kept + count);
    memcpy(kept + count, process->descriptors, process->descriptor_count * sizeof(*kept));
    count += process->descriptor_count;
    return lockdown_enter(process->lockdown, kept, count, error);
}

/* ---- runs ---- */

static int send_report(struct run_report *report, struct error *error)
{
    static struct buffer frame;
    report->stdout_truncated = guest_output_truncated(1);
    report->stderr_truncated = guest_output_truncated(2);
    buffer_clear(&frame);
    if (run_report_append(&frame, report) != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory for the report");
    return guest_output_finish(frame.data, frame.size);
}

static bool has_state(const struct session_context *session)
{
    return session != NULL && session->state_fd >= 0;
}

/* Before the request is there. A copy that cannot be made to differ from its siblings runs nothing;
 * one that is to be another's state soon stays as it is until then. */
static int prepare(const struct guest_process *process, struct error *error)
{
    run_request_prepare();
    if (process->copy && !has_state(process->session) &&
        (guest_warm(process->guest, process->hurry, error) != 0 ||
         guest_refresh(process->guest, error) != 0))
        return -1;
    if (process->captured)
        send_output_in_time(); /* not of a rehearsal */
    if (process->copy)
        time_slice_shorten(); /* from here on somebody waits for it */
    return lock_down(process, error);
}

/* Brings a session's state back, once its first request says how much memory it may have. One that
 * is here already is refused for the same reason as one that is not: memory never shrinks, and
 * whether a request is within its limit must not depend on how the session was kept. */
static int bring_back(const struct guest_process *process, const struct run_request *request,
                      struct error *error)
{
    struct session_context *session = process->session;
    if (has_state(session)) {
        if (session_state_restore(session, process->guest, request->head.memory_limit_bytes,
                                  error) != 0)
            return -1;
        (void)close(session->state_fd);
        session->state_fd = -1;
    } else if (session != NULL && session_state_check_limit(
                                      process->guest, request->head.memory_limit_bytes, error) != 0)
        return -1;
    if ((request->head.flags & RUN_REQUEST_DUPLICATE) != 0)
        return guest_refresh(process->guest, error);
    return 0;
}

/* Whether the run left an interpreter that goes on. */
static bool went_well(const struct run_report *report)
{
    return report->kind == RUN_REPORT_ENDED && report->outcome.ending == GUEST_RETURNED &&
           report->outcome.exit_code == 0;
}

static void save(const struct guest_process *process, const struct run_request *request)
{
    struct session_saved saved;
    session_state_save(process->session, process->guest, request->head.state_limit_bytes, &saved);
    if (guest_channel_write(GUEST_CHANNEL_FD, GUEST_CHANNEL_SAVED, &saved, sizeof(saved)) != 0 ||
        saved.status != ERROR_OK)
        _exit(0);
}

/* After the last report. The service ends this process; to exit by itself would keep the processor
 * from whoever answers with the report. */
static _Noreturn void wait_for_end(void)
{
    char byte;
    (void)guest_channel_read(GUEST_CHANNEL_FD, &byte, sizeof(byte));
    _exit(0);
}

_Noreturn void guest_process_run(const struct guest_process *process)
{
    struct error error = ERROR_NONE;
    struct run_request request;
    struct run_report report;
    int received;
    guest_process_take_signals();
    accept_interrupts(process->guest);
    if (prepare(process, &error) != 0)
        guest_process_fail(&error);
    /* 0: the service has no use for this process any more. */
    while ((received = run_request_receive(GUEST_CHANNEL_FD, &request, &error)) == 1) {
        if (bring_back(process, &request, &error) != 0 ||
            guest_run(process->guest, &request, &report, &error) != 0 ||
            send_report(&report, &error) != 0)
            guest_process_fail(&error);
        if (process->session == NULL || !went_well(&report))
            wait_for_end();
        save(process, &request);
    }
    if (received < 0)
        guest_process_fail(&error);
    _exit(0);
}
