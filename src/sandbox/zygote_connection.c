/* One zygote process. Invariant: the channel of every fork that was asked for and not answered is
 * in `pending`; a fork that nobody was told of ends by itself when that is closed. */
#include "sandbox/zygote_connection.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 512
/* A zygote answers within a millisecond; one that has not for so long hangs. */
#define ANSWER_LIMIT_SECONDS 10

struct pending_fork {
    TAILQ_ENTRY(pending_fork) link;
    uint64_t number;
    int channel;
    bool forgotten;
    void *argument;
};

struct zygote_connection {
    struct event_base *loop;
    struct zygote_connection_listener listener;
    pid_t pid;
    int socket;
    struct event *readable;
    struct event *answer_limit; /* runs while something is pending, once it is ready */
    bool ready;
    bool gone;
    bool broken; /* it said what none of ours says: it may have forked what it did not tell of */
    TAILQ_HEAD(, pending_fork) pending;
    size_t pending_count;
    uint64_t last_number;
};

/* ---- starting ---- */

struct command {
    char *arguments[ARGUMENTS_MAX];
    size_t count;
    char parent[16];
    char timeout[24];
    char memory[24];
    char state[24];
};

static void add(struct command *command, const char *argument)
{
    command->arguments[command->count++] = (char *)argument;
}

static int build_command(const struct zygote_options *options, struct command *command,
                         struct error *error)
{
    if (2 * (options->allowed_path_count + options->variable_count) + 16 > ARGUMENTS_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "too many wasi.allowed_paths and wasi.env_vars together (%d at most)",
                         (ARGUMENTS_MAX - 16) / 2);
    (void)snprintf(command->parent, sizeof(command->parent), "%d", (int)getpid());
    (void)snprintf(command->timeout, sizeof(command->timeout), "%llums",
                   (unsigned long long)options->timeout_ms);
    (void)snprintf(command->memory, sizeof(command->memory), "%llu",
                   (unsigned long long)options->memory_bytes);
    (void)snprintf(command->state, sizeof(command->state), "%llu",
                   (unsigned long long)options->state_bytes);
    command->count = 0;
    add(command, "shannon");
    add(command, "zygote");
    add(command, command->parent);
    add(command, options->interpreter);
    add(command, "--timeout");
    add(command, command->timeout);
    add(command, "--memory");
    add(command, command->memory);
    add(command, "--state");
    add(command, command->state);
    for (size_t i = 0; i < options->allowed_path_count; i++) {
        add(command, "--allow-read");
        add(command, options->allowed_paths[i]);
    }
    for (size_t i = 0; i < options->variable_count; i++) {
        add(command, "--env");
        add(command, options->variables[i]);
    }
    command->arguments[command->count] = NULL;
    return 0;
}

/* The zygote's environment is a list of its own: no key of the service's gets into its memory. */
static size_t build_environment(char *environment[], char *texts[])
{
    static const char *const names[] = {
        "PATH",   "HOME",         "XDG_CACHE_HOME", "SHANNON_CACHE_DIR",
        "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && asprintf(&texts[count], "%s=%s", names[i], value) >= 0) {
            environment[count] = texts[count];
            count++;
        }
    }
    environment[count] = NULL;
    return count;
}

static int spawn(struct zygote_connection *connection, const struct command *command, int socket,
                 struct error *error)
{
    char *environment[16];
    char *texts[16];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    size_t count = build_environment(environment, texts);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, socket, ZYGOTE_SOCKET_FD);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    /* A group of its own: a terminal's Ctrl-C is the service's to answer, and its children can be
     * told from others. */
    posix_spawnattr_setpgroup(&attributes, 0);
    sigfillset(&defaults);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    int status = posix_spawn(&connection->pid, "/proc/self/exe", &actions, &attributes,
                             command->arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    if (status == 0)
        return 0;
    connection->pid = -1;
    return error_set_errno(error, ERROR_INTERNAL, status, "cannot start the interpreter's process");
}

static void on_readable(evutil_socket_t fd, short what, void *argument);
static void on_answer_limit(evutil_socket_t fd, short what, void *argument);

