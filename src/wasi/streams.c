/* Standard descriptors without a descriptor of the host, and interrupts of a guest that waits.
 * Invariant: an interrupt is answered by one call and no more, and none is lost between two. */
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <unistd.h>

static uint64_t stream_rights(int guest_fd)
{
    uint64_t rights = WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET |
                      WASI_RIGHT_POLL_FD_READWRITE | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL;
    if (guest_fd == STDIN_FILENO)
        return rights | WASI_RIGHT_FD_READ;
    return rights | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_DATASYNC;
}

static void grant_stream(struct wasi_host *host, int guest_fd)
{
    host->descriptors[guest_fd] = (struct descriptor){
        .kind = DESCRIPTOR_STREAM,
        .host_fd = -1,
        .borrowed = true,
        .stream = (uint8_t)guest_fd,
        .filetype = WASI_FILETYPE_UNKNOWN, /* as of a pipe */
        .grant = (uint32_t)guest_fd,
        .rights = stream_rights(guest_fd),
    };
}

int wasi_host_set_stream(struct wasi_host *host, int guest_fd, const struct wasi_stream *stream,
                         struct error *error)
{
    if (guest_fd < STDIN_FILENO || guest_fd > STDERR_FILENO)
        return error_set(error, ERROR_INTERNAL,
                         "guest descriptor %d is not a standard descriptor (0, 1 or 2)", guest_fd);
    descriptor_release(host, (uint32_t)guest_fd);
    host->streams[guest_fd] = *stream;
    grant_stream(host, guest_fd);
    return 0;
}

void wasi_host_renew_streams(struct wasi_host *host)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        bool is_stream = host->streams[fd].read != NULL || host->streams[fd].write != NULL;
        if (is_stream && host->descriptors[fd].kind == DESCRIPTOR_CLOSED)
            grant_stream(host, fd);
    }
}

uint32_t stream_transfer(struct wasi_host *host, const struct descriptor *descriptor, bool write,
                         int vector_count, uint64_t total, uint32_t *moved)
{
    const struct wasi_stream *stream = &host->streams[descriptor->stream];
    if (!write) {
        *moved = (uint32_t)stream->read(stream->argument, host->vectors, vector_count);
        return WASI_ERRNO_SUCCESS;
    }
    int host_errno = stream->write(stream->argument, host->vectors, vector_count);
    *moved = host_errno == 0 ? (uint32_t)total : 0;
    return host_errno == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(host_errno);
}

void streams_before_wait(struct wasi_host *host)
{
    for (size_t i = 0; i < sizeof(host->streams) / sizeof(host->streams[0]); i++) {
        if (host->streams[i].before_wait != NULL)
            host->streams[i].before_wait(host->streams[i].argument);
    }
}

void wasi_host_interrupt(struct wasi_host *host)
{
    host->interrupted = 1;
}

bool take_interrupt(struct wasi_host *host)
{
    bool interrupted = host->interrupted != 0;
    host->interrupted = 0;
    return interrupted;
}

int interruptible_poll(struct wasi_host *host, struct pollfd *polled, nfds_t count,
                       const struct timespec *timeout)
{
    sigset_t interrupts;
    sigset_t former;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, WASI_INTERRUPT_SIGNAL);
    sigaddset(&interrupts, SIGXCPU);
    /* An interrupt between the look and the wait would be slept over. */
    (void)sigprocmask(SIG_BLOCK, &interrupts, &former);
    int result = -1;
    errno = EINTR;
    if (host->interrupted == 0)
        result = ppoll(polled, count, timeout, &former);
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &former, NULL);
    errno = saved;
    return result;
}
