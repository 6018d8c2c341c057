/* The service's side of a zygote. Invariant: an execution is on the list from its submission until
 * zygote_forget; those WAITING are sent in order as soon as the process is ready. */
#include "sandbox/zygote.h"

#include "base/log.h"
#include "sandbox/execution_internal.h"
#include "sandbox/zygote_protocol.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A process that failed to start is not started again within this time. */
#define RESTART_PAUSE_MS 1000
#define ARGUMENTS_MAX 512

struct zygote {
    struct event_base *loop;
    char *interpreter;
    char **allowed_paths;
    size_t allowed_path_count;
    char **variables;
    size_t variable_count;

    enum zygote_state state;
    struct error error;
    struct timespec failed_at;
    pid_t pid;
    int socket;
    struct event *socket_event;

    struct execution *first;
    struct execution *last;
    uint64_t last_number;
};

static int start_process(struct zygote *zygote, struct error *error);

/* ---- the list of executions ---- */

static void append(struct zygote *zygote, struct execution *execution)
{
    struct execution_link *link = execution_link(execution);
    link->previous = zygote->last;
    link->next = NULL;
    if (zygote->last != NULL)
        execution_link(zygote->last)->next = execution;
    else
        zygote->first = execution;
    zygote->last = execution;
}

void zygote_forget(struct zygote *zygote, struct execution *execution)
{
    struct execution_link *link = execution_link(execution);
    if (link->previous != NULL)
        execution_link(link->previous)->next = link->next;
    else
        zygote->first = link->next;
    if (link->next != NULL)
        execution_link(link->next)->previous = link->previous;
    else
        zygote->last = link->previous;
    *link = (struct execution_link){NULL, NULL};
}

static struct execution *find_number(const struct zygote *zygote, uint64_t number)
{
    for (struct execution *e = zygote->first; e != NULL; e = execution_link(e)->next) {
        if (execution_number(e) == number)
            return e;
    }
    return NULL;
}

static struct execution *find_state(const struct zygote *zygote, enum execution_state state)
{
    for (struct execution *e = zygote->first; e != NULL; e = execution_link(e)->next) {
        if (execution_state(e) == state)
            return e;
    }
    return NULL;
}

/* ---- sending ---- */

/* Sends what is waiting. A full socket is left: its replies will call this again. */
static void send_waiting(struct zygote *zygote)
{
    struct execution *execution;
    while (zygote->state == ZYGOTE_READY &&
           (execution = find_state(zygote, EXECUTION_WAITING)) != NULL) {
        const struct zygote_request request = {.execution = execution_number(execution)};
        if (zygote_send_request(zygote->socket, &request, execution_descriptors(execution)) != 0)
            return;
        execution_was_sent(execution);
    }
}

/* ---- the process's end ---- */

