/* Sending of requests, which the service does to the zygote and the zygote to a waiting child. */
#include "sandbox/zygote_protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int zygote_send_request(int socket, const struct zygote_request *request,
                        const int descriptors[ZYGOTE_FD_COUNT])
{
    struct zygote_request copy = *request;
    union {
        char bytes[CMSG_SPACE(sizeof(int) * ZYGOTE_FD_COUNT)];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec vector = {.iov_base = &copy, .iov_len = sizeof(copy)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * ZYGOTE_FD_COUNT);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * ZYGOTE_FD_COUNT);
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(copy) ? 0 : -1;
}
