/* Shared by the files that run executions: execution.c, zygote.c and session.c. */
#ifndef SHANNON_SANDBOX_EXECUTION_INTERNAL_H
#define SHANNON_SANDBOX_EXECUTION_INTERNAL_H

#include "sandbox/execution.h"
#include "sandbox/guest_child.h"

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct session_process;

/* One that waits for a guest process. Whoever it waits at gives it one, or an error. */
struct execution_waiter {
    TAILQ_ENTRY(execution_waiter) link;
    bool waiting; /* it is in a list */
    struct execution *execution;
};

TAILQ_HEAD(execution_waiters, execution_waiter);

struct event_base *zygote_loop(const struct zygote *zygote);

/* The most wall time that a run in one of its processes may be given. */
uint64_t zygote_timeout_ms(const struct zygote *zygote);

/* Asks for a guest process: execution_given is called, now or later, or execution_refused. -1 with
 * an error when none can be had (neither is then called). */
int zygote_ask(struct zygote *zygote, struct execution_waiter *waiter, struct error *error);

/* An execution that had a process of the zygote's is over: it is time to fork others. */
void zygote_run_ended(struct zygote *zygote);

/* Takes back what zygote_ask asked for. */
void zygote_forget(struct zygote *zygote, struct execution_waiter *waiter);

/* A guest process failed in a way that nobody can explain: those that come after it shall not be
 * forked from the same zygote process. */
void zygote_suspect(struct zygote *zygote);

/* The same of a session's process, for a run of at most `timeout_ms`; execution_refused comes as
 * well when it cannot be had. After -1 `process` is of no use: session_process_failed. */
int session_process_ask(struct session_process *process, struct execution_waiter *waiter,
                        uint64_t timeout_ms, struct error *error);
/* In place of the process that it gave, which died before the run began: another one. -1 with an
 * error: there is none, and nothing is awaited. */
int session_process_renew(struct session_process *process, struct execution_waiter *waiter,
                          struct error *error);
void session_process_forget(struct session_process *process, struct execution_waiter *waiter);
struct zygote *session_process_zygote(const struct session_process *process);

/* The execution that had its process gives it back: the run went well and its state, `size` bytes,
 * was saved. */
void session_process_saved(struct session_process *process, struct guest_child *child,
                           uint64_t size);

/* Or: the process is of no further use, and has been ended. */
void session_process_failed(struct session_process *process);

/* Gives the execution a guest process, which is then its own; it runs. */
void execution_given(struct execution *execution, struct guest_child *child);

/* There will be no guest process; calls `done` and frees the execution. */
void execution_refused(struct execution *execution, const struct error *error);

#endif
