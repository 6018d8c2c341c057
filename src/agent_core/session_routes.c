/* /v1/sessions: listing, describing, copying and deleting sessions. */
#include "agent_core/agent_core_internal.h"
#include "agent_core/session_record.h"
#include "base/json_fields.h"
#include "base/random_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A copy that waits for its session. */
struct waiting_copy {
    TAILQ_ENTRY(waiting_copy) link;
    struct http_request *request; /* NULL when the client is gone */
    char from[SESSION_ID_MAXIMUM + 1];
    char to[SESSION_ID_MAXIMUM + 1];
};

struct session_copy_list {
    TAILQ_HEAD(, waiting_copy) copies;
};

/* ---- telling ---- */

static void answer_missing(struct http_request *request)
{
    http_respond_error(request, 404, ERROR_INVALID_REQUEST, "session_id",
                       "there is no such session");
}

/* The session that the path names, which has a state; NULL: the request was answered. */
static struct session *find(struct agent_core *core, struct http_request *request)
{
    struct session *session =
        session_store_find(core->sessions, http_request_parameter(request, "id"));
    if (session != NULL && (session_has_state(session) || session_is_busy(session)))
        return session;
    answer_missing(request);
    return NULL;
}

void session_routes_list(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    json_t *list = session_store_describe(core->sessions);
    http_respond_json(request, 200,
                      list == NULL ? NULL
                                   : json_pack("{s:o, s:I}", "sessions", list, "count",
                                               (json_int_t)json_array_size(list)));
}

void session_routes_describe(struct http_request *request, void *argument)
{
    struct session *session = find(argument, request);
    if (session != NULL)
        http_respond_json(request, 200, session_describe(session));
}

/* ---- deleting ---- */

void session_routes_delete(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    const char *id = http_request_parameter(request, "id");
    if (session_store_delete_unreadable(core->sessions, id)) {
        http_respond_json(request, 200, json_pack("{s:s, s:b}", "session_id", id, "deleted", 1));
        return;
    }
    struct session *session = find(core, request);
    if (session == NULL)
        return;
    json_t *answer = json_pack("{s:s, s:b}", "session_id", session_id(session), "deleted", 1);
    execution_queue_cancel_session(core->queue, session);
    session_delete(session);
    http_respond_json(request, 200, answer);
}

/* ---- copying ---- */

/* Takes the new session's id from the body, or makes one up. -1: the request was answered. */
static int read_new_id(struct http_request *request, char id[SESSION_ID_MAXIMUM + 1])
{
    size_t size;
    struct json_field_text given = {0};
    struct json_fault fault = JSON_FAULT_NONE;
    const struct json_field fields[] = {{"session_id", JSON_FIELD_TEXT, .text = &given}};
    (void)http_request_body(request, &size);
    if (size > 0) {
        json_t *body = http_request_json(request);
        if (body == NULL)
            return -1;
        if (json_fields_read(body, fields, 1, &fault) == 0 && given.bytes != NULL &&
            !session_id_is_valid(given.bytes))
            json_fault_set(&fault, "session_id",
                           "session_id must be 1 to 128 characters of A-Z, a-z, 0-9, \":\", "
                           "\"_\", \".\" and \"-\"");
        if (fault.error.kind == ERROR_OK && given.bytes != NULL)
            (void)snprintf(id, SESSION_ID_MAXIMUM + 1, "%s", given.bytes);
        json_decref(body);
    }
    if (fault.error.kind == ERROR_OK && given.bytes == NULL && random_id_make(id, 32) != 0)
        error_set(&fault.error, ERROR_INTERNAL, "there are no random bytes");
    if (fault.error.kind == ERROR_OK)
        return 0;
    http_respond_fault(request, &fault);
    return -1;
}

static void copy_now(struct agent_core *core, struct session *session, const char *id,
                     struct http_request *request)
{
    struct error error = ERROR_NONE;
    bool exists = false;
    if (!session_has_state(session)) {
        answer_missing(request);
    } else if (session_copy(session, id, &exists, &error) == 0) {
        const struct session *copy = session_store_find(core->sessions, id);
        http_respond_json(request, 201, copy == NULL ? NULL : session_describe(copy));
    } else if (exists) {
        http_respond_error(request, 409, ERROR_INVALID_REQUEST, "session_id", "%s", error.message);
    } else {
        http_respond_failure(request, &error);
    }
}

static void on_gone(void *argument)
{
    struct waiting_copy *copy = argument;
    copy->request = NULL; /* the next try removes it */
}

static void wait_for(struct agent_core *core, const struct session *session, const char *id,
                     struct http_request *request)
{
    struct waiting_copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "out of memory");
        return;
    }
    copy->request = request;
    (void)snprintf(copy->from, sizeof(copy->from), "%s", session_id(session));
    (void)snprintf(copy->to, sizeof(copy->to), "%s", id);
    TAILQ_INSERT_TAIL(&core->copies->copies, copy, link);
    http_request_on_gone(request, on_gone, copy);
}

void session_routes_fork(struct http_request *request, void *argument)
{
    struct agent_core *core = argument;
    char id[SESSION_ID_MAXIMUM + 1];
    if (agent_core_refuse_when_stopping(core, request))
        return;
    struct session *session = find(core, request);
    if (session == NULL || read_new_id(request, id) != 0)
        return;
    if (session_is_busy(session))
        wait_for(core, session, id, request);
    else
        copy_now(core, session, id, request);
}

struct session_copy_list *session_copies_new(void)
{
    struct session_copy_list *copies = calloc(1, sizeof(*copies));
    if (copies != NULL)
        TAILQ_INIT(&copies->copies);
    return copies;
}

static void take_off(struct session_copy_list *copies, struct waiting_copy *copy)
{
    TAILQ_REMOVE(&copies->copies, copy, link);
    if (copy->request != NULL)
        http_request_on_gone(copy->request, NULL, NULL);
}

void session_copies_try(struct agent_core *core)
{
    struct session_copy_list *copies = core->copies;
    struct waiting_copy *next;
    if (copies == NULL) /* the service is stopping */
        return;
    for (struct waiting_copy *copy = TAILQ_FIRST(&copies->copies); copy != NULL; copy = next) {
        struct session *session = session_store_find(core->sessions, copy->from);
        next = TAILQ_NEXT(copy, link);
        if (copy->request != NULL && session != NULL && session_is_busy(session))
            continue;
        take_off(copies, copy);
        if (copy->request != NULL && session == NULL)
            answer_missing(copy->request);
        else if (copy->request != NULL)
            copy_now(core, session, copy->to, copy->request);
        free(copy);
    }
}

void session_copies_free(struct session_copy_list *copies)
{
    struct waiting_copy *copy;
    while (copies != NULL && (copy = TAILQ_FIRST(&copies->copies)) != NULL) {
        take_off(copies, copy);
        if (copy->request != NULL)
            http_respond_error(copy->request, 503, ERROR_KILLED, NULL, "the service is stopping");
        free(copy);
    }
    free(copies);
}
