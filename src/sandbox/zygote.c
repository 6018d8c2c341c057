/* A zygote as its service knows it: one process, or for a while two, and the guest processes that
 * wait. Invariants: an execution that waits is in `waiters` until it is given a process, refused or
 * forgotten; for each of them, and for each spare that is wanted, a fork has been asked for or will
 * be when the process is ready; every spare was forked from the present process. */
#include "sandbox/zygote.h"

#include "base/log.h"
#include "sandbox/execution_internal.h"
#include "sandbox/run_report.h"
#include "sandbox/zygote_connection.h"
#include "sandbox/zygote_fork.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A process that failed to start is not started again within this time. */
#define RESTART_PAUSE_US 1000000
/* One that dies while it starts, without a reason, was killed by somebody: so often it is tried. */
#define STARTS_MAXIMUM 5
/* How often the number of spares is looked at. */
#define REVIEW_SECONDS 5
#define SPARES_MINIMUM 2
/* Spares are filled up by so many, once nobody has come for so long. */
#define IDLE_FORKS 2
#define IDLE_US 1000
/* While requests come without a pause, so many are forked at a time. */
#define LOT_OF_FORKS 2

struct spare {
    TAILQ_ENTRY(spare) link;
    struct zygote *zygote;
    struct guest_child *child;
};

struct zygote {
    struct event_base *loop;
    struct zygote_options options; /* with copies of everything */

    enum zygote_state state;
    struct error error;
    uint64_t failed_us;
    unsigned deaths;                   /* of processes that were starting, one after the other */
    struct zygote_connection *current; /* NULL when failed */
    struct zygote_connection *next;    /* is to take over; NULL mostly */
    struct memory_image *image;        /* of `current`; NULL when it keeps no sessions */
    uint8_t interpreter[INTERPRETER_DIGEST_SIZE];
    bool interpreter_known;
    bool replace;           /* `current` is not to be forked from for longer than it takes */
    uint64_t current_forks; /* asked of `current` */
    wall_set walls;

    TAILQ_HEAD(, zygote_fork) forks; /* for sessions; until they are given */

    struct execution_waiters waiters;
    size_t waiting;
    TAILQ_HEAD(, spare) spares; /* oldest first */
    size_t spare_count;
    size_t spares_coming; /* asked for and not answered */
    size_t spares_wanted;
    size_t spares_least; /* since the last review: so many were never needed */
    struct event *review;
    struct event *idle; /* fills up the spares */
    struct event *ask;  /* asks for sessions from the loop, as answers must not come below a call */
    struct zygote_counts counts;
};

static void refill(struct zygote *zygote);
static int start_current(struct zygote *zygote, struct error *error);

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- those who wait ---- */

static struct execution *take_waiter(struct zygote *zygote)
{
    struct execution_waiter *waiter = TAILQ_FIRST(&zygote->waiters);
    if (waiter == NULL)
        return NULL;
    zygote_forget(zygote, waiter);
    return waiter->execution;
}

void zygote_forget(struct zygote *zygote, struct execution_waiter *waiter)
{
    TAILQ_REMOVE(&zygote->waiters, waiter, link);
    waiter->waiting = false;
    zygote->waiting--;
}

static void refuse_waiters(struct zygote *zygote, const struct error *error)
{
    struct execution *execution;
    while ((execution = take_waiter(zygote)) != NULL)
        execution_refused(execution, error);
}

/* ---- spares ---- */

static struct guest_child *take_spare(struct zygote *zygote)
{
    struct spare *spare = TAILQ_FIRST(&zygote->spares);
    if (spare == NULL)
        return NULL;
    struct guest_child *child = spare->child;
    TAILQ_REMOVE(&zygote->spares, spare, link);
    zygote->spare_count--;
    free(spare);
    return child;
}

static void end_spares(struct zygote *zygote)
{
    struct guest_child *child;
    while ((child = take_spare(zygote)) != NULL)
        guest_child_end(child);
}

static void drop_spare(struct spare *spare)
{
    struct zygote *zygote = spare->zygote;
    TAILQ_REMOVE(&zygote->spares, spare, link);
    zygote->spare_count--;
    guest_child_end(spare->child);
    free(spare);
}

/* Whatever keeps spares from being made keeps the next ones too: none is tried until an execution
 * needs one, which is told. */
static void give_up_spares(struct zygote *zygote)
{
    zygote->spares_wanted = 0;
}

