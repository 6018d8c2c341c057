/* What the files of agent-core share. Not for others. */
#ifndef SHANNON_AGENT_CORE_AGENT_CORE_INTERNAL_H
#define SHANNON_AGENT_CORE_AGENT_CORE_INTERNAL_H

#include "agent_core/execution_metrics.h"
#include "agent_core/execution_queue.h"
#include "agent_core/interpreter_pool.h"
#include "agent_core/session_store.h"
#include "base/config.h"
#include "base/http_server.h"
#include "sandbox/walls.h"

struct event_base;

struct agent_core {
    const struct config *config;
    struct event_base *loop;
    struct http_server *server;
    struct interpreter_pool *interpreters; /* NULL once the service is stopping */
    struct session_store *sessions;
    struct execution_queue *queue;
    struct execution_metrics metrics;
    wall_set walls;                   /* that this machine permits */
    struct session_copy_list *copies; /* session_routes.c: those that wait */
};

/* Answers a request that was still arriving when the service began to stop. Whether it did. */
bool agent_core_refuse_when_stopping(struct agent_core *core, struct http_request *request);

/* execute_route.c: POST /v1/execute. The argument is the struct agent_core. */
http_handler execute_route_execute;

/* session_routes.c: /v1/sessions. */
http_handler session_routes_list;
http_handler session_routes_describe;
http_handler session_routes_delete;
http_handler session_routes_fork;

/* session_routes.c: room for copies that wait until their session is no longer busy; NULL when
 * memory is short. `try` makes those that can be made now. */
struct session_copy_list *session_copies_new(void);
void session_copies_try(struct agent_core *core);

/* Answers those that still wait: the service is stopping. Accepts NULL. */
void session_copies_free(struct session_copy_list *copies);

#endif
