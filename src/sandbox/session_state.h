/* The state of a session: what its interpreter has that the zygote's memory image has not. */
#ifndef SHANNON_SANDBOX_SESSION_STATE_H
#define SHANNON_SANDBOX_SESSION_STATE_H

#include <stdint.h>

/* What a guest process says after it wrote its state (GUEST_CHANNEL_SAVED). */
struct session_saved {
    uint32_t status; /* enum error_kind; ERROR_OK: the state is in the other of the two files now */
    uint32_t reserved;
    uint64_t size; /* of the state, in bytes */
};

#endif
