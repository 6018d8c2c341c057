/* Messages with descriptors. Invariant: descriptors that come with a message are either handed out
 * or closed. */
#include "sandbox/zygote_protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int) * ZYGOTE_DESCRIPTORS_MAX)];
    struct cmsghdr align;
};

int zygote_message_send(int socket, const void *message, size_t size, const int *descriptors,
                        size_t count)
{
    union control control;
    struct iovec vector = {.iov_base = (void *)message, .iov_len = size};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > ZYGOTE_DESCRIPTORS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size ? 0 : -1;
}

/* Room is made for control messages in whole words, so that one more may have come than there is
 * room for here. */
static size_t take_descriptors(const struct cmsghdr *rights,
                               int descriptors[ZYGOTE_DESCRIPTORS_MAX])
{
    size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(rights) + i * sizeof(fd), sizeof(fd));
        if (i < ZYGOTE_DESCRIPTORS_MAX)
            descriptors[i] = fd;
        else
            (void)close(fd);
    }
    return count < ZYGOTE_DESCRIPTORS_MAX ? count : ZYGOTE_DESCRIPTORS_MAX;
}

ssize_t zygote_message_receive(int socket, void *message, size_t size,
                               int descriptors[ZYGOTE_DESCRIPTORS_MAX], size_t *count)
{
    union control control;
    struct iovec vector = {.iov_base = message, .iov_len = size};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    *count = 0;
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got;
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
        *count = take_descriptors(rights, descriptors);
    if (got == (ssize_t)size)
        return got;
    for (size_t i = 0; i < *count; i++)
        (void)close(descriptors[i]);
    *count = 0;
    errno = EPROTO;
    return -1;
}