/* A spare that has something to say could not begin: it says why, which is the same for all. */
static void on_spare_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                           size_t size)
{
    struct spare *spare = argument;
    struct zygote *zygote = spare->zygote;
    struct run_report report;
    struct error error = ERROR_NONE;
    if (kind != GUEST_CHANNEL_REPORT || run_report_read(bytes, size, &report) != 0 ||
        report.kind != RUN_REPORT_FAILED)
        error_set(&error, ERROR_INTERNAL, "a guest process spoke before it was asked");
    else
        error_set(&error, report.failure == ERROR_OK ? ERROR_INTERNAL : report.failure, "%.*s",
                  (int)report.records_size, (const char *)report.records);
    LOG(LOG_ERROR, "a guest process could not be made", log_text("error", error.message));
    drop_spare(spare);
    give_up_spares(zygote);
}

static void on_spare_closed(void *argument)
{
    struct spare *spare = argument;
    struct zygote *zygote = spare->zygote;
    LOG(LOG_WARNING, "a waiting guest process ended",
        log_number("pid", guest_child_pid(spare->child)));
    drop_spare(spare);
    /* If they end whenever they are made, there is an end to making them. */
    if (zygote->spares_wanted > 0)
        zygote->spares_wanted--;
    refill(zygote);
}

static void keep_spare(struct zygote *zygote, struct guest_child *child)
{
    struct spare *spare = calloc(1, sizeof(*spare));
    if (spare == NULL) {
        guest_child_end(child);
        return;
    }
    spare->zygote = zygote;
    spare->child = child;
    const struct guest_child_listener listener = {
        .frame = on_spare_frame, .closed = on_spare_closed, .argument = spare};
    guest_child_listen(child, &listener);
    TAILQ_INSERT_TAIL(&zygote->spares, spare, link);
    zygote->spare_count++;
}

/* Asks for forks until `wanted` processes are there or coming that nobody has yet; what cannot be
 * asked now is left for the next reply or request. How many there are or will be. */
static size_t ask_for_forks(struct zygote *zygote, size_t wanted, bool hurry, struct error *error)
{
    size_t coming = zygote->spare_count + zygote->spares_coming;
    /* A process's end costs as much as a fork: both in the way of the same run, and of no other. */
    if (hurry && coming < wanted)
        guest_child_hurry_dying();
    for (; coming < wanted; coming++) {
        if (zygote_connection_fork(zygote->current, NULL, 0, NULL, hurry, NULL, error) != 0)
            break;
        zygote->spares_coming++;
        zygote->current_forks++;
    }
    return coming;
}

/* So many spares there should be whatever happens. */
static size_t spares_lowest(const struct zygote *zygote)
{
    return (zygote->spares_wanted + 3) / 4;
}

static void fill_up_later(struct zygote *zygote)
{
    const struct timeval pause = {.tv_usec = IDLE_US};
    if (zygote->spare_count + zygote->spares_coming < zygote->waiting + zygote->spares_wanted)
        (void)event_add(zygote->idle, &pause);
}

/* How many processes that nobody has yet are needed now. A fork takes as long as a short run, and
 * would take the processor from it: beyond the lowest number, spares are forked while nothing else
 * happens, and when they must be forked all the same, then a few at once and then none for a while,
 * which is less in the way than one beside every run. */
static size_t needed_now(const struct zygote *zygote)
{
    size_t there = zygote->spare_count + zygote->spares_coming;
    size_t lowest = zygote->waiting + spares_lowest(zygote);
    size_t most = zygote->waiting + zygote->spares_wanted;
    if (there >= lowest)
        return 0;
    return lowest + LOT_OF_FORKS < most ? lowest + LOT_OF_FORKS : most;
}

static void refill(struct zygote *zygote)
{
    struct error error = ERROR_NONE;
    if (zygote->state != ZYGOTE_READY)
        return;
    if (ask_for_forks(zygote, needed_now(zygote), true, &error) == 0 && error.kind != ERROR_OK)
        refuse_waiters(zygote, &error);
    fill_up_later(zygote);
}

