/* The zygote's own side: what `shannon zygote` does. See zygote.h. */
#ifndef SHANNON_SANDBOX_ZYGOTE_PROCESS_H
#define SHANNON_SANDBOX_ZYGOTE_PROCESS_H

#include "sandbox/guest.h"

/* Loads and initialises the interpreter, says so on ZYGOTE_SOCKET_FD, and forks a child for every
 * request until the socket closes. `parent` is the service's process; when it dies, so does this
 * one. Returns the exit status of the process. */
int zygote_process_main(const struct guest_options *options, int parent);

#endif
