/* Processes of sessions. Invariant: `child` is this object's own except while an execution has it;
 * `save_fds[next]` is empty and the next state's, the other holds the last one, if `saved`. */
#include "sandbox/session_process.h"

#include "base/log.h"
#include "sandbox/execution_internal.h"
#include "sandbox/guest_process.h"
#include "sandbox/zygote_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Saving a state takes less processor time than this, which leaves a second of those that
 * guest_process_processor_seconds adds. */
#define SAVING_MS 1000

struct session_process {
    struct zygote *zygote;
    struct session_process_listener listener;
    struct zygote_fork fork;
    struct guest_child *child; /* NULL: not there yet, or with an execution */
    struct memory_image *image;
    int source_fd; /* the state that it began with, until there is another; -1: none */
    int save_fds[2];
    unsigned next;
    bool saved;
    struct execution_waiter *waiter; /* who waits for the process; at most one */
};

/* Everything but what the child's listener still needs. */
static void release(struct session_process *process)
{
    zygote_fork_forget(process->zygote, &process->fork);
    if (process->child != NULL)
        guest_child_end(process->child);
    for (size_t i = 0; i < 2; i++) {
        if (process->save_fds[i] >= 0)
            (void)close(process->save_fds[i]);
    }
    if (process->source_fd >= 0)
        (void)close(process->source_fd);
    memory_image_unref(process->image);
    free(process);
}

static void lose(struct session_process *process)
{
    process->listener.lost(process->listener.argument);
    release(process);
}

void session_process_end(struct session_process *process)
{
    if (process != NULL)
        release(process);
}

/* ---- the process, while nobody uses it ---- */

static void on_idle_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                          size_t size)
{
    (void)kind;
    (void)bytes;
    (void)size;
    LOG(LOG_ERROR, "a session's process spoke before it was asked");
    lose(argument);
}

static void on_idle_closed(void *argument)
{
    LOG(LOG_WARNING, "a session's process ended");
    lose(argument);
}

static void keep(struct session_process *process, struct guest_child *child)
{
    const struct guest_child_listener listener = {
        .frame = on_idle_frame, .closed = on_idle_closed, .argument = process};
    process->child = child;
    guest_child_listen(child, &listener);
}

static void give(struct session_process *process)
{
    struct execution_waiter *waiter = process->waiter;
    struct guest_child *child = process->child;
    if (waiter == NULL || child == NULL)
        return;
    process->waiter = NULL;
    process->child = NULL;
    waiter->waiting = false;
    execution_given(waiter->execution, child);
}

static void on_forked(void *argument, struct guest_child *child, struct memory_image *image)
{
    struct session_process *process = argument;
    if (process->image == NULL)
        process->image = memory_image_ref(image);
    keep(process, child);
    give(process);
}

static void on_refused(void *argument, const struct error *error)
{
    struct session_process *process = argument;
    struct execution_waiter *waiter = process->waiter;
    if (waiter == NULL) {
        lose(process);
        return;
    }
    session_process_forget(process, waiter);
    execution_refused(waiter->execution, error); /* which gives this process up */
}

/* ---- for execution.c ---- */

void session_process_forget(struct session_process *process, struct execution_waiter *waiter)
{
    waiter->waiting = false;
    process->waiter = NULL;
}

void session_process_saved(struct session_process *process, struct guest_child *child,
                           uint64_t size)
{
    int saved = process->save_fds[process->next];
    process->next ^= 1;
    process->saved = true;
    /* What were left behind the next state would make it a damaged one. */
    if (ftruncate(process->save_fds[process->next], 0) != 0)
        LOG(LOG_WARNING, "a session's former state cannot be cleared", log_number("errno", errno));
    if (process->source_fd >= 0)
        (void)close(process->source_fd);
    process->source_fd = -1;
    keep(process, child);
    process->listener.saved(process->listener.argument, saved, size, process->image);
}

void session_process_failed(struct session_process *process)
{
    lose(process);
}

struct zygote *session_process_zygote(const struct session_process *process)
{
    return process->zygote;
}

/* Asks for a process that begins with the last state there is. */
static int ask_for_process(struct session_process *process, struct error *error)
{
    int last = process->saved ? process->save_fds[process->next ^ 1] : process->source_fd;
    process->fork = (struct zygote_fork){
        /* It writes its first state to the first of them. */
        .save_fds = {process->save_fds[process->next], process->save_fds[process->next ^ 1]},
        .state_fd = last,
        .image = last < 0 ? NULL : process->image,
        .given = on_forked,
        .refused = on_refused,
        .argument = process,
    };
    return zygote_fork_ask(process->zygote, &process->fork, error);
}

int session_process_renew(struct session_process *process, struct execution_waiter *waiter,
                          struct error *error)
{
    /* A fresh interpreter may come from another zygote than the first one did. */
    if (!process->saved && process->source_fd < 0)
        process->image = memory_image_unref(process->image);
    if (ask_for_process(process, error) != 0)
        return -1;
    process->waiter = waiter;
    waiter->waiting = true;
    return 0;
}

/* The kernel counts the processor time of all runs in a process against one limit, which is meant
 * for one run. Whether what is left could be too little for a run and for saving what it leaves. */
static bool is_spent(const struct session_process *process, uint64_t timeout_ms)
{
    uint64_t limit_ms =
        1000 * (uint64_t)guest_process_processor_seconds(zygote_timeout_ms(process->zygote));
    return process->child != NULL &&
           guest_child_processor_us(process->child) / 1000 + timeout_ms + SAVING_MS > limit_ms;
}

int session_process_ask(struct session_process *process, struct execution_waiter *waiter,
                        uint64_t timeout_ms, struct error *error)
{
    if (is_spent(process, timeout_ms)) {
        guest_child_end(process->child);
        process->child = NULL;
        return session_process_renew(process, waiter, error);
    }
    process->waiter = waiter;
    waiter->waiting = true;
    give(process);
    return 0;
}

/* ---- construction ---- */

struct session_process *session_process_start(struct zygote *zygote,
                                              const struct session_source *source,
                                              const struct session_process_listener *listener,
                                              struct error *error)
{
    struct session_process *process = calloc(1, sizeof(*process));
    if (process == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    process->zygote = zygote;
    process->listener = *listener;
    process->source_fd = -1;
    for (size_t i = 0; i < 2; i++)
        process->save_fds[i] = memfd_create("session", MFD_CLOEXEC);
    if (source != NULL) {
        process->image = memory_image_ref(source->image);
        process->source_fd = fcntl(source->state_fd, F_DUPFD_CLOEXEC, 0);
    }
    if (process->save_fds[0] < 0 || process->save_fds[1] < 0 ||
        (source != NULL && process->source_fd < 0))
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a session's memory files");
    else if (ask_for_process(process, error) == 0)
        return process;
    release(process);
    return NULL;
}