/* Nobody has come for a while. */
static void on_idle(evutil_socket_t fd, short what, void *argument)
{
    struct zygote *zygote = argument;
    struct error error = ERROR_NONE;
    size_t there = zygote->spare_count + zygote->spares_coming;
    size_t wanted = zygote->waiting + zygote->spares_wanted;
    (void)fd;
    (void)what;
    if (zygote->state != ZYGOTE_READY)
        return;
    (void)ask_for_forks(zygote, there + IDLE_FORKS < wanted ? there + IDLE_FORKS : wanted, false,
                        &error);
    if (error.kind != ERROR_OK) {
        LOG(LOG_ERROR, "no process can be asked for", log_text("error", error.message));
        give_up_spares(zygote);
    }
    fill_up_later(zygote);
}

void zygote_run_ended(struct zygote *zygote)
{
    refill(zygote);
}

static void on_review(evutil_socket_t fd, short what, void *argument)
{
    struct zygote *zygote = argument;
    (void)fd;
    (void)what;
    if (zygote->spares_least > 0 && zygote->spares_wanted > SPARES_MINIMUM) {
        zygote->spares_wanted--;
        if (zygote->spare_count > zygote->spares_wanted)
            guest_child_end(take_spare(zygote));
    }
    zygote->spares_least = zygote->spare_count;
}

/* ---- sessions ---- */

static void take_fork(struct zygote *zygote, struct zygote_fork *fork)
{
    TAILQ_REMOVE(&zygote->forks, fork, link);
    fork->waiting = false;
    if (fork->state_fd >= 0)
        (void)close(fork->state_fd);
    fork->state_fd = -1;
}

static void refuse_session(struct zygote *zygote, struct zygote_fork *fork,
                           const struct error *error)
{
    take_fork(zygote, fork);
    fork->refused(fork->argument, error);
}

static void refuse_sessions(struct zygote *zygote, const struct error *error)
{
    struct zygote_fork *fork;
    while ((fork = TAILQ_FIRST(&zygote->forks)) != NULL)
        refuse_session(zygote, fork, error);
}

static void ask_for_session(struct zygote *zygote, struct zygote_fork *fork)
{
    struct error error = ERROR_NONE;
    const struct memory_image *image = fork->image;
    const int descriptors[] = {fork->save_fds[0], fork->save_fds[1], fork->state_fd,
                               image == NULL ? -1 : image->fd};
    size_t count = image == NULL ? 2 : 4;
    if (zygote->image == NULL)
        error_set(&error, ERROR_INVALID_REQUEST,
                  "this interpreter cannot keep sessions: only one that was built by `make "
                  "interpreter` can");
    else if (zygote_connection_fork(zygote->current, descriptors, count,
                                    image == NULL ? NULL : image->id, true, fork, &error) == 0)
        fork->asked = true;
    if (fork->asked)
        zygote->current_forks++;
    else
        refuse_session(zygote, fork, &error);
}

static void ask_for_sessions(struct zygote *zygote)
{
    struct zygote_fork *fork;
    struct zygote_fork *next;
    for (fork = TAILQ_FIRST(&zygote->forks); fork != NULL; fork = next) {
        next = TAILQ_NEXT(fork, link);
        if (!fork->asked)
            ask_for_session(zygote, fork);
    }
}

static void answer_session(struct zygote *zygote, struct zygote_fork *fork,
                           struct guest_child *child, const struct error *error)
{
    if (child == NULL) {
        refuse_session(zygote, fork, error);
        return;
    }
    zygote->counts.forks++;
    take_fork(zygote, fork);
    fork->given(fork->argument, child, zygote->image);
}

static int wake(struct zygote *zygote, struct error *error);

int zygote_fork_ask(struct zygote *zygote, struct zygote_fork *fork, struct error *error)
{
    if (wake(zygote, error) != 0)
        return -1;
    if (fork->state_fd >= 0) {
        fork->state_fd = fcntl(fork->state_fd, F_DUPFD_CLOEXEC, 0);
        if (fork->state_fd < 0)
            return error_set_errno(error, ERROR_INTERNAL, errno,
                                   "cannot hold a session's state open");
    }
    TAILQ_INSERT_TAIL(&zygote->forks, fork, link);
    fork->waiting = true;
    fork->asked = false;
    if (zygote->state == ZYGOTE_READY) /* otherwise when it is */
        event_active(zygote->ask, EV_TIMEOUT, 0);
    return 0;
}

void zygote_fork_forget(struct zygote *zygote, struct zygote_fork *fork)
{
    if (!fork->waiting)
        return;
    if (fork->asked && zygote->current != NULL)
        zygote_connection_forget(zygote->current, fork);
    take_fork(zygote, fork);
}

