/* Frames. Invariant of taking: no more is ever kept than one frame of the largest size that its
 * kind may have. */
#include "sandbox/guest_channel.h"

#include "sandbox/run_report.h"
#include "sandbox/session_state.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- in the process ---- */

static int write_vectors(int fd, struct iovec *vectors, int count)
{
    while (count > 0 && vectors[count - 1].iov_len == 0)
        count--;
    while (count > 0) {
        ssize_t written = writev(fd, vectors, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        size_t done = (size_t)written;
        while (count > 0 && done >= vectors->iov_len) {
            done -= vectors->iov_len;
            vectors++;
            count--;
        }
        if (count > 0) {
            vectors->iov_base = (char *)vectors->iov_base + done;
            vectors->iov_len -= done;
        }
    }
    return 0;
}

int guest_channel_write_both(int fd, const void *first, size_t first_size, const void *second,
                             size_t second_size)
{
    struct iovec vectors[] = {
        {.iov_base = (void *)first, .iov_len = first_size},
        {.iov_base = (void *)second, .iov_len = second_size},
    };
    return first_size == 0 ? write_vectors(fd, vectors + 1, 1) : write_vectors(fd, vectors, 2);
}

int guest_channel_write(int fd, enum guest_channel_kind kind, const void *bytes, size_t size)
{
    const struct guest_channel_head head = {.kind = kind, .size = (uint32_t)size};
    return guest_channel_write_both(fd, &head, sizeof(head), bytes, size);
}

int guest_channel_write_all(int fd, const void *bytes, size_t size)
{
    return guest_channel_write_both(fd, NULL, 0, bytes, size);
}

int guest_channel_read(int fd, void *bytes, size_t size)
{
    char *rest = bytes;
    while (size > 0) {
        struct iovec vector = {.iov_base = rest, .iov_len = size};
        ssize_t got = readv(fd, &vector, 1); /* the call that the filter allows */
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        rest += got;
        size -= (size_t)got;
    }
    return 0;
}

/* ---- in the service ---- */

/* The largest frame of a kind; 0 for what no process sends. */
static size_t largest(uint32_t kind)
{
    switch (kind) {
    case GUEST_CHANNEL_STDOUT:
    case GUEST_CHANNEL_STDERR:
        return GUEST_CHANNEL_OUTPUT_MAX;
    case GUEST_CHANNEL_REPORT:
        return RUN_REPORT_SIZE_MAX;
    case GUEST_CHANNEL_SAVED:
        return sizeof(struct session_saved);
    default:
        return 0;
    }
}

/* Calls `frame` for the whole frames at the front of [*bytes, *bytes + *size) and steps over them.
 */
static int take_whole(const uint8_t **bytes, size_t *size, guest_channel_frame *frame,
                      void *argument)
{
    struct guest_channel_head head;
    while (*size >= sizeof(head)) {
        memcpy(&head, *bytes, sizeof(head));
        size_t most = largest(head.kind);
        if (most == 0 || head.size > most)
            return -1;
        if (head.size > *size - sizeof(head))
            return 0;
        const uint8_t *contents = *bytes + sizeof(head);
        *bytes = contents + head.size;
        *size -= sizeof(head) + head.size;
        if (frame(argument, (enum guest_channel_kind)head.kind, contents, head.size) != 0)
            return -1;
    }
    return 0;
}

int guest_channel_take(struct guest_channel_reader *reader, const void *bytes, size_t size,
                       guest_channel_frame *frame, void *argument)
{
    struct buffer *pending = &reader->pending;
    const uint8_t *rest = bytes;
    if (pending->size > 0) {
        if (buffer_append(pending, bytes, size) != 0)
            return -1;
        rest = (const uint8_t *)pending->data;
        size = pending->size;
    }
    if (take_whole(&rest, &size, frame, argument) != 0)
        return -1;
    if (pending->size == 0)
        return size == 0 ? 0 : buffer_append(pending, rest, size);
    if (size < pending->size) /* not for each piece of a large frame that is still to come */
        memmove(pending->data, rest, size);
    pending->size = size;
    if (size == 0)
        buffer_free(pending); /* a large report must not stay for the child's life */
    return 0;
}

void guest_channel_reader_free(struct guest_channel_reader *reader)
{
    buffer_free(&reader->pending);
}
