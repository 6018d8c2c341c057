/* The process in which a session lives while it is hot: a guest process that is kept between runs
 * and saves its state after each that went well.
 *
 * What it saved last is all that counts: whatever happens to the process afterwards, the session
 * goes on from there in another one.
 */
#ifndef SHANNON_SANDBOX_SESSION_PROCESS_H
#define SHANNON_SANDBOX_SESSION_PROCESS_H

#include "base/error.h"
#include "sandbox/execution.h"
#include "sandbox/memory_image.h"

#include <stdbool.h>
#include <stdint.h>

struct session_process;
struct zygote;

/* A state to begin with. */
struct session_source {
    int state_fd;               /* as session_state.h describes it; borrowed for the call */
    struct memory_image *image; /* that it differs from */
};

struct session_process_listener {
    /* A run went well and its state is in `state_fd`, which is the process's and changes only at
     * the next call; it is the difference from `image`. Before the execution's `done`. */
    void (*saved)(void *argument, int state_fd, uint64_t size, struct memory_image *image);
    /* The process is gone or of no use, and this object with it. Not below session_process_end. */
    void (*lost)(void *argument);
    void *argument;
};

/* Makes a process for a session, which begins with `source` or (NULL) as a fresh interpreter. It is
 * there some time later; executions wait for it. NULL with ERROR_INTERNAL, ERROR_INVALID_REQUEST
 * when the interpreter cannot keep sessions. */
struct session_process *session_process_start(struct zygote *zygote,
                                              const struct session_source *source,
                                              const struct session_process_listener *listener,
                                              struct error *error);

/* Starts an execution in it; one at a time. One that ends otherwise than with ERROR_OK ends the
 * process: `lost` is called before its `done`. `duplicate`: the state is a copy of another
 * session's, from which this one is to differ. At most `state_limit` bytes of state are saved; a
 * run that leaves more ends with ERROR_MEMORY_LIMIT. Otherwise as execution_start. */
struct execution *execution_start_in_session(struct session_process *process,
                                             const struct execution_request *request,
                                             bool duplicate, uint64_t state_limit,
                                             const struct execution_listener *listener,
                                             struct error *error);

/* Ends the process, which must not be running an execution. Accepts NULL. */
void session_process_end(struct session_process *process);

#endif
