/* All three services under one parent. Invariant: every child that was started is either in
 * `children` with its pid, or was waited for. */
#include "cli/serve_all.h"

#include "base/log.h"
#include "sandbox/execution_status.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the order of dependence; they are stopped in the opposite one. */
static const char *const names[] = {"agent-core", "llm-service", "orchestrator"};

#define SERVICE_COUNT (sizeof(names) / sizeof(names[0]))
#define FIRST_SECOND_MS 1000
#define PAUSE_MAX_MS 10000
/* How long a service may take to end what it is doing before it is killed. */
#define STOP_LIMIT_MS 10000

struct child {
    pid_t pid; /* 0: not running */
    int64_t started_ms;
    int64_t start_again_ms; /* when not running */
    int pause_ms;
};

struct parent {
    struct child children[SERVICE_COUNT];
    const char *config_file;
    bool stopping;
    int64_t stop_deadline_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void become_service(const char *name, const char *config_file, pid_t parent)
{
    char *arguments[6] = {"shannon", "serve"};
    size_t count = 2;
    sigset_t none;
    if (config_file != NULL) {
        arguments[count++] = "--config";
        arguments[count++] = (char *)config_file;
    }
    arguments[count] = (char *)name;
    /* A terminal's Ctrl-C reaches the parent only, which passes one signal on. */
    (void)setpgid(0, 0);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
        (void)execv("/proc/self/exe", arguments);
    _exit(EXIT_SHANNON_FAILED);
}

static int start(struct parent *parent, size_t index, struct error *error)
{
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot start %s", names[index]);
    if (pid == 0)
        become_service(names[index], parent->config_file, self);
    parent->children[index].pid = pid;
    parent->children[index].started_ms = now_ms();
    return 0;
}

static void stop_all(struct parent *parent)
{
    if (!parent->stopping)
        parent->stop_deadline_ms = now_ms() + STOP_LIMIT_MS;
    parent->stopping = true;
    for (size_t i = SERVICE_COUNT; i-- > 0;) {
        if (parent->children[i].pid > 0)
            (void)kill(parent->children[i].pid, SIGTERM);
    }
}

static bool any_running(const struct parent *parent)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (parent->children[i].pid > 0)
            return true;
    }
    return false;
}

/* A service ended. -1 when it shows that it cannot start at all. */
static int on_end(struct parent *parent, size_t index, int status, struct error *error)
{
    struct child *child = &parent->children[index];
    int64_t lived = now_ms() - child->started_ms;
    child->pid = 0;
    if (parent->stopping)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SHANNON_FAILED && lived < FIRST_SECOND_MS)
        return error_set(error, ERROR_INTERNAL, "%s did not start; its reason stands above",
                         names[index]);
    child->pause_ms = lived > 60000 || child->pause_ms == 0 ? 100 : child->pause_ms * 2;
    if (child->pause_ms > PAUSE_MAX_MS)
        child->pause_ms = PAUSE_MAX_MS;
    child->start_again_ms = now_ms() + child->pause_ms;
    LOG(LOG_ERROR, "service ended, starting it again", log_text("name", names[index]),
        log_number("status", status), log_number("pause_ms", child->pause_ms));
    return 0;
}

static int reap(struct parent *parent, struct error *error)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        int status;
        if (parent->children[i].pid > 0 &&
            waitpid(parent->children[i].pid, &status, WNOHANG) == parent->children[i].pid &&
            on_end(parent, i, status, error) != 0)
            return -1;
    }
    return 0;
}

static int start_due(struct parent *parent, struct error *error)
{
    for (size_t i = 0; i < SERVICE_COUNT && !parent->stopping; i++) {
        if (parent->children[i].pid == 0 && now_ms() >= parent->children[i].start_again_ms &&
            start(parent, i, error) != 0)
            return -1;
    }
    return 0;
}

static void kill_late(const struct parent *parent)
{
    if (!parent->stopping || now_ms() < parent->stop_deadline_ms)
        return;
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (parent->children[i].pid > 0)
            (void)kill(parent->children[i].pid, SIGKILL);
    }
}

/* Waits for a signal or for the next thing that is due. */
static void wait_for_event(const struct parent *parent, const sigset_t *signals, int *number)
{
    int64_t wait_ms = 1000;
    for (size_t i = 0; i < SERVICE_COUNT && !parent->stopping; i++) {
        int64_t due = parent->children[i].start_again_ms - now_ms();
        if (parent->children[i].pid == 0 && due < wait_ms)
            wait_ms = due < 0 ? 0 : due;
    }
    struct timespec limit = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    *number = sigtimedwait(signals, NULL, &limit);
}

int serve_all(const struct config *config, const char *config_file, struct error *error)
{
    struct parent parent = {.config_file = config_file};
    sigset_t signals;
    int result = 0;
    config_apply_logging(config, "shannon");
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot block signals");
    while (!parent.stopping || any_running(&parent)) {
        int number;
        if (result == 0 && (start_due(&parent, error) != 0 || reap(&parent, error) != 0)) {
            result = -1;
            stop_all(&parent);
        }
        wait_for_event(&parent, &signals, &number);
        if (number == SIGTERM || number == SIGINT || number == SIGHUP)
            stop_all(&parent);
        if (result != 0 || parent.stopping)
            (void)reap(&parent, error);
        kill_late(&parent);
    }
    return result;
}
