/* What a service and its zygote say to each other over a SOCK_SEQPACKET pair: one struct a message,
 * in this machine's byte order, as both are the same program. */
#ifndef SHANNON_SANDBOX_ZYGOTE_PROTOCOL_H
#define SHANNON_SANDBOX_ZYGOTE_PROTOCOL_H

#include "base/error.h"

#include <stdint.h>

/* The zygote's end of the pair. */
#define ZYGOTE_SOCKET_FD 3

/* Descriptors that travel with a request, in this order. */
enum zygote_descriptor {
    ZYGOTE_FD_REQUEST,
    ZYGOTE_FD_STDIN,
    ZYGOTE_FD_STDOUT,
    ZYGOTE_FD_STDERR,
    ZYGOTE_FD_REPORT,
    ZYGOTE_FD_COUNT
};

/* Service to zygote: run this, with ZYGOTE_FD_COUNT descriptors. */
struct zygote_request {
    uint64_t execution; /* the service's number for it */
};

/* Sends a request with its descriptors, which stay the caller's. 0, or -1 when it cannot be sent
 * now (errno EAGAIN) or the other end is gone. */
int zygote_send_request(int socket, const struct zygote_request *request,
                        const int descriptors[ZYGOTE_FD_COUNT]);

enum zygote_reply_kind {
    ZYGOTE_REPLY_READY = 1, /* once, when the interpreter is warm */
    ZYGOTE_REPLY_FAILED,    /* once, instead: `error`; the zygote exits */
    ZYGOTE_REPLY_STARTED,   /* `execution` runs as `pid`, a child of the service */
    ZYGOTE_REPLY_REFUSED,   /* `execution` could not be started: `error` */
};

struct zygote_reply {
    uint32_t kind;
    int32_t pid;
    uint64_t execution;
    struct error error;
};

#endif
