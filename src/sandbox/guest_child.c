/* Guest processes, seen from outside. Invariant: a child is either living, with an open channel, or
 * dying, when nothing more is heard of it, from which it is freed once wait4(2) has had its
 * process; it is never freed below its own listener. */
#include "sandbox/guest_child.h"

#include "wasi/wasi_host.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A killed process is gone after a fraction of a millisecond, mostly; then it is looked at less and
 * less often. */
#define FIRST_LOOK_US 500
#define LOOK_MAX_US 50000
/* A report of a failure: its head and the message of an error. */
#define UNASKED_REPORT_MAX ((size_t)4096)

struct guest_child {
    TAILQ_ENTRY(guest_child) link; /* of the living or the dying */
    struct event_base *loop;
    pid_t pid;
    int channel; /* -1 once the process was killed */
    struct event *readable;
    struct event *writable; /* NULL until something had to wait */
    struct guest_channel_reader reader;
    struct guest_child_listener listener;
    struct buffer unsent;
    size_t sent; /* of unsent */
    bool dying;
    bool closed; /* the listener was told */
    bool nonsense;
    bool reset; /* the process ended before it had read all that was sent to it */
    void (*ended)(void *argument, int wait_status, const struct rusage *usage);
    void *ended_argument;
};

TAILQ_HEAD(guest_child_list, guest_child);

static struct guest_child_list living = TAILQ_HEAD_INITIALIZER(living);
static struct guest_child_list dying = TAILQ_HEAD_INITIALIZER(dying);
static size_t living_count;
static size_t dying_count;
static struct event *look_timer; /* while some are dying */
static long look_us;

/* ---- the dying ---- */

static void release(struct guest_child *child, int wait_status, const struct rusage *usage)
{
    TAILQ_REMOVE(&dying, child, link);
    dying_count--;
    if (child->ended != NULL)
        child->ended(child->ended_argument, wait_status, usage);
    guest_channel_reader_free(&child->reader);
    buffer_free(&child->unsent);
    free(child);
}

static void kill_now(struct guest_child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)close(child->channel);
    child->channel = -1;
}

static void look_at_dying(int options)
{
    struct guest_child *next;
    for (struct guest_child *child = TAILQ_FIRST(&dying); child != NULL; child = next) {
        if (child->channel >= 0)
            kill_now(child);
        int status = 0;
        struct rusage usage = {0};
        bool told = child->ended != NULL;
        next = TAILQ_NEXT(child, link);
        pid_t waited;
        do
            waited = wait4(child->pid, &status, options, &usage);
        while (waited < 0 && errno == EINTR);
        if (waited == 0)
            continue;
        release(child, status, &usage); /* -1 is ECHILD: somebody else had it */
        /* Who was told may have ended others, or waited for them. */
        if (told)
            next = TAILQ_FIRST(&dying);
    }
}

static void look_again(struct event_base *loop);

static void on_look(evutil_socket_t fd, short what, void *argument)
{
    struct event_base *loop = argument;
    (void)fd;
    (void)what;
    event_free(look_timer);
    look_timer = NULL;
    look_at_dying(WNOHANG);
    if (!TAILQ_EMPTY(&dying)) {
        look_us = look_us * 2 < LOOK_MAX_US ? look_us * 2 : LOOK_MAX_US;
        look_again(loop);
    }
}

static void look_again(struct event_base *loop)
{
    struct timeval soon = {.tv_usec = look_us};
    if (look_timer != NULL)
        return;
    look_timer = evtimer_new(loop, on_look, loop);
    if (look_timer != NULL)
        (void)event_add(look_timer, &soon);
}

void guest_child_hurry_dying(void)
{
    if (look_timer != NULL)
        event_active(look_timer, EV_TIMEOUT, 0);
}

static bool is_in(const struct guest_child_list *list, pid_t pid)
{
    const struct guest_child *child;
    TAILQ_FOREACH(child, list, link)
    {
        if (child->pid == pid)
            return true;
    }
    return false;
}

bool guest_child_is_known(pid_t pid)
{
    return is_in(&living, pid) || is_in(&dying, pid);
}

size_t guest_child_alive_count(void)
{
    return living_count;
}

size_t guest_child_dying_count(void)
{
    return dying_count;
}

void guest_child_wait_for_dying(void)
{
    look_at_dying(0);
    if (look_timer != NULL)
        event_free(look_timer);
    look_timer = NULL;
}

/* ---- the channel ---- */

static void tell_closed(struct guest_child *child)
{
    if (child->closed)
        return;
    child->closed = true;
    (void)event_del(child->readable);
    child->listener.closed(child->listener.argument);
}

