/* The zygote's own side: what `shannon zygote` does. See zygote.h. */
#ifndef SHANNON_SANDBOX_ZYGOTE_PROCESS_H
#define SHANNON_SANDBOX_ZYGOTE_PROCESS_H

#include "sandbox/guest.h"

#include <stdint.h>
#include <sys/types.h>

struct zygote_process_options {
    struct guest_options guest;
    pid_t service;         /* when it dies, so does the zygote */
    uint64_t timeout_ms;   /* the most wall time that a run may be given */
    uint64_t memory_bytes; /* the most memory */
    uint64_t state_bytes;  /* the most that a session's state may take */
};

/* Loads and initialises the interpreter, says so on ZYGOTE_SOCKET_FD, and forks a guest process for
 * each request until the socket closes. Returns the exit status of the process. */
int zygote_process_main(const struct zygote_process_options *options);

#endif
