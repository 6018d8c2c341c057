/* Runs one execution in the foreground: the loop, Ctrl-C, and the exit status of the process. */
#ifndef SHANNON_CLI_SUPERVISE_H
#define SHANNON_CLI_SUPERVISE_H

#include "base/error.h"
#include "sandbox/execution.h"
#include "sandbox/guest.h"

#include <stdbool.h>

enum supervise_form {
    SUPERVISE_PYTHON,  /* a program; standard streams are passed through */
    SUPERVISE_JSON,    /* a program; everything is printed as one JSON object at the end */
    SUPERVISE_COMMAND, /* a WASI module; standard streams are passed through */
};

/* Runs `request` and returns the exit status of `shannon COMMAND`. A result that is not the
 * program's own ending is explained on standard error. `options->progress` is set here. SIGINT,
 * SIGTERM and SIGHUP end the execution; nothing is left behind. */
int supervise(const char *command, enum supervise_form form, struct guest_options *options,
              const struct execution_request *request);

#endif
