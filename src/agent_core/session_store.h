/* The sessions of a service: whole interpreters that are kept between requests.
 *
 * What counts of a session is the state that its last good run left. While the session is hot it
 * has a process that holds the same; when it has not been used for a time the state goes to disk
 * and the process ends. Whichever of the three there is, the next run goes on from it.
 */
#ifndef SHANNON_AGENT_CORE_SESSION_STORE_H
#define SHANNON_AGENT_CORE_SESSION_STORE_H

#include "agent_core/interpreter_pool.h"
#include "base/config.h"
#include "base/error.h"
#include "sandbox/execution.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct session;
struct session_store;

/* Reads what was saved. Without a usable folder sessions live in memory only, which is logged.
 * `config` and `pool` must outlive it. NULL with ERROR_INTERNAL. */
struct session_store *session_store_new(struct event_base *loop, const struct config *config,
                                        struct interpreter_pool *pool, struct error *error);

/* Saves what is not saved yet and ends all processes; nothing may be running. For a service that
 * stops: blocks until everything is on disk. */
void session_store_stop(struct session_store *store);

/* After session_store_stop, or without it (then what was not saved is lost). Accepts NULL. */
void session_store_free(struct session_store *store);

/* The session called `id`, or NULL. */
struct session *session_store_find(struct session_store *store, const char *id);

/* The same, which is made when there is none; `interpreter` NULL: the session's own, or the
 * configured one. It is held (session_release). NULL with ERROR_INVALID_REQUEST (bad id, the
 * session has another interpreter), ERROR_BUSY (there are too many, or it is being deleted), or
 * what interpreter_pool_get says. */
struct session *session_store_hold(struct session_store *store, const char *id,
                                   const char *interpreter, struct error *error);
void session_release(struct session *session);

/* Whether a run is under way or the state is being written: then another has to wait. */
bool session_is_busy(const struct session *session);

/* Calls `freed` from the loop whenever a session is no longer busy with being written (the end of a
 * run is told by its `done`). */
void session_store_on_free(struct session_store *store, void (*freed)(void *argument),
                           void *argument);

/* Starts a run in a session that is not busy. As execution_start. */
struct execution *session_start(struct session *session, const struct execution_request *request,
                                const struct execution_listener *listener, struct error *error);

const char *session_id(const struct session *session);

/* Makes a copy called `id` of a session that is not busy and has a state. -1 with
 * ERROR_INVALID_REQUEST (a bad id, or there is one already; `*exists` says which), ERROR_BUSY (too
 * many) or ERROR_INTERNAL. */
int session_copy(struct session *session, const char *id, bool *exists, struct error *error);

/* Whether a run went well in it, so that there is something to go on from. */
bool session_has_state(const struct session *session);

/* Marks it as deleted: it is gone when nobody holds it any more, and its state at once. */
void session_delete(struct session *session);

/* Removes the file of a saved session called `id` that could not be read, and so is no session.
 * Whether there was one. */
bool session_store_delete_unreadable(struct session_store *store, const char *id);

/* A JSON object that describes the session, and a list of all, last used first. New references,
 * NULL when memory is short. */
json_t *session_describe(const struct session *session);
json_t *session_store_describe(const struct session_store *store);

struct session_counts {
    size_t all;
    size_t live;    /* with a process */
    size_t unsaved; /* whose last state is not on disk */
    uint64_t saves; /* to disk, ever */
    uint64_t save_failures;
    uint64_t restores;    /* processes made from a state, ever */
    uint64_t state_bytes; /* of all states */
};

struct session_counts session_store_counts(const struct session_store *store);

#endif
