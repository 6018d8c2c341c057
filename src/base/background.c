/* Work in a forked process. Invariant: the process holds the only write end of the pipe, so that
 * its end is the end of the pipe; what comes through it is how the work went. Nothing: the process
 * was ended before. Its exit status is for messages only, as a service that was started with
 * SIGCHLD ignored cannot have it. */
#include "base/background.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct background {
    struct background_work work;
    pid_t pid;
    int pipe;
    struct event *ended;
};

static int compare(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Closes everything from 3 on but `kept`. */
static void close_others(int *kept, size_t count)
{
    unsigned first = 3;
    qsort(kept, count, sizeof(*kept), compare);
    for (size_t i = 0; i < count; i++) {
        unsigned descriptor = (unsigned)kept[i];
        if (descriptor > first)
            (void)syscall(SYS_close_range, first, descriptor - 1, 0);
        if (descriptor >= first)
            first = descriptor + 1;
    }
    (void)syscall(SYS_close_range, first, ~0U, 0);
}

static _Noreturn void work(const struct background_work *work, int pipe, pid_t parent)
{
    static const int defaults[] = {SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE};
    struct error error = ERROR_NONE;
    sigset_t none;
    int *kept = calloc(work->descriptor_count + 1, sizeof(*kept));
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        (void)signal(defaults[i], SIG_DFL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (kept == NULL || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    if (work->descriptor_count > 0)
        memcpy(kept, work->descriptors, work->descriptor_count * sizeof(*kept));
    kept[work->descriptor_count] = pipe;
    close_others(kept, work->descriptor_count + 1);
    if (!work->urgent)
        (void)setpriority(PRIO_PROCESS, 0, 10);
    int status = work->work(work->argument, &error);
    if (status != 0)
        error_set(&error, ERROR_INTERNAL, "work in the background failed with status %d", status);
    (void)!write(pipe, &error, sizeof(error));
    _exit(status);
}

static void finish(struct background *background)
{
    struct error error = ERROR_NONE;
    int status = 0;
    ssize_t size;
    do
        size = read(background->pipe, &error, sizeof(error));
    while (size < 0 && errno == EINTR);
    bool told = size == (ssize_t)sizeof(error);
    error.message[sizeof(error.message) - 1] = '\0';
    while (waitpid(background->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!told) {
        error = ERROR_NONE;
        error_set(&error, ERROR_INTERNAL, "work in the background was ended %s %d",
                  WIFSIGNALED(status) ? "by signal" : "with status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    (void)close(background->pipe);
    event_free(background->ended);
    background->work.done(background->work.argument, &error);
    free(background);
}

static void on_ended(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    finish(argument);
}

struct background *background_start(struct event_base *loop, const struct background_work *work_,
                                    struct error *error)
{
    int ends[2];
    struct background *background = calloc(1, sizeof(*background));
    if (background == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot start work in the background");
        free(background);
        return NULL;
    }
    background->work = *work_;
    background->pipe = ends[0];
    background->ended = event_new(loop, ends[0], EV_READ, on_ended, background);
    pid_t parent = getpid();
    if (background->ended != NULL && event_add(background->ended, NULL) == 0)
        background->pid = fork();
    else
        background->pid = -1;
    if (background->pid == 0)
        work(work_, ends[1], parent);
    (void)close(ends[1]);
    if (background->pid > 0)
        return background;
    error_set_errno(error, ERROR_INTERNAL, errno, "cannot start work in the background");
    if (background->ended != NULL)
        event_free(background->ended);
    (void)close(ends[0]);
    free(background);
    return NULL;
}

void background_wait(struct background *background)
{
    finish(background);
}