static void on_ask(evutil_socket_t fd, short what, void *argument)
{
    struct zygote *zygote = argument;
    (void)fd;
    (void)what;
    if (zygote->state == ZYGOTE_READY)
        ask_for_sessions(zygote);
}

/* ---- processes ---- */

static bool replacement_is_due(const struct zygote *zygote)
{
    return zygote->replace || (zygote->options.forks_maximum > 0 &&
                               zygote->current_forks >= zygote->options.forks_maximum);
}

static struct zygote_connection *start_process(struct zygote *zygote, struct error *error);

/* Another process is started beside the present one, and takes over when it is ready. */
static void replace_if_due(struct zygote *zygote)
{
    struct error error = ERROR_NONE;
    if (zygote->state != ZYGOTE_READY || zygote->next != NULL || !replacement_is_due(zygote))
        return;
    zygote->next = start_process(zygote, &error);
    if (zygote->next == NULL)
        LOG(LOG_WARNING, "the zygote cannot be replaced", log_text("error", error.message));
}

/* What was asked of a process that is gone is asked of the one that came in its place. */
static void forget_answers(struct zygote *zygote)
{
    struct zygote_fork *fork;
    zygote->spares_coming = 0;
    TAILQ_FOREACH(fork, &zygote->forks, link)
    fork->asked = false;
}

static void become_ready(struct zygote *zygote, const struct zygote_reply *reply)
{
    BUFFER_LOCAL struct buffer walls = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer missing = BUFFER_EMPTY;
    zygote->state = ZYGOTE_READY;
    zygote->walls = reply->walls;
    memcpy(zygote->interpreter, reply->interpreter, sizeof(zygote->interpreter));
    zygote->interpreter_known = true;
    zygote->current_forks = 0;
    zygote->deaths = 0;
    zygote->replace = false;
    if (zygote->spares_wanted == 0)
        zygote->spares_wanted = SPARES_MINIMUM < zygote->options.spares_maximum
                                    ? SPARES_MINIMUM
                                    : zygote->options.spares_maximum;
    (void)walls_append_names(&walls, reply->walls);
    (void)walls_append_names(&missing, WALLS_ALL & ~reply->walls);
    LOG(LOG_INFO, "interpreter ready", log_text("interpreter", zygote->options.interpreter),
        log_number("pid", zygote_connection_pid(zygote->current)),
        log_text("walls", buffer_text(&walls)), log_text("walls_missing", buffer_text(&missing)));
    refill(zygote);
    ask_for_sessions(zygote);
}

static void on_ready(void *argument, struct zygote_connection *connection,
                     const struct zygote_reply *reply, int image)
{
    struct zygote *zygote = argument;
    zygote->image = memory_image_unref(zygote->image);
    if (image >= 0 && reply->keeps_sessions != 0)
        zygote->image = memory_image_new(reply->image, image);
    else if (image >= 0)
        (void)close(image);
    if (connection == zygote->next) {
        LOG(LOG_INFO, "another zygote takes over",
            log_number("former", zygote_connection_pid(zygote->current)));
        zygote_connection_end(zygote->current);
        end_spares(zygote);
        forget_answers(zygote);
        zygote->current = zygote->next;
        zygote->next = NULL;
    }
    become_ready(zygote, reply);
}

static void on_forked(void *argument, void *fork_argument, struct guest_child *child,
                      const struct error *error)
{
    struct zygote *zygote = argument;
    if (fork_argument != NULL) {
        answer_session(zygote, fork_argument, child, error);
        return;
    }
    zygote->spares_coming--;
    struct execution *execution = take_waiter(zygote);
    if (child == NULL) {
        LOG(LOG_ERROR, "the zygote could not fork", log_text("error", error->message));
        give_up_spares(zygote);
        if (execution != NULL)
            execution_refused(execution, error);
        return;
    }
    zygote->counts.forks++;
    if (execution != NULL)
        execution_given(execution, child);
    else
        keep_spare(zygote, child);
    refill(zygote);
    replace_if_due(zygote);
}

/* Nothing more can be had until somebody asks again. */
static void fail(struct zygote *zygote, const struct error *error)
{
    zygote->state = ZYGOTE_FAILED;
    zygote->error = *error;
    zygote->failed_us = now_us();
    LOG(LOG_ERROR, "interpreter failed to start",
        log_text("interpreter", zygote->options.interpreter),
        log_text("kind", error_kind_name(error->kind)), log_text("error", error->message));
    refuse_waiters(zygote, error);
    refuse_sessions(zygote, error);
}

