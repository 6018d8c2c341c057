/* Shared by execution.c and zygote.c only: how the two hand executions to each other. */
#ifndef SHANNON_SANDBOX_EXECUTION_INTERNAL_H
#define SHANNON_SANDBOX_EXECUTION_INTERNAL_H

#include "sandbox/execution.h"
#include "sandbox/zygote_protocol.h"

#include <stdbool.h>
#include <sys/types.h>

struct event_base;

/* Where an execution stands. It only moves down this list (and from SENT back to WAITING once, when
 * the zygote died before it began). */
enum execution_state {
    EXECUTION_WAITING, /* not given to a zygote yet */
    EXECUTION_SENT,    /* given, no reply yet */
    EXECUTION_RUNNING, /* a process runs it */
    EXECUTION_ENDED    /* `done` is being called */
};

/* A list link: executions of one zygote. */
struct execution_link {
    struct execution *previous;
    struct execution *next;
};

struct event_base *zygote_loop(const struct zygote *zygote);

/* Puts a new execution on the zygote's list and sends it when the zygote is ready. `descriptors`
 * stay the execution's. -1 when the zygote cannot take it. */
int zygote_submit(struct zygote *zygote, struct execution *execution, struct error *error);

/* Takes an execution off the zygote's list. */
void zygote_forget(struct zygote *zygote, struct execution *execution);

/* What zygote.c reads and changes of an execution. */
uint64_t execution_number(const struct execution *execution);
void execution_set_number(struct execution *execution, uint64_t number);
enum execution_state execution_state(const struct execution *execution);
struct execution_link *execution_link(struct execution *execution);
pid_t execution_pid(const struct execution *execution);

/* The descriptors to send, in the order of enum zygote_descriptor. */
const int *execution_descriptors(const struct execution *execution);
void execution_was_sent(struct execution *execution);

/* The process `pid`, a child of this one, runs it: closes what was sent and starts the clock. */
void execution_began(struct execution *execution, pid_t pid);

/* It will never run; calls `done` and frees it. */
void execution_failed(struct execution *execution, const struct error *error);

/* The zygote died before it replied. Whether it may be sent to another: once. */
bool execution_may_retry(struct execution *execution);

/* Ends it now, waiting for its process, with ERROR_KILLED; calls `done` and frees it. */
void execution_end_now(struct execution *execution);

#endif
