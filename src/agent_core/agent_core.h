/* The service that runs Python: HTTP/JSON over the sandbox. */
#ifndef SHANNON_AGENT_CORE_AGENT_CORE_H
#define SHANNON_AGENT_CORE_AGENT_CORE_H

#include "base/config.h"
#include "base/error.h"

/* Serves on agent_core.host and agent_core.port until SIGTERM or SIGINT, then ends every execution
 * and every zygote and returns 0. -1 with an error when it cannot start (port taken, loop failed);
 * a missing interpreter is not such a case: it is reported by /ready and by each execution, and
 * looked for again.
 *
 * Forgets the secrets of `config` (config_forget_secrets) and configures the logger. `config` is
 * borrowed until it returns. */
int agent_core_serve(struct config *config, struct error *error);

#endif
