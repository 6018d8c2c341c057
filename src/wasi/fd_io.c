/* Moving bytes and positions: fd_read, fd_write, fd_pread, fd_pwrite, fd_seek, fd_tell, fd_sync,
 * fd_datasync, fd_advise, fd_allocate. Invariant: the vectors are copied out of guest memory and
 * every buffer and the place of the result are checked before the host reads or writes a byte. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

struct transfer {
    struct descriptor *descriptor;
    int vector_count;
    uint64_t total; /* bytes in the vectors */
    uint8_t *result;
};

static uint32_t prepare_transfer(struct wasi_host *host, uint32_t fd, uint64_t rights,
                                 uint32_t vectors, uint32_t vector_count, uint32_t result,
                                 struct transfer *transfer)
{
    uint32_t failure = descriptor_find(host, fd, rights, &transfer->descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    transfer->result = guest_at(host, result, sizeof(uint32_t));
    const uint8_t *vector = guest_at(host, vectors, (uint64_t)vector_count * WASI_IOVEC_SIZE);
    if (transfer->result == NULL || vector == NULL)
        return WASI_ERRNO_FAULT;
    if (vector_count > WASI_IOVECS_MAX)
        return WASI_ERRNO_INVAL;
    uint64_t total = 0;
    for (uint32_t i = 0; i < vector_count; i++) {
        uint32_t address = load_u32(vector + i * WASI_IOVEC_SIZE);
        uint32_t size = load_u32(vector + i * WASI_IOVEC_SIZE + sizeof(uint32_t));
        void *bytes = guest_at(host, address, size);
        if (bytes == NULL)
            return WASI_ERRNO_FAULT;
        host->vectors[i] = (struct iovec){.iov_base = bytes, .iov_len = size};
        total += size;
    }
    if (total > UINT32_MAX)
        return WASI_ERRNO_INVAL;
    transfer->vector_count = (int)vector_count;
    transfer->total = total;
    return WASI_ERRNO_SUCCESS;
}

/* Whether `host_fd` is ready now. An error counts as ready: the transfer will report it. */
static bool is_ready(int host_fd, short events)
{
    struct pollfd polled = {.fd = host_fd, .events = events};
    const struct timespec now = {0};
    int count;
    do
        count = ppoll(&polled, 1, &now, NULL);
    while (count < 0 && errno == EINTR);
    return count != 0;
}

/* Waits until `host_fd` is ready, or for an interrupt. */
static void wait_until_ready(struct wasi_host *host, int host_fd, short events)
{
    struct pollfd polled = {.fd = host_fd, .events = events};
    (void)interruptible_poll(host, &polled, 1, NULL);
}

/* What the kernel promises to take in one piece without blocking from a descriptor that polls as
 * writable; see pipe(7). */
static void limit_to_pipe_buffer(struct wasi_host *host, struct transfer *transfer)
{
    size_t room = PIPE_BUF;
    for (int i = 0; i < transfer->vector_count; i++) {
        if (host->vectors[i].iov_len >= room) {
            host->vectors[i].iov_len = room;
            transfer->vector_count = i + 1;
            return;
        }
        room -= host->vectors[i].iov_len;
    }
}

static ssize_t move_bytes(const struct wasi_host *host, const struct transfer *transfer, bool write,
                          uint64_t offset)
{
    int fd = transfer->descriptor->host_fd;
    if (write)
        return offset == NO_OFFSET
                   ? writev(fd, host->vectors, transfer->vector_count)
                   : pwritev(fd, host->vectors, transfer->vector_count, (off_t)offset);
    return offset == NO_OFFSET ? readv(fd, host->vectors, transfer->vector_count)
                               : preadv(fd, host->vectors, transfer->vector_count, (off_t)offset);
}

static uint32_t run_stream_transfer(struct wasi_host *host, const struct transfer *transfer,
                                    bool write, uint64_t offset, uint32_t *result)
{
    if (offset != NO_OFFSET)
        return WASI_ERRNO_SPIPE;
    return stream_transfer(host, transfer->descriptor, write, transfer->vector_count,
                           transfer->total, result);
}

/* A standard descriptor is shared with others in the host, so that whether it blocks there is not
 * the guest's to choose: the guest's own nonblock flag is acted out by polling first, and a
 * descriptor that the host made nonblocking is waited for. */
static uint32_t run_host_transfer(struct wasi_host *host, struct transfer *transfer, bool write,
                                  uint64_t offset, uint32_t *result)
{
    struct descriptor *descriptor = transfer->descriptor;
    bool standard = descriptor->kind == DESCRIPTOR_STANDARD;
    bool nonblocking = (descriptor->flags & WASI_FDFLAGS_NONBLOCK) != 0;
    short events = write ? POLLOUT : POLLIN;
    if (standard && nonblocking) {
        if (!is_ready(descriptor->host_fd, events))
            return WASI_ERRNO_AGAIN;
        if (write)
            limit_to_pipe_buffer(host, transfer);
    }
    ssize_t moved;
    if (standard && !write && !nonblocking)
        wait_until_ready(host, descriptor->host_fd, events);
    do {
        if (standard && take_interrupt(host))
            return WASI_ERRNO_INTR;
        moved = move_bytes(host, transfer, write, offset);
        if (moved < 0 && errno == EAGAIN && standard && !nonblocking) {
            wait_until_ready(host, descriptor->host_fd, events);
            errno = EINTR;
        }
    } while (moved < 0 && errno == EINTR);
    if (moved < 0)
        return errno_from_host(errno);
    *result = (uint32_t)moved;
    return WASI_ERRNO_SUCCESS;
}

static uint32_t run_transfer(struct wasi_host *host, struct transfer *transfer, bool write,
                             uint64_t offset)
{
    uint32_t moved = 0;
    uint32_t failure;
    if (transfer->descriptor->kind == DESCRIPTOR_STREAM)
        failure = run_stream_transfer(host, transfer, write, offset, &moved);
    else if (transfer->descriptor->kind != DESCRIPTOR_SCRATCH_FILE)
        failure = run_host_transfer(host, transfer, write, offset, &moved);
    else if (write)
        failure = scratch_write(host, transfer->descriptor, transfer->vector_count, offset, &moved);
    else
        failure = scratch_read(host, transfer->descriptor, transfer->vector_count, offset, &moved);
    if (failure == WASI_ERRNO_SUCCESS)
        store_u32(transfer->result, moved);
    return failure;
}

uint32_t preview1_fd_read(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                          uint32_t result)
{
    struct transfer transfer;
    uint32_t failure =
        prepare_transfer(context, fd, WASI_RIGHT_FD_READ, vectors, vector_count, result, &transfer);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return run_transfer(context, &transfer, false, NO_OFFSET);
}

uint32_t preview1_fd_write(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                           uint32_t result)
{
    struct transfer transfer;
    uint32_t failure = prepare_transfer(context, fd, WASI_RIGHT_FD_WRITE, vectors, vector_count,
                                        result, &transfer);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    return run_transfer(context, &transfer, true, NO_OFFSET);
}

uint32_t preview1_fd_pread(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                           uint64_t offset, uint32_t result)
{
    struct transfer transfer;
    uint32_t failure = prepare_transfer(context, fd, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK,
                                        vectors, vector_count, result, &transfer);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (offset > INT64_MAX)
        return WASI_ERRNO_INVAL;
    return run_transfer(context, &transfer, false, offset);
}

uint32_t preview1_fd_pwrite(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint64_t offset, uint32_t result)
{
    struct transfer transfer;
    uint32_t failure = prepare_transfer(context, fd, WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK,
                                        vectors, vector_count, result, &transfer);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (offset > INT64_MAX)
        return WASI_ERRNO_INVAL;
    return run_transfer(context, &transfer, true, offset);
}

static uint32_t seek(struct wasi_host *host, uint32_t fd, uint64_t rights, int64_t offset,
                     int whence, uint32_t result)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(host, fd, rights, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(host, result, sizeof(uint64_t));
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    if (descriptor->kind == DESCRIPTOR_STREAM)
        return WASI_ERRNO_SPIPE;
    if (descriptor->kind == DESCRIPTOR_SCRATCH_FILE) {
        failure = scratch_seek(descriptor, offset, whence);
        if (failure == WASI_ERRNO_SUCCESS)
            store_u64(to, descriptor->position);
        return failure;
    }
    off_t position = lseek(descriptor->host_fd, offset, whence);
    if (position < 0)
        return errno_from_host(errno);
    store_u64(to, (uint64_t)position);
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_seek(void *context, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t result)
{
    static const int host_whence[] = {
        [WASI_WHENCE_SET] = SEEK_SET,
        [WASI_WHENCE_CUR] = SEEK_CUR,
        [WASI_WHENCE_END] = SEEK_END,
    };
    if (whence >= sizeof(host_whence) / sizeof(host_whence[0]))
        return WASI_ERRNO_INVAL;
    bool tell = offset == 0 && whence == WASI_WHENCE_CUR;
    return seek(context, fd, tell ? WASI_RIGHT_FD_TELL : WASI_RIGHT_FD_SEEK, (int64_t)offset,
                host_whence[whence], result);
}

uint32_t preview1_fd_tell(void *context, uint32_t fd, uint32_t result)
{
    return seek(context, fd, WASI_RIGHT_FD_TELL, 0, SEEK_CUR, result);
}

uint32_t preview1_fd_sync(void *context, uint32_t fd)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_SYNC, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (descriptor->kind == DESCRIPTOR_STREAM)
        return WASI_ERRNO_INVAL; /* as of a pipe */
    if (descriptor->node != NULL)
        return WASI_ERRNO_SUCCESS;
    return fsync(descriptor->host_fd) == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(errno);
}

uint32_t preview1_fd_datasync(void *context, uint32_t fd)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_DATASYNC, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (descriptor->kind == DESCRIPTOR_STREAM)
        return WASI_ERRNO_INVAL; /* as of a pipe */
    if (descriptor->node != NULL)
        return WASI_ERRNO_SUCCESS;
    return fdatasync(descriptor->host_fd) == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(errno);
}

