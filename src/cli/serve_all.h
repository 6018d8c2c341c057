/* All three services under one parent: `shannon serve` without a name. */
#ifndef SHANNON_CLI_SERVE_ALL_H
#define SHANNON_CLI_SERVE_ALL_H

#include "base/config.h"
#include "base/error.h"

/* Starts a process for each service, with `config_file` (may be NULL) as its --config, and waits.
 * SIGTERM, SIGINT and SIGHUP are passed on, and it returns 0 when all have ended. A service that
 * ends by itself is started again, after a pause that grows to 10 s while it keeps failing; one
 * that cannot start at all (exit status 125 within its first second, as for a port that is taken)
 * ends the others, and this returns -1. When this process is killed, so are the services. */
int serve_all(const struct config *config, const char *config_file, struct error *error);

#endif
