/* The zygote process. Invariant: it holds no descriptor of an execution longer than it takes to
 * fork the child, so that no execution can hold back the end of another's output. */
#include "sandbox/zygote_process.h"

#include "sandbox/execution_child.h"
#include "sandbox/lockdown.h"
#include "sandbox/zygote_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The zygote's memory may grow to this while it starts; each child then gets its own limit. */
#define START_MEMORY_LIMIT ((uint64_t)1 << 30)

/* Two keep one client that never pauses from waiting for a fork; each costs the memory that a run
 * dirties. */
#define SPARES 2

/* A child that waits. */
struct spare {
    pid_t pid;
    int socket; /* our end of a pair with it */
};

struct zygote_process {
    struct guest *guest;
    struct lockdown *lockdown;
    pid_t service;
    struct spare spares[SPARES]; /* the first `spare_count`, oldest first */
    size_t spare_count;
};

static int send_reply(const struct zygote_reply *reply)
{
    ssize_t sent;
    do {
        sent = send(ZYGOTE_SOCKET_FD, reply, sizeof(*reply), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(*reply) ? 0 : -1;
}

/* Receives one request and its descriptors. 1, 0 at the end of the socket, -1 when it is not a
 * request (descriptors that came are closed). */
static int receive_request(int socket, struct zygote_request *request,
                           int descriptors[ZYGOTE_FD_COUNT])
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * ZYGOTE_FD_COUNT)];
        struct cmsghdr align;
    } control;
    struct iovec vector = {.iov_base = request, .iov_len = sizeof(*request)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size <= 0)
        return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS)
        return -1;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
    if (size == (ssize_t)sizeof(*request) && count == ZYGOTE_FD_COUNT)
        return 1;
    for (size_t i = 0; i < count; i++)
        (void)close(descriptors[i]);
    return -1;
}

/* In a child: another child's socket, held open, would keep that child waiting for ever. */
static void close_spares(const struct zygote_process *zygote)
{
    for (size_t i = 0; i < zygote->spare_count; i++)
        (void)close(zygote->spares[i].socket);
}

static _Noreturn void become_child(const struct zygote_process *zygote,
                                   const int descriptors[ZYGOTE_FD_COUNT])
{
    const struct execution_child child = {
        .guest = zygote->guest,
        .lockdown = zygote->lockdown,
        .parent = zygote->service,
        .request = descriptors[ZYGOTE_FD_REQUEST],
        .report = EXECUTION_REPORT_FD,
        .streams = {descriptors[ZYGOTE_FD_STDIN], descriptors[ZYGOTE_FD_STDOUT],
                    descriptors[ZYGOTE_FD_STDERR]},
    };
    /* The report takes the place of the socket, which no guest process may hold. */
    if (dup2(descriptors[ZYGOTE_FD_REPORT], EXECUTION_REPORT_FD) < 0)
        _exit(1);
    (void)close(descriptors[ZYGOTE_FD_REPORT]);
    execution_child_run(&child);
}

/* A fork whose child is the service's child, not ours: the service waits for it by itself, and it
 * outlives us. glibc's fork cannot do that; this process has one thread and no fork handlers, which
 * is what glibc's would take care of. */
static pid_t fork_for_service(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
}

/* The life of the child that is forked ahead. */
static _Noreturn void become_spare(const struct zygote_process *zygote, int socket)
{
    struct zygote_request request;
    int descriptors[ZYGOTE_FD_COUNT];
    /* The number stays taken: the report is to have it, and none of what is received may. */
    if (dup2(STDIN_FILENO, ZYGOTE_SOCKET_FD) < 0)
        _exit(1);
    if (guest_rehearse(zygote->guest, NULL) != 0 ||
        receive_request(socket, &request, descriptors) != 1)
        _exit(1);
    (void)close(socket);
    become_child(zygote, descriptors);
}

/* Without a spare, each request forks its own child: slower and nothing else. */
static void make_spare(struct zygote_process *zygote)
{
    int ends[2];
    if (zygote->spare_count == SPARES ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    pid_t pid = fork_for_service();
    if (pid == 0) {
        (void)close(ends[0]);
        close_spares(zygote);
        become_spare(zygote, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return;
    }
    zygote->spares[zygote->spare_count++] = (struct spare){.pid = pid, .socket = ends[0]};
}

/* Gives the request to the oldest spare that still lives. Its process, or -1 when there is none. */
static pid_t use_spare(struct zygote_process *zygote, const struct zygote_request *request,
                       const int descriptors[ZYGOTE_FD_COUNT])
{
    pid_t pid = -1;
    while (zygote->spare_count > 0 && pid < 0) {
        struct spare spare = zygote->spares[0];
        zygote->spare_count--;
        memmove(&zygote->spares[0], &zygote->spares[1],
                zygote->spare_count * sizeof(zygote->spares[0]));
        if (zygote_send_request(spare.socket, request, descriptors) == 0)
            pid = spare.pid;
        (void)close(spare.socket);
    }
    return pid;
}

static int serve_one(struct zygote_process *zygote)
{
    struct zygote_request request;
    int descriptors[ZYGOTE_FD_COUNT];
    int received = receive_request(ZYGOTE_SOCKET_FD, &request, descriptors);
    if (received <= 0)
        return received;
    pid_t pid = use_spare(zygote, &request, descriptors);
    if (pid < 0) {
        pid = fork_for_service();
        if (pid == 0) {
            close_spares(zygote);
            become_child(zygote, descriptors);
        }
    }
    struct zygote_reply reply = {
        .kind = ZYGOTE_REPLY_STARTED, .pid = pid, .execution = request.execution};
    if (pid < 0) {
        reply.kind = ZYGOTE_REPLY_REFUSED;
        error_set_errno(&reply.error, ERROR_INTERNAL, errno, "cannot make a process");
    }
    for (int i = 0; i < ZYGOTE_FD_COUNT; i++)
        (void)close(descriptors[i]);
    if (send_reply(&reply) != 0)
        return 0;
    make_spare(zygote);
    return 1;
}

static int start(struct zygote_process *zygote, const struct guest_options *options,
                 struct error *error)
{
    BUFFER_LOCAL struct buffer object = BUFFER_EMPTY;
    zygote->lockdown = lockdown_prepare(error);
    if (zygote->lockdown == NULL)
        return -1;
    if (guest_prepare(options, &object, error) != 0)
        return -1;
    zygote->guest = guest_load(options, buffer_text(&object), error);
    if (zygote->guest == NULL)
        return -1;
    return guest_initialize(zygote->guest, true, START_MEMORY_LIMIT, error);
}

int zygote_process_main(const struct guest_options *options, int parent)
{
    struct zygote_process zygote = {.service = parent};
    struct zygote_reply reply = {.kind = ZYGOTE_REPLY_READY};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return 1;
    /* The service decides when this process ends; a terminal's Ctrl-C is the service's to answer.
     */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (fcntl(ZYGOTE_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0)
        return 1;
    if (start(&zygote, options, &reply.error) != 0)
        reply.kind = ZYGOTE_REPLY_FAILED;
    if (send_reply(&reply) != 0 || reply.kind == ZYGOTE_REPLY_FAILED)
        return 1;
    for (size_t i = 0; i < SPARES; i++)
        make_spare(&zygote);
    int status;
    do {
        status = serve_one(&zygote);
    } while (status > 0);
    return status == 0 ? 0 : 1;
}
