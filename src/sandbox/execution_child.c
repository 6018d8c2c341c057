/* The life of a guest process. Invariant: guest code runs only after lockdown_enter succeeded. */
#include "sandbox/execution_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

_Noreturn void execution_child_fail(int report, const struct error *error)
{
    const struct run_report failure = {
        .kind = RUN_REPORT_FAILED,
        .failure = error->kind,
        .records = (const uint8_t *)error->message,
        .records_size = strlen(error->message),
    };
    (void)run_report_write(report, &failure);
    _exit(1);
}

uint32_t execution_child_processor_seconds(uint32_t timeout_ms)
{
    return timeout_ms == 0 || timeout_ms > 3600000 ? 3602 : timeout_ms / 1000 + 2;
}

void execution_child_take_signals(void)
{
    static const int ended_by[] = {SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
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

static int take_streams(const struct execution_child *child, struct error *error)
{
    for (int i = 0; i < 3; i++) {
        if (child->streams[i] >= 0 && dup2(child->streams[i], i) < 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot take standard stream %d",
                                   i);
    }
    return 0;
}

_Noreturn void execution_child_run(const struct execution_child *child)
{
    struct error error = ERROR_NONE;
    struct run_request request;
    struct run_report report;
    execution_child_take_signals();
    if (run_request_read(child->request, &request, &error) != 0 || take_streams(child, &error) != 0)
        execution_child_fail(child->report, &error);
    for (int i = 0; i < 3; i++) {
        if (child->streams[i] > 2)
            (void)close(child->streams[i]);
    }
    (void)close(child->request);
    if (lockdown_enter(child->lockdown, child->parent,
                       execution_child_processor_seconds(request.head.timeout_ms), &error) != 0 ||
        guest_run(child->guest, &request, &report, &error) != 0)
        execution_child_fail(child->report, &error);
    _exit(run_report_write(child->report, &report) == 0 ? 0 : 1);
}
