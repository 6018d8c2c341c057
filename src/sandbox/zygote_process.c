/* The zygote process. Invariant: it holds no descriptor of an execution longer than it takes to
 * fork the child, so that no execution can hold back the end of another's output. */
#include "sandbox/zygote_process.h"

#include "sandbox/execution_child.h"
#include "sandbox/inherited_pages.h"
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

struct zygote_process {
    struct guest *guest;
    struct lockdown *lockdown;
    pid_t service;
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
static int receive_request(struct zygote_request *request, int descriptors[ZYGOTE_FD_COUNT])
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
        size = recvmsg(ZYGOTE_SOCKET_FD, &message, MSG_CMSG_CLOEXEC);
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

static int serve_one(const struct zygote_process *zygote)
{
    struct zygote_request request;
    int descriptors[ZYGOTE_FD_COUNT];
    int received = receive_request(&request, descriptors);
    if (received <= 0)
        return received;
    pid_t pid = fork_for_service();
    if (pid == 0)
        become_child(zygote, descriptors);
    struct zygote_reply reply = {
        .kind = ZYGOTE_REPLY_STARTED, .pid = pid, .execution = request.execution};
    if (pid < 0) {
        reply.kind = ZYGOTE_REPLY_REFUSED;
        error_set_errno(&reply.error, ERROR_INTERNAL, errno, "cannot make a process");
    }
    for (int i = 0; i < ZYGOTE_FD_COUNT; i++)
        (void)close(descriptors[i]);
    return send_reply(&reply) == 0 ? 1 : 0;
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
    inherited_pages_prepare();
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
    int status;
    do {
        status = serve_one(&zygote);
    } while (status > 0);
    return status == 0 ? 0 : 1;
}