static void close_process(struct zygote *zygote)
{
    if (zygote->socket_event != NULL)
        event_free(zygote->socket_event);
    zygote->socket_event = NULL;
    if (zygote->socket >= 0)
        (void)close(zygote->socket);
    zygote->socket = -1;
    if (zygote->pid > 0) {
        /* While it starts, its group is itself and the translators it runs; later its children,
         * too, which are ended or left by whoever calls this. */
        (void)kill(zygote->state == ZYGOTE_STARTING ? -zygote->pid : zygote->pid, SIGKILL);
        while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    zygote->pid = -1;
}

static bool is_known(const struct zygote *zygote, pid_t pid)
{
    for (struct execution *e = zygote->first; e != NULL; e = execution_link(e)->next) {
        if (execution_pid(e) == pid)
            return true;
    }
    return false;
}

/* A zygote that died between forking a child and telling of it leaves a child of ours that nobody
 * knows. It is found in the kernel's list of our children by the zygote's process group. */
static void end_strays(const struct zygote *zygote, pid_t group)
{
    char path[64];
    int pid;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fscanf(file, "%d", &pid) == 1) {
        if (getpgid(pid) != group || is_known(zygote, pid))
            continue;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    (void)fclose(file);
}

static void fail_waiting(struct zygote *zygote, const struct error *error)
{
    struct execution *execution;
    while ((execution = find_state(zygote, EXECUTION_WAITING)) != NULL)
        execution_failed(execution, error);
}

/* What was sent and not answered did not begin; it may be sent to the next process, once. */
static void take_back_sent(struct zygote *zygote)
{
    static const struct error lost = {.kind = ERROR_INTERNAL,
                                      .message = "the interpreter's process died while starting "
                                                 "the program, twice; please report this"};
    struct execution *execution;
    while ((execution = find_state(zygote, EXECUTION_SENT)) != NULL) {
        if (!execution_may_retry(execution))
            execution_failed(execution, &lost);
    }
}

static void process_failed(struct zygote *zygote, const struct error *error)
{
    close_process(zygote);
    zygote->state = ZYGOTE_FAILED;
    zygote->error = *error;
    clock_gettime(CLOCK_MONOTONIC, &zygote->failed_at);
    LOG(LOG_ERROR, "interpreter failed to start", log_text("interpreter", zygote->interpreter),
        log_text("kind", error_kind_name(error->kind)), log_text("error", error->message));
    fail_waiting(zygote, error);
}

static void process_died(struct zygote *zygote)
{
    bool was_ready = zygote->state == ZYGOTE_READY;
    pid_t group = zygote->pid;
    close_process(zygote);
    end_strays(zygote, group);
    struct error error = ERROR_NONE;
    if (!was_ready) {
        error_set(&error, ERROR_INTERNAL, "the interpreter's process died while starting");
        process_failed(zygote, &error);
        return;
    }
    LOG(LOG_WARNING, "zygote died, starting another", log_text("interpreter", zygote->interpreter),
        log_number("pid", group));
    take_back_sent(zygote);
    if (start_process(zygote, &error) != 0)
        process_failed(zygote, &error);
}

/* ---- replies ---- */

static void on_reply(struct zygote *zygote, const struct zygote_reply *reply)
{
    struct execution *execution = find_number(zygote, reply->execution);
    switch (reply->kind) {
    case ZYGOTE_REPLY_READY:
        zygote->state = ZYGOTE_READY;
        LOG(LOG_INFO, "interpreter ready", log_text("interpreter", zygote->interpreter),
            log_number("pid", zygote->pid));
        break;
    case ZYGOTE_REPLY_FAILED:
        process_failed(zygote, &reply->error);
        return;
    case ZYGOTE_REPLY_STARTED:
        if (execution != NULL && execution_state(execution) == EXECUTION_SENT)
            execution_began(execution, reply->pid);
        break;
    case ZYGOTE_REPLY_REFUSED:
        if (execution != NULL)
            execution_failed(execution, &reply->error);
        break;
    default:
        break;
    }
    send_waiting(zygote);
}

static void on_socket(evutil_socket_t fd, short what, void *argument)
{
    struct zygote *zygote = argument;
    struct zygote_reply reply;
    (void)what;
    ssize_t size = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size != (ssize_t)sizeof(reply)) {
        process_died(zygote);
        return;
    }
    reply.error.message[sizeof(reply.error.message) - 1] = '\0';
    on_reply(zygote, &reply);
}

/* ---- starting ---- */

struct command {
    char *arguments[ARGUMENTS_MAX];
    size_t count;
    char parent[16];
};