static void on_next_gone(struct zygote *zygote, const struct error *error)
{
    LOG(LOG_WARNING, "the zygote that was to take over did not start",
        log_text("error", error->message));
    zygote_connection_end(zygote->next);
    zygote->next = NULL;
    /* The present one goes on for as long again. */
    zygote->current_forks = 0;
    zygote->replace = false;
}

static void on_current_gone(struct zygote *zygote, const struct error *said)
{
    struct error error = *said;
    bool was_ready = zygote->state == ZYGOTE_READY;
    pid_t pid = zygote_connection_pid(zygote->current);
    zygote_connection_end(zygote->current);
    zygote->current = NULL;
    end_spares(zygote);
    forget_answers(zygote);
    bool gave_reason = error.kind != ERROR_OK;
    if (!was_ready && (gave_reason || ++zygote->deaths == STARTS_MAXIMUM)) {
        error_set(&error, ERROR_INTERNAL, "the interpreter's process died while starting");
        zygote->deaths = 0;
        fail(zygote, &error);
        return;
    }
    LOG(LOG_WARNING, "zygote died, starting another",
        log_text("interpreter", zygote->options.interpreter), log_number("pid", pid));
    error = ERROR_NONE;
    if (start_current(zygote, &error) != 0)
        fail(zygote, &error);
}

static void on_gone(void *argument, struct zygote_connection *connection, const struct error *error)
{
    struct zygote *zygote = argument;
    if (connection == zygote->next)
        on_next_gone(zygote, error);
    else
        on_current_gone(zygote, error);
}

static struct zygote_connection *start_process(struct zygote *zygote, struct error *error)
{
    const struct zygote_connection_listener listener = {
        .ready = on_ready, .forked = on_forked, .gone = on_gone, .argument = zygote};
    struct zygote_connection *connection =
        zygote_connection_start(zygote->loop, &zygote->options, &listener, error);
    if (connection != NULL)
        zygote->counts.starts++;
    return connection;
}

/* One that was to take over just does so. */
static int start_current(struct zygote *zygote, struct error *error)
{
    zygote->current = zygote->next != NULL ? zygote->next : start_process(zygote, error);
    zygote->next = NULL;
    if (zygote->current == NULL)
        return -1;
    zygote->state = ZYGOTE_STARTING;
    return 0;
}

/* ---- construction ---- */

static void free_list(const char *const *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        free((char *)list[i]);
    free((void *)list);
}

static const char *const *copy_list(const char *const *list, size_t count)
{
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (copy[i] == NULL) {
            free_list((const char *const *)copy, i);
            return NULL;
        }
    }
    return (const char *const *)copy;
}

static void zygote_free(struct zygote *zygote)
{
    if (zygote->review != NULL)
        event_free(zygote->review);
    if (zygote->ask != NULL)
        event_free(zygote->ask);
    if (zygote->idle != NULL)
        event_free(zygote->idle);
    memory_image_unref(zygote->image);
    free((char *)zygote->options.interpreter);
    free_list(zygote->options.allowed_paths, zygote->options.allowed_path_count);
    free_list(zygote->options.variables, zygote->options.variable_count);
    free(zygote);
}

static int copy_options(struct zygote *zygote, const struct zygote_options *options)
{
    zygote->options = *options;
    zygote->options.interpreter = strdup(options->interpreter);
    zygote->options.allowed_paths = copy_list(options->allowed_paths, options->allowed_path_count);
    zygote->options.variables = copy_list(options->variables, options->variable_count);
    return zygote->options.interpreter == NULL || zygote->options.allowed_paths == NULL ||
                   zygote->options.variables == NULL
               ? -1
               : 0;
}

struct zygote *zygote_start(struct event_base *loop, const struct zygote_options *options,
                            struct error *error)
{
    const struct timeval review = {.tv_sec = REVIEW_SECONDS};
    if (access(options->interpreter, R_OK) != 0) {
        error_set_errno(error, ERROR_INTERPRETER_NOT_FOUND, errno,
                        "Python WASI interpreter not found: %s", options->interpreter);
        return NULL;
    }
    struct zygote *zygote = calloc(1, sizeof(*zygote));
    if (zygote == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    zygote->loop = loop;
    TAILQ_INIT(&zygote->waiters);
    TAILQ_INIT(&zygote->spares);
    TAILQ_INIT(&zygote->forks);
    zygote->review = event_new(loop, -1, EV_PERSIST, on_review, zygote);
    zygote->ask = event_new(loop, -1, 0, on_ask, zygote);
    zygote->idle = event_new(loop, -1, EV_TIMEOUT, on_idle, zygote);
    if (copy_options(zygote, options) != 0 || zygote->review == NULL || zygote->ask == NULL ||
        zygote->idle == NULL || event_add(zygote->review, &review) != 0) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        zygote_free(zygote);
        return NULL;
    }
    if (start_current(zygote, error) != 0) {
        zygote_free(zygote);
        return NULL;
    }
    return zygote;
}

