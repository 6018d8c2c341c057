/* The zygote: one process per interpreter that has loaded and initialised it, and that forks a
 * child for every execution.
 *
 * It is executed afresh (`shannon zygote`, so it shares no secret and no address layout with the
 * service), and it runs no guest program itself. When it dies it is started again at the next
 * execution.
 */
#ifndef SHANNON_SANDBOX_ZYGOTE_H
#define SHANNON_SANDBOX_ZYGOTE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct zygote;

struct zygote_options {
    const char *interpreter; /* path of the .wasm file; copied */
    const char *const
        *allowed_paths; /* host folders the guest may read, at the same path; copied */
    size_t allowed_path_count;
    const char *const *variables; /* NAME=VALUE in the environment of every execution; copied */
    size_t variable_count;
};

/* Starts the process and returns at once; the interpreter is ready some time later (executions
 * started before wait for it). Translating a new interpreter can take minutes the first time. NULL
 * with ERROR_INTERPRETER_NOT_FOUND or ERROR_INTERNAL. */
struct zygote *zygote_start(struct event_base *loop, const struct zygote_options *options,
                            struct error *error);

enum zygote_state {
    ZYGOTE_STARTING,
    ZYGOTE_READY,
    ZYGOTE_FAILED /* see `zygote_error`; the next execution tries again */
};

enum zygote_state zygote_state(const struct zygote *zygote);

/* Why the state is ZYGOTE_FAILED; owned by the zygote. */
const struct error *zygote_error(const struct zygote *zygote);

/* The process, or -1 when none lives. */
pid_t zygote_pid(const struct zygote *zygote);

/* Ends the process and every execution that is under way (their `done` is called with ERROR_KILLED
 * before this returns). Accepts NULL. */
void zygote_stop(struct zygote *zygote);

#endif