uint32_t preview1_fd_advise(void *context, uint32_t fd, uint64_t offset, uint64_t size,
                            uint32_t advice)
{
    static const int host_advice[] = {
        [WASI_ADVICE_NORMAL] = POSIX_FADV_NORMAL,
        [WASI_ADVICE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL,
        [WASI_ADVICE_RANDOM] = POSIX_FADV_RANDOM,
        [WASI_ADVICE_WILLNEED] = POSIX_FADV_WILLNEED,
        [WASI_ADVICE_DONTNEED] = POSIX_FADV_DONTNEED,
        [WASI_ADVICE_NOREUSE] = POSIX_FADV_NOREUSE,
    };
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_ADVISE, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (advice >= sizeof(host_advice) / sizeof(host_advice[0]) || offset > INT64_MAX ||
        size > INT64_MAX - offset)
        return WASI_ERRNO_INVAL;
    if (descriptor->node != NULL)
        return WASI_ERRNO_SUCCESS;
    int host_errno =
        posix_fadvise(descriptor->host_fd, (off_t)offset, (off_t)size, host_advice[advice]);
    return host_errno == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(host_errno);
}

/* fallocate(2) itself: posix_fallocate(3) would write the file byte by byte where the file system
 * cannot do it. */
uint32_t preview1_fd_allocate(void *context, uint32_t fd, uint64_t offset, uint64_t size)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(context, fd, WASI_RIGHT_FD_ALLOCATE, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    if (size == 0 || offset > INT64_MAX || size > INT64_MAX - offset)
        return WASI_ERRNO_INVAL;
    if (descriptor->kind == DESCRIPTOR_SCRATCH_FILE)
        return scratch_allocate(context, descriptor, offset, size);
    int result;
    do
        result = fallocate(descriptor->host_fd, 0, (off_t)offset, (off_t)size);
    while (result != 0 && errno == EINTR);
    return result == 0 ? WASI_ERRNO_SUCCESS : errno_from_host(errno);
}
