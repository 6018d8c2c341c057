/* The state of a session, as bytes: what its interpreter has that the memory image it began with
 * has not, and what its WASI host knows (scratch files, open files).
 *
 *     head | runs of linear memory | the host's state
 *
 * in this machine's byte order. A run is a struct session_state_run and the bytes that stand there.
 * On disk the whole is one zstd frame with a checksum. A state is written and read by guest
 * processes only, after they are locked down: its bytes are as hostile as the guest that they come
 * from, and to the service they are opaque.
 *
 * The functions run in a guest process; none allocates by mremap(2) or needs a system call that its
 * filter has not.
 */
#ifndef SHANNON_SANDBOX_SESSION_STATE_H
#define SHANNON_SANDBOX_SESSION_STATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct guest;

#define MEMORY_IMAGE_ID_SIZE 16
#define INTERPRETER_DIGEST_SIZE 32

struct session_state_head {
    char magic[8];                                /* SESSION_STATE_MAGIC */
    uint8_t interpreter[INTERPRETER_DIGEST_SIZE]; /* SHA-256 of the module */
    uint8_t image[MEMORY_IMAGE_ID_SIZE];          /* the memory image that runs differ from */
    uint64_t memory_size;                         /* of linear memory, bytes */
    uint64_t monotonic_ns; /* the guest's monotonic clock when it was saved */
    uint64_t host_size;    /* of the host's state, bytes */
    uint32_t run_count;
    uint32_t reserved; /* 0 */
};

/* Offset and size are multiples of SESSION_STATE_UNIT and the size is not 0; runs are in ascending
 * order and do not overlap. */
struct session_state_run {
    uint32_t offset;
    uint32_t size;
};

#define SESSION_STATE_MAGIC "SHNSTAT1"
#define SESSION_STATE_UNIT 8u

/* What a guest process says after it wrote its state (GUEST_CHANNEL_SAVED). */
struct session_saved {
    uint32_t status; /* enum error_kind; ERROR_OK: the state is in the file whose turn it was */
    uint32_t reserved;
    uint64_t size; /* of the state, in bytes */
};

/* What a guest process of a session needs beside what every one has. */
struct session_context {
    uint8_t interpreter[INTERPRETER_DIGEST_SIZE];
    uint8_t own_image[MEMORY_IMAGE_ID_SIZE]; /* of the zygote it was forked from */
    uint8_t image[MEMORY_IMAGE_ID_SIZE];     /* that `image_fd` holds */
    int image_fd;                            /* that the session's memory differs from */
    int state_fd;                            /* a state to begin with; -1: a new session */
    int save_fds[2];                         /* where states go, in turn */
    int pagemap_fd;                          /* /proc/self/pagemap; -1: there is none */
    unsigned saves;                          /* so far */
};

/* Brings the state in `state_fd` back into this process's guest, which is as it was forked.
 * ERROR_INVALID_REQUEST when it is damaged or of another interpreter, ERROR_MEMORY_LIMIT when it
 * needs more than `memory_limit`; the process is then of no use. */
int session_state_restore(struct session_context *context, struct guest *guest,
                          uint64_t memory_limit, struct error *error);

/* The same of a guest that goes on from its last run: -1 with ERROR_MEMORY_LIMIT when it holds more
 * than the next one may have. */
int session_state_check_limit(struct guest *guest, uint64_t memory_limit, struct error *error);

/* Writes the state of the guest, which is between two runs, to the file whose turn it is; at most
 * `limit` bytes. */
void session_state_save(struct session_context *context, struct guest *guest, uint64_t limit,
                        struct session_saved *saved);

#endif
