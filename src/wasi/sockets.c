/* sock_*. Invariant: nothing here touches the host. */
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

/* A file is known not to be a socket. What a standard descriptor is connected to is the owner's
 * business: even if it is a socket, socket calls on it are not supported. */
static uint32_t refuse(struct wasi_host *host, uint32_t fd)
{
    struct descriptor *descriptor;
    uint32_t failure = descriptor_find(host, fd, 0, &descriptor);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    bool standard =
        descriptor->kind == DESCRIPTOR_STANDARD || descriptor->kind == DESCRIPTOR_STREAM;
    return standard ? WASI_ERRNO_NOTSUP : WASI_ERRNO_NOTSOCK;
}

uint32_t preview1_sock_accept(void *context, uint32_t fd, uint32_t flags, uint32_t result)
{
    (void)flags;
    (void)result;
    return refuse(context, fd);
}

uint32_t preview1_sock_recv(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint32_t flags, uint32_t size_result, uint32_t flags_result)
{
    (void)vectors;
    (void)vector_count;
    (void)flags;
    (void)size_result;
    (void)flags_result;
    return refuse(context, fd);
}

uint32_t preview1_sock_send(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint32_t flags, uint32_t result)
{
    (void)vectors;
    (void)vector_count;
    (void)flags;
    (void)result;
    return refuse(context, fd);
}

uint32_t preview1_sock_shutdown(void *context, uint32_t fd, uint32_t how)
{
    (void)how;
    return refuse(context, fd);
}
