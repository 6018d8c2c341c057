/* Processes of sessions. Invariant: `child` is this object's own except while an execution has it;
 * `save_fds[saves % 2]` is empty and the next state's, the other holds the last one. */
#include "sandbox/session_process.h"

#include "base/log.h"
#include "sandbox/execution_internal.h"
#include "sandbox/zygote_fork.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct session_process {
    struct zygote *zygote;
    struct session_process_listener listener;
    struct zygote_fork fork;
    struct guest_child *child; /* NULL: not there yet, or with an execution */
    struct memory_image *image;
    int save_fds[2];
    unsigned saves;
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

void session_process_ask(struct session_process *process, struct execution_waiter *waiter)
{
    process->waiter = waiter;
    waiter->waiting = true;
    give(process);
}

void session_process_forget(struct session_process *process, struct execution_waiter *waiter)
{
    waiter->waiting = false;
    process->waiter = NULL;
}

void session_process_saved(struct session_process *process, struct guest_child *child,
                           uint64_t size)
{
    int saved = process->save_fds[process->saves % 2];
    process->saves++;
    (void)ftruncate(process->save_fds[process->saves % 2], 0);
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
    for (size_t i = 0; i < 2; i++)
        process->save_fds[i] = memfd_create("session", MFD_CLOEXEC);
    if (process->save_fds[0] < 0 || process->save_fds[1] < 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a session's memory files");
        release(process);
        return NULL;
    }
    process->fork = (struct zygote_fork){
        .save_fds = {process->save_fds[0], process->save_fds[1]},
        .state_fd = -1,
        .given = on_forked,
        .refused = on_refused,
        .argument = process,
    };
    if (source != NULL) {
        process->image = memory_image_ref(source->image);
        process->fork.state_fd = source->state_fd;
        process->fork.image = process->image;
    }
    if (zygote_fork_ask(zygote, &process->fork, error) != 0) {
        release(process);
        return NULL;
    }
    return process;
}
