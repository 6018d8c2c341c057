/* The zygote: one process per interpreter that has loaded and initialised it, and that forks a
 * guest process for every execution.
 *
 * It is executed afresh (`shannon zygote`, so it shares no secret and no address layout with the
 * service), and it runs no program itself. Guest processes are forked ahead of the requests and
 * wait; how many follows how many are asked for. When the zygote dies it is started again; what its
 * forks have in common (address layout, hash secret) is renewed by replacing it after a number of
 * forks, and after any failure that nobody can explain.
 */
#ifndef SHANNON_SANDBOX_ZYGOTE_H
#define SHANNON_SANDBOX_ZYGOTE_H

#include "base/error.h"
#include "sandbox/walls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct memory_image;
struct zygote;

struct zygote_options {
    const char *interpreter; /* path of the .wasm file; copied */
    const char *const
        *allowed_paths; /* host folders the guest may read, at the same path; copied */
    size_t allowed_path_count;
    const char *const *variables; /* NAME=VALUE in the environment of every execution; copied */
    size_t variable_count;
    uint64_t timeout_ms;    /* the most that an execution may ask for */
    uint64_t memory_bytes;  /* the same */
    uint64_t state_bytes;   /* the most that a session's state may take */
    size_t spares_maximum;  /* guest processes that wait, at most; at least 1 */
    uint64_t forks_maximum; /* after so many the process is replaced; 0: never */
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

/* Counts, for metrics and tests. */
struct zygote_counts {
    size_t spares;        /* guest processes that wait for a request */
    size_t spares_wanted; /* how many there would be, had nothing just been asked for */
    size_t waiting;       /* executions that wait for a guest process */
    uint64_t forks;       /* guest processes made, ever */
    uint64_t starts;      /* zygote processes started, ever */
};

struct zygote_counts zygote_counts(const struct zygote *zygote);

/* The walls around its guest processes; of a zygote that is or was ready. */
wall_set zygote_walls(const struct zygote *zygote);

/* SHA-256 of the interpreter, INTERPRETER_DIGEST_SIZE bytes; NULL while it is not known. */
const uint8_t *zygote_interpreter(const struct zygote *zygote);

/* What its guest processes' memory is as they are forked; borrowed. NULL while it is not known, and
 * when the interpreter keeps no sessions. */
struct memory_image *zygote_image(const struct zygote *zygote);

/* Ends the process and the guest processes that wait. Executions that wait are ended (their `done`
 * is called with ERROR_KILLED before this returns); those that run go on. Accepts NULL. */
void zygote_stop(struct zygote *zygote);

#endif