static int start(struct zygote_connection *connection, const struct zygote_options *options,
                 struct error *error)
{
    struct command command;
    int ends[2];
    if (build_command(options, &command, error) != 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a socket pair");
    connection->socket = ends[0];
    /* dup2 onto itself would leave FD_CLOEXEC set. */
    if (ends[1] == ZYGOTE_SOCKET_FD)
        (void)fcntl(ends[1], F_SETFD, 0);
    int result = spawn(connection, &command, ends[1], error);
    (void)close(ends[1]);
    if (result != 0)
        return -1;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    connection->readable =
        event_new(connection->loop, ends[0], EV_READ | EV_PERSIST, on_readable, connection);
    connection->answer_limit = evtimer_new(connection->loop, on_answer_limit, connection);
    if (connection->readable == NULL || connection->answer_limit == NULL ||
        event_add(connection->readable, NULL) != 0)
        return error_set(error, ERROR_INTERNAL, "cannot watch the interpreter's process");
    return 0;
}

struct zygote_connection *zygote_connection_start(struct event_base *loop,
                                                  const struct zygote_options *options,
                                                  const struct zygote_connection_listener *listener,
                                                  struct error *error)
{
    struct zygote_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    connection->loop = loop;
    connection->listener = *listener;
    connection->pid = -1;
    connection->socket = -1;
    TAILQ_INIT(&connection->pending);
    if (start(connection, options, error) == 0)
        return connection;
    zygote_connection_end(connection);
    return NULL;
}

pid_t zygote_connection_pid(const struct zygote_connection *connection)
{
    return connection->pid;
}

/* ---- forks ---- */

static void watch_answers(struct zygote_connection *connection)
{
    const struct timeval limit = {.tv_sec = ANSWER_LIMIT_SECONDS};
    if (connection->ready && connection->pending_count > 0)
        (void)event_add(connection->answer_limit, &limit);
    else
        (void)event_del(connection->answer_limit);
}

int zygote_connection_fork(struct zygote_connection *connection, const int *descriptors,
                           size_t count, const uint8_t *image, bool hurry, void *fork_argument,
                           struct error *error)
{
    int ends[2];
    int sent[ZYGOTE_DESCRIPTORS_MAX];
    struct pending_fork *fork = calloc(1, sizeof(*fork));
    if (fork == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a socket pair");
        free(fork);
        return -1;
    }
    struct zygote_request request = {.number = ++connection->last_number, .hurry = hurry ? 1 : 0};
    if (image != NULL)
        memcpy(request.image, image, sizeof(request.image));
    sent[ZYGOTE_FD_CHANNEL] = ends[1];
    if (count > 0)
        memcpy(sent + 1, descriptors, count * sizeof(int));
    int status =
        zygote_message_send(connection->socket, &request, sizeof(request), sent, count + 1);
    int reason = errno;
    (void)close(ends[1]);
    /* That a zygote is gone its socket tells: what it was asked is to be asked of the next one. */
    bool is_gone = status != 0 && (reason == EPIPE || reason == ECONNRESET);
    if (status != 0 && !is_gone) {
        error_set_errno(error, ERROR_INTERNAL, reason, "cannot ask the interpreter for a process");
        (void)close(ends[0]);
        free(fork);
        return -1;
    }
    *fork = (struct pending_fork){
        .number = request.number, .channel = ends[0], .argument = fork_argument};
    TAILQ_INSERT_TAIL(&connection->pending, fork, link);
    if (connection->pending_count++ == 0)
        watch_answers(connection);
    return 0;
}

void zygote_connection_forget(struct zygote_connection *connection, const void *fork_argument)
{
    struct pending_fork *fork;
    TAILQ_FOREACH(fork, &connection->pending, link)
    {
        if (fork->argument == fork_argument)
            fork->forgotten = true;
    }
}

static struct pending_fork *find_pending(const struct zygote_connection *connection,
                                         uint64_t number)
{
    struct pending_fork *fork;
    TAILQ_FOREACH(fork, &connection->pending, link)
    {
        if (fork->number == number)
            return fork;
    }
    return NULL;
}

static void remove_pending(struct zygote_connection *connection, struct pending_fork *fork)
{
    TAILQ_REMOVE(&connection->pending, fork, link);
    connection->pending_count--;
    watch_answers(connection);
}

/* Signals go to the number that it says. So it must be that of a child of ours which the zygote has
 * forked, and which nobody looks after yet. */
static bool is_fork_of(pid_t zygote, pid_t pid)
{
    siginfo_t information;
    return pid > 0 && pid != zygote && getpgid(pid) == zygote && !guest_child_is_known(pid) &&
           waitid(P_PID, (id_t)pid, &information, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool is_sound(const struct zygote_connection *connection, const struct zygote_reply *reply)
{
    if (reply->error.kind < ERROR_OK || reply->error.kind > ERROR_INTERNAL ||
        memchr(reply->error.message, '\0', sizeof(reply->error.message)) == NULL)
        return false;
    switch (reply->kind) {
    case ZYGOTE_REPLY_READY:
        return !connection->ready && reply->keeps_sessions <= 1 && (reply->walls & ~WALLS_ALL) == 0;
    case ZYGOTE_REPLY_FAILED:
        return !connection->ready && reply->error.kind != ERROR_OK;
    case ZYGOTE_REPLY_FORKED:
        return connection->ready && find_pending(connection, reply->number) != NULL &&
               is_fork_of(connection->pid, reply->pid);
    case ZYGOTE_REPLY_REFUSED:
        return connection->ready && find_pending(connection, reply->number) != NULL &&
               reply->error.kind != ERROR_OK;
    default:
        return false;
    }
}

static void on_forked(struct zygote_connection *connection, const struct zygote_reply *reply)
{
    struct error error = reply->error;
    struct pending_fork *fork = find_pending(connection, reply->number);
    remove_pending(connection, fork);
    void *argument = fork->argument;
    bool forgotten = fork->forgotten;
    struct guest_child *child = NULL;
    if (reply->kind == ZYGOTE_REPLY_FORKED)
        child = guest_child_new(connection->loop, reply->pid, fork->channel, &error);
    else
        (void)close(fork->channel);
    free(fork);
    if (!forgotten)
        connection->listener.forked(connection->listener.argument, argument, child, &error);
    else if (child != NULL)
        guest_child_end(child);
}

/* ---- replies, and the end ---- */

static void tell_gone(struct zygote_connection *connection, const struct error *error)
{
    if (connection->gone)
        return;
    connection->gone = true;
    (void)event_del(connection->readable);
    (void)event_del(connection->answer_limit);
    connection->listener.gone(connection->listener.argument, connection, error);
}

static void on_answer_limit(evutil_socket_t fd, short what, void *argument)
{
    struct error error = ERROR_NONE;
    (void)fd;
    (void)what;
    error_set(&error, ERROR_INTERNAL, "the interpreter's process does not answer");
    tell_gone(argument, &error);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    struct zygote_connection *connection = argument;
    struct zygote_reply reply;
    int descriptors[ZYGOTE_DESCRIPTORS_MAX];
    size_t count;
    (void)what;
    ssize_t size = zygote_message_receive(fd, &reply, sizeof(reply), descriptors, &count);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool is_ready = size > 0 && reply.kind == ZYGOTE_REPLY_READY && !connection->ready;
    for (size_t i = is_ready ? 1 : 0; i < count; i++)
        (void)close(descriptors[i]);
    if (size <= 0) {
        const struct error none = ERROR_NONE;
        tell_gone(connection, &none);
        return;
    }
    if (!is_sound(connection, &reply)) {
        struct error error = ERROR_NONE;
        if (is_ready && count > 0)
            (void)close(descriptors[0]);
        connection->broken = true;
        error_set(&error, ERROR_INTERNAL, "the interpreter's process says what makes no sense");
        tell_gone(connection, &error);
        return;
    }
    if (is_ready) {
        connection->ready = true;
        watch_answers(connection);
        connection->listener.ready(connection->listener.argument, connection, &reply,
                                   count > 0 ? descriptors[0] : -1);
    } else if (reply.kind == ZYGOTE_REPLY_FAILED) {
        tell_gone(connection, &reply.error);
    } else {
        on_forked(connection, &reply);
    }
}

/* A zygote that died between forking a process and telling of it leaves a child of ours that nobody
 * knows. Its channel is closed, so it ends by itself; it is found in the kernel's list of our
 * children by the zygote's process group, to be waited for. Those that are known have been told of.
 */
static void end_strays(pid_t group, bool (*is_known)(pid_t pid))
{
    char path[64];
    int pid;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fscanf(file, "%d", &pid) == 1) {
        if (getpgid(pid) != group || is_known(pid))
            continue;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    (void)fclose(file);
}

void zygote_connection_end(struct zygote_connection *connection)
{
    struct pending_fork *fork;
    bool strays = connection->pending_count > 0 || connection->broken;
    while ((fork = TAILQ_FIRST(&connection->pending)) != NULL) {
        TAILQ_REMOVE(&connection->pending, fork, link);
        (void)close(fork->channel);
        free(fork);
    }
    if (connection->readable != NULL)
        event_free(connection->readable);
    if (connection->answer_limit != NULL)
        event_free(connection->answer_limit);
    if (connection->socket >= 0)
        (void)close(connection->socket);
    if (connection->pid > 0) {
        /* While it starts, its group is itself and the translators it runs; later its forks too,
         * which others look after. */
        (void)kill(connection->ready ? connection->pid : -connection->pid, SIGKILL);
        while (waitpid(connection->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        if (strays)
            end_strays(connection->pid, guest_child_is_known);
    }
    free(connection);
}