static int on_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes, size_t size)
{
    struct guest_child *child = argument;
    child->listener.frame(child->listener.argument, kind, bytes, size);
    return child->dying ? 1 : 0; /* it was ended meanwhile */
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    static char scratch[65536];
    struct guest_child *child = argument;
    (void)fd;
    (void)what;
    ssize_t size = recv(child->channel, scratch, sizeof(scratch), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0)
        child->reset = true;
    if (size > 0 && guest_channel_take(&child->reader, scratch, (size_t)size, on_frame, child) == 0)
        return;
    if (child->dying)
        return;
    child->nonsense = size > 0;
    tell_closed(child);
}

static void send_unsent(struct guest_child *child)
{
    while (child->sent < child->unsent.size) {
        ssize_t sent = send(child->channel, child->unsent.data + child->sent,
                            child->unsent.size - child->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) { /* it is gone, which the readable side will tell */
            child->reset = true;
            child->sent = child->unsent.size;
            break;
        }
        child->sent += (size_t)sent;
    }
    buffer_free(&child->unsent);
    child->sent = 0;
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
    struct guest_child *child = argument;
    (void)fd;
    (void)what;
    send_unsent(child);
    if (child->unsent.size == 0)
        (void)event_del(child->writable);
}

/* ---- life ---- */

struct guest_child *guest_child_new(struct event_base *loop, pid_t pid, int channel,
                                    struct error *error)
{
    struct guest_child *child = calloc(1, sizeof(*child));
    if (child != NULL)
        child->readable = event_new(loop, channel, EV_READ | EV_PERSIST, on_readable, child);
    if (child == NULL || child->readable == NULL || event_add(child->readable, NULL) != 0) {
        error_set(error, ERROR_INTERNAL, "cannot watch a guest process: out of memory");
        if (child != NULL && child->readable != NULL)
            event_free(child->readable);
        free(child);
        (void)close(channel);
        return NULL;
    }
    child->loop = loop;
    child->pid = pid;
    child->channel = channel;
    child->reader.report_max = UNASKED_REPORT_MAX;
    TAILQ_INSERT_TAIL(&living, child, link);
    living_count++;
    return child;
}

pid_t guest_child_pid(const struct guest_child *child)
{
    return child->pid;
}

void guest_child_listen(struct guest_child *child, const struct guest_child_listener *listener)
{
    child->listener = *listener;
}

int guest_child_send(struct guest_child *child, struct buffer *frame)
{
    if (child->closed || child->dying) {
        buffer_free(frame);
        return -1;
    }
    buffer_free(&child->unsent);
    child->unsent = *frame;
    child->sent = 0;
    *frame = BUFFER_EMPTY;
    send_unsent(child);
    if (child->unsent.size == 0)
        return 0;
    if (child->writable == NULL)
        child->writable =
            event_new(child->loop, child->channel, EV_WRITE | EV_PERSIST, on_writable, child);
    return child->writable != NULL && event_add(child->writable, NULL) == 0 ? 0 : -1;
}

void guest_child_expect_report(struct guest_child *child, size_t size_max)
{
    child->reader.report_max = size_max;
}

bool guest_child_spoke_nonsense(const struct guest_child *child)
{
    return child->nonsense;
}

bool guest_child_took_all(const struct guest_child *child)
{
    return !child->reset && child->unsent.size == 0;
}

/* The kernel's own way to name the processor clock of a process; what clock_getcpuclockid(3) makes.
 */
uint64_t guest_child_processor_us(const struct guest_child *child)
{
    struct timespec used;
    clockid_t clock = (clockid_t)((~(unsigned)child->pid << 3) | 2u);
    if (clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* It is our child and not waited for, so that its number cannot be another's. */
void guest_child_interrupt(const struct guest_child *child)
{
    (void)kill(child->pid, WASI_INTERRUPT_SIGNAL);
}

void guest_child_end_soon(struct guest_child *child)
{
    event_free(child->readable);
    if (child->writable != NULL)
        event_free(child->writable);
    child->dying = true;
    TAILQ_REMOVE(&living, child, link);
    living_count--;
    TAILQ_INSERT_TAIL(&dying, child, link);
    dying_count++;
    look_us = FIRST_LOOK_US;
    look_again(child->loop);
}

void guest_child_end_and_tell(struct guest_child *child,
                              void (*ended)(void *argument, int wait_status,
                                            const struct rusage *usage),
                              void *argument)
{
    child->ended = ended;
    child->ended_argument = argument;
    guest_child_end_soon(child);
    kill_now(child);
}

void guest_child_end(struct guest_child *child)
{
    guest_child_end_and_tell(child, NULL, NULL);
}