/* ---- the public rest ---- */

/* One that comes when fewer are there than should be was not foreseen: then there shall be more. So
 * there shall after some were given up, as what kept them from being made may be over. */
static void note_demand(struct zygote *zygote)
{
    if (zygote->spare_count < zygote->spares_least)
        zygote->spares_least = zygote->spare_count;
    if ((zygote->spares_wanted < SPARES_MINIMUM || zygote->spare_count < spares_lowest(zygote)) &&
        zygote->spares_wanted < zygote->options.spares_maximum)
        zygote->spares_wanted++;
}

/* Starts a process where there is none. */
static int wake(struct zygote *zygote, struct error *error)
{
    if (zygote->state != ZYGOTE_FAILED)
        return 0;
    if (now_us() - zygote->failed_us < RESTART_PAUSE_US)
        return error_set(error, zygote->error.kind, "%s", zygote->error.message);
    return start_current(zygote, error);
}

int zygote_ask(struct zygote *zygote, struct execution_waiter *waiter, struct error *error)
{
    struct error failure = ERROR_NONE;
    if (wake(zygote, error) != 0)
        return -1;
    note_demand(zygote);
    TAILQ_INSERT_TAIL(&zygote->waiters, waiter, link);
    waiter->waiting = true;
    zygote->waiting++;
    struct guest_child *child = take_spare(zygote);
    if (child != NULL) {
        execution_given(take_waiter(zygote), child);
        fill_up_later(zygote);
        return 0;
    }
    if (zygote->state == ZYGOTE_READY &&
        ask_for_forks(zygote, needed_now(zygote), true, &failure) == 0) {
        zygote_forget(zygote, waiter); /* nothing is coming at all */
        return error_set(error, failure.kind, "%s", failure.message);
    }
    return 0;
}

void zygote_suspect(struct zygote *zygote)
{
    LOG(LOG_WARNING, "a guest process failed without a reason; the zygote is replaced");
    zygote->replace = true;
    replace_if_due(zygote);
}

struct event_base *zygote_loop(const struct zygote *zygote)
{
    return zygote->loop;
}

uint64_t zygote_timeout_ms(const struct zygote *zygote)
{
    return zygote->options.timeout_ms;
}

enum zygote_state zygote_state(const struct zygote *zygote)
{
    return zygote->state;
}

const struct error *zygote_error(const struct zygote *zygote)
{
    return &zygote->error;
}

pid_t zygote_pid(const struct zygote *zygote)
{
    return zygote->current == NULL ? -1 : zygote_connection_pid(zygote->current);
}

struct zygote_counts zygote_counts(const struct zygote *zygote)
{
    struct zygote_counts counts = zygote->counts;
    counts.spares = zygote->spare_count;
    counts.spares_wanted = zygote->spares_wanted;
    counts.waiting = zygote->waiting;
    return counts;
}

wall_set zygote_walls(const struct zygote *zygote)
{
    return zygote->walls;
}

const uint8_t *zygote_interpreter(const struct zygote *zygote)
{
    return zygote->interpreter_known ? zygote->interpreter : NULL;
}

struct memory_image *zygote_image(const struct zygote *zygote)
{
    return zygote->image;
}

void zygote_stop(struct zygote *zygote)
{
    struct error error = ERROR_NONE;
    if (zygote == NULL)
        return;
    /* First the process, so that it forks no further child. */
    if (zygote->current != NULL)
        zygote_connection_end(zygote->current);
    if (zygote->next != NULL)
        zygote_connection_end(zygote->next);
    zygote->current = zygote->next = NULL;
    zygote->state = ZYGOTE_FAILED;
    end_spares(zygote);
    error_set(&error, ERROR_KILLED, "the service is stopping");
    refuse_waiters(zygote, &error);
    refuse_sessions(zygote, &error);
    zygote_free(zygote);
}
