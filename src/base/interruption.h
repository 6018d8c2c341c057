/* Ctrl-C during long work that has no event loop: the work blocks the signals that ask a process to
 * end, looks between two steps whether one is pending, and tidies up before it obeys. */
#ifndef SHANNON_BASE_INTERRUPTION_H
#define SHANNON_BASE_INTERRUPTION_H

#include <signal.h>

/* Blocks SIGINT, SIGTERM and SIGHUP in this thread; `former` gets the mask to restore. */
void interruption_block(sigset_t *former);

/* The number of such a signal that is blocked and pending, or 0. */
int interruption_pending(void);

#endif
