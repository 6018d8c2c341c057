/* The life of a guest process, from fork to exit: its walls, and one run, or of a session one after
 * another. Runs in the process only; never returns. */
#ifndef SHANNON_SANDBOX_GUEST_PROCESS_H
#define SHANNON_SANDBOX_GUEST_PROCESS_H

#include "sandbox/guest.h"
#include "sandbox/lockdown.h"
#include "sandbox/session_state.h"

#include <stdbool.h>
#include <stdint.h>

struct guest_process {
    struct guest *guest; /* loaded; a reactor is initialised too */
    struct lockdown *lockdown;
    bool captured; /* guest_capture was called; otherwise 0, 1 and 2 are the program's own */
    bool copy;     /* forked from a zygote: to be warmed and refreshed */
    bool hurry;    /* somebody waits for this copy */
    struct session_context *session; /* NULL: one run */
};

/* Gives up the signal handlers that came with the fork. A terminal sends SIGINT and SIGHUP to the
 * whole group at once: they are the parent's to answer, which ends this process itself, and are
 * ignored here, or the parent could take the end for a killing from outside. */
void guest_process_take_signals(void);

/* Locks this process down, runs the requests that come through GUEST_CHANNEL_FD, and exits. */
_Noreturn void guest_process_run(const struct guest_process *process);

/* Reports a failure to begin, and exits. */
_Noreturn void guest_process_fail(const struct error *error);

/* Seconds of processor time for a process whose runs may take `timeout_ms` of wall time. */
uint32_t guest_process_processor_seconds(uint64_t timeout_ms);

#endif
