/* The life of a guest process, from fork to exit: its descriptors, its walls, one program, one
 * report. Runs in the child only; never returns. */
#ifndef SHANNON_SANDBOX_EXECUTION_CHILD_H
#define SHANNON_SANDBOX_EXECUTION_CHILD_H

#include "sandbox/guest.h"
#include "sandbox/lockdown.h"

#include <sys/types.h>

/* Where the report goes in every guest process. */
#define EXECUTION_REPORT_FD 3

struct execution_child {
    struct guest *guest; /* loaded; a reactor is initialised too */
    const struct lockdown *lockdown;
    pid_t parent;   /* who must stay alive */
    int request;    /* descriptor of a run_request */
    int report;     /* write end of the report pipe */
    int streams[3]; /* become 0, 1 and 2; -1: left as they are */
};

/* Gives up the signal handlers that came with the fork. A terminal sends SIGINT and SIGHUP to the
 * whole group at once: they are the parent's to answer, which ends this process itself, and are
 * ignored here, or the parent could take the end for a killing from outside. */
void execution_child_take_signals(void);

/* Runs the request in this process and exits with 0 once the report is written, 1 otherwise. */
_Noreturn void execution_child_run(const struct execution_child *child);

/* Reports a failure to begin, and exits. */
_Noreturn void execution_child_fail(int report, const struct error *error);

/* Wall limits of over an hour and none at all give the same backstop: an hour of processor time. */
uint32_t execution_child_processor_seconds(uint32_t timeout_ms);

#endif
