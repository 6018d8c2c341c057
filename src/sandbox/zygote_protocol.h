/* What a service and its zygote say to each other over a SOCK_SEQPACKET pair: one struct a message,
 * in this machine's byte order, as both are the same program. Descriptors travel with it (unix(7),
 * SCM_RIGHTS).
 */
#ifndef SHANNON_SANDBOX_ZYGOTE_PROTOCOL_H
#define SHANNON_SANDBOX_ZYGOTE_PROTOCOL_H

#include "base/error.h"
#include "sandbox/session_state.h"
#include "sandbox/walls.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The zygote's end of the pair. */
#define ZYGOTE_SOCKET_FD 3

/* The most descriptors in one message. */
#define ZYGOTE_DESCRIPTORS_MAX 5

/* Descriptors of a fork, in this order: the first for each; three for a session; all for one that
 * begins with a state. */
enum zygote_descriptor {
    ZYGOTE_FD_CHANNEL, /* the process's end of its channel */
    ZYGOTE_FD_SAVE_0,  /* memory files for the state after a run, in turn */
    ZYGOTE_FD_SAVE_1,
    ZYGOTE_FD_STATE, /* the state to begin with */
    ZYGOTE_FD_IMAGE, /* the memory image that it is the difference from */
    ZYGOTE_FD_COUNT
};

/* Service to zygote: make a guest process. */
struct zygote_request {
    uint64_t number;                     /* the service's own, comes back in the reply */
    uint8_t image[MEMORY_IMAGE_ID_SIZE]; /* of ZYGOTE_FD_IMAGE */
    uint32_t hurry;                      /* 1: somebody waits; it need not be made fast first */
    uint32_t reserved;                   /* 0 */
};

enum zygote_reply_kind {
    ZYGOTE_REPLY_READY = 1, /* once, when the interpreter is warm; with its memory image, if any */
    ZYGOTE_REPLY_FAILED,    /* once, instead: `error`; the zygote exits */
    ZYGOTE_REPLY_FORKED,    /* `number` is `pid`, a child of the service */
    ZYGOTE_REPLY_REFUSED,   /* `number` could not be made: `error` */
};

struct zygote_reply {
    uint32_t kind;
    int32_t pid;
    uint64_t number;
    wall_set walls;          /* of READY: those that its guest processes have */
    uint32_t keeps_sessions; /* of READY: 1 when the interpreter can; then there is an image */
    uint8_t interpreter[INTERPRETER_DIGEST_SIZE]; /* of READY: SHA-256 of the module */
    uint8_t image[MEMORY_IMAGE_ID_SIZE];          /* of READY: of the memory image */
    struct error error;
};

/* Sends one message with `count` descriptors, which stay the caller's. 0, or -1 when it cannot be
 * sent now (errno EAGAIN) or the other end is gone. */
int zygote_message_send(int socket, const void *message, size_t size, const int *descriptors,
                        size_t count);

/* Receives one message into `message` of `size` bytes, and its descriptors (close-on-exec), which
 * are the caller's; `count` gets their number. The number of bytes; 0 at the end of the socket; -1
 * with errno. A message of another size has its descriptors closed and gives -1 with EPROTO. */
ssize_t zygote_message_receive(int socket, void *message, size_t size,
                               int descriptors[ZYGOTE_DESCRIPTORS_MAX], size_t *count);

#endif