static int build_command(const struct zygote *zygote, struct command *command, struct error *error)
{
    if (2 * (zygote->allowed_path_count + zygote->variable_count) + 8 > ARGUMENTS_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "too many wasi.allowed_paths and wasi.env_vars together (250 at most)");
    (void)snprintf(command->parent, sizeof(command->parent), "%d", (int)getpid());
    command->count = 0;
    command->arguments[command->count++] = "shannon";
    command->arguments[command->count++] = "zygote";
    command->arguments[command->count++] = command->parent;
    command->arguments[command->count++] = zygote->interpreter;
    for (size_t i = 0; i < zygote->allowed_path_count; i++) {
        command->arguments[command->count++] = "--allow-read";
        command->arguments[command->count++] = zygote->allowed_paths[i];
    }
    for (size_t i = 0; i < zygote->variable_count; i++) {
        command->arguments[command->count++] = "--env";
        command->arguments[command->count++] = zygote->variables[i];
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

static int spawn(struct zygote *zygote, const struct command *command, int socket,
                 struct error *error)
{
    char *environment[16];
    char *texts[16];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    size_t count = build_environment(environment, texts);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, socket, ZYGOTE_SOCKET_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, ZYGOTE_SOCKET_FD + 1);
    /* A process group of its own: a terminal's Ctrl-C is the service's to answer, and its children
     * can be told from others. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int status = posix_spawn(&zygote->pid, "/proc/self/exe", &actions, &attributes,
                             command->arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    if (status == 0)
        return 0;
    zygote->pid = -1;
    return error_set_errno(error, ERROR_INTERNAL, status, "cannot start the interpreter's process");
}

static int start_process(struct zygote *zygote, struct error *error)
{
    struct command command;
    int ends[2];
    if (build_command(zygote, &command, error) != 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a socket pair");
    /* dup2 onto itself would leave FD_CLOEXEC set. */
    if (ends[1] == ZYGOTE_SOCKET_FD)
        (void)fcntl(ends[1], F_SETFD, 0);
    int result = spawn(zygote, &command, ends[1], error);
    (void)close(ends[1]);
    zygote->socket = ends[0];
    if (result == 0) {
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        zygote->socket_event =
            event_new(zygote->loop, ends[0], EV_READ | EV_PERSIST, on_socket, zygote);
        if (zygote->socket_event == NULL || event_add(zygote->socket_event, NULL) != 0)
            result = error_set(error, ERROR_INTERNAL, "cannot watch the interpreter's process");
    }
    if (result != 0) {
        close_process(zygote);
        return -1;
    }
    zygote->state = ZYGOTE_STARTING;
    return 0;
}

static void free_list(char **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        free(list[i]);
    free(list);
}

static char **copy_list(const char *const *list, size_t count)
{
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (copy[i] == NULL) {
            free_list(copy, i);
            return NULL;
        }
    }
    return copy;
}

static void zygote_free(struct zygote *zygote)
{
    free(zygote->interpreter);
    free_list(zygote->allowed_paths, zygote->allowed_path_count);
    free_list(zygote->variables, zygote->variable_count);
    free(zygote);
}

struct zygote *zygote_start(struct event_base *loop, const struct zygote_options *options,
                            struct error *error)
{
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
    zygote->pid = -1;
    zygote->socket = -1;
    zygote->interpreter = strdup(options->interpreter);
    zygote->allowed_paths = copy_list(options->allowed_paths, options->allowed_path_count);
    zygote->allowed_path_count = options->allowed_path_count;
    zygote->variables = copy_list(options->variables, options->variable_count);
    zygote->variable_count = options->variable_count;
    if (zygote->interpreter == NULL || zygote->allowed_paths == NULL || zygote->variables == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        zygote_free(zygote);
        return NULL;
    }
    if (start_process(zygote, error) != 0) {
        zygote_free(zygote);
        return NULL;
    }
    return zygote;
}

/* ---- the public rest ---- */

static bool failed_just_now(const struct zygote *zygote)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed = (now.tv_sec - zygote->failed_at.tv_sec) * 1000 +
                      (now.tv_nsec - zygote->failed_at.tv_nsec) / 1000000;
    return elapsed < RESTART_PAUSE_MS;
}

int zygote_submit(struct zygote *zygote, struct execution *execution, struct error *error)
{
    if (zygote->state == ZYGOTE_FAILED) {
        if (failed_just_now(zygote))
            return error_set(error, zygote->error.kind, "%s", zygote->error.message);
        if (start_process(zygote, error) != 0)
            return -1;
    }
    execution_set_number(execution, ++zygote->last_number);
    append(zygote, execution);
    send_waiting(zygote);
    return 0;
}

struct event_base *zygote_loop(const struct zygote *zygote)
{
    return zygote->loop;
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
    return zygote->pid;
}

void zygote_stop(struct zygote *zygote)
{
    if (zygote == NULL)
        return;
    pid_t group = zygote->pid;
    /* First the process, so that it forks no further child. */
    close_process(zygote);
    end_strays(zygote, group);
    while (zygote->first != NULL)
        execution_end_now(zygote->first);
    zygote_free(zygote);
}
