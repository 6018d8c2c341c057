/* An HTTP/1.1 server for JSON services, on libevent's loop (RFC 9110, RFC 9112).
 *
 * A request is read whole (head and body, within limits and deadlines) before its handler is
 * called, on the thread of the loop. Whatever does not parse, exceed a limit or match a route is
 * answered here. Every error answer is JSON:
 *
 *     {"error":{"kind":"invalid_request","message":"...","field":"code"}}
 *
 * with "field" only where one field is at fault. Every answer carries X-Request-Id: the client's
 * when it is an identifier of at most 64 characters, else a random one. One log line is written per
 * request.
 *
 * A client may take its answer as slowly as it likes, but not stop: when it has taken nothing of
 * what is queued for write_timeout_ms, its connection is reset. It is looked at once in that time,
 * so it takes at most twice as long. What the kernel of the client has acknowledged is taken.
 * All clients together should leave no more than max_unsent_bytes of their answers here. Above it,
 * http_server_has_room tells handlers to give no more, and those clients are reset that have taken
 * nothing for longest, for a second at least; but never the last one: a single answer of any size
 * is sent.
 *
 * Bound to a loopback address, only a Host of localhost, 127.0.0.0/8 or [::1] is served, and always
 * a request whose Origin is not its own Host is refused: a web page in somebody's browser must not
 * reach the service.
 */
#ifndef SHANNON_BASE_HTTP_SERVER_H
#define SHANNON_BASE_HTTP_SERVER_H

#include "base/error.h"
#include "base/json_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http_server;
/* Characters of a request's id. */
#define HTTP_REQUEST_ID_MAXIMUM 64

struct http_request;

/* Answers `request`, now or later: whole, by exactly one call of an http_respond function, or in
 * pieces, see http_respond_begin. The request stays valid until then, or until its gone callback
 * has returned. */
typedef void http_handler(struct http_request *request, void *argument);

/* GET routes also answer HEAD. A path segment written {name} matches any one segment that is not
 * empty; see http_request_parameter. A path that matches with another method only is answered 405
 * with Allow, no match at all 404. */
struct http_route {
    const char *method; /* "GET", "POST", ... */
    const char *path;   /* "/v1/executions/{id}" */
    http_handler *handler;
};

struct http_server_options {
    const char *host;                /* a numeric address or a name */
    uint16_t port;                   /* 0: any free port */
    const struct http_route *routes; /* must outlive the server */
    size_t route_count;
    void *argument;               /* handed to every handler */
    size_t max_body_bytes;        /* 0: 8 MiB. Above it: 413 */
    uint32_t request_timeout_ms;  /* to receive one whole request; 0: 30 s. After it: 408 */
    uint32_t idle_timeout_ms;     /* to keep an idle connection; 0: 75 s */
    uint32_t write_timeout_ms;    /* for a client to take none of its answer; 0: 30 s. See above */
    size_t max_connections;       /* 0: 512. Above it idle ones are closed, or new ones wait */
    size_t max_unsent_bytes;      /* 0: 128 MiB. See above */
    void (*room)(void *argument); /* called from the loop when there is room again; NULL: nobody */
};

/* Listens. Logs "listening" with the fields host and port (the real one). NULL with ERROR_INTERNAL
 * (port taken, no such address). The options are copied but for the routes. */
struct http_server *http_server_start(struct event_base *loop,
                                      const struct http_server_options *options,
                                      struct error *error);

/* The port that it listens on. */
uint16_t http_server_port(const struct http_server *server);

/* Whether clients take their answers, so that there is room for more. Where it is not looked at,
 * what clients leave is limited by their number only. */
bool http_server_has_room(const struct http_server *server);

/* Stops listening, closes idle connections and closes each other one after its answer. Calls
 * `drained` from the loop when none is left, or after `grace_ms` (the rest is then closed). Call
 * once. */
void http_server_drain(struct http_server *server, uint32_t grace_ms,
                       void (*drained)(void *argument), void *argument);

/* Closes everything at once (gone callbacks run) and releases. Accepts NULL. Not from a handler. */
void http_server_free(struct http_server *server);

/* All strings are owned by the request. */
const char *http_request_method(const struct http_request *request);
/* As sent, without the query: "/v1/execute". */
const char *http_request_path(const struct http_request *request);
/* The segment that matched {name}, decoded. NULL when the route has none. */
const char *http_request_parameter(const struct http_request *request, const char *name);
/* The decoded value of a query parameter (the first of that name), or NULL. Valid until the next
 * call. */
const char *http_request_query(struct http_request *request, const char *name);
/* The value of a header (the name in any case; the first of that name), or NULL. */
const char *http_request_header(const struct http_request *request, const char *name);
/* The body; NUL-terminated after `size` bytes. */
const char *http_request_body(const struct http_request *request, size_t *size);
/* The X-Request-Id. Pass it on to the next service. */
const char *http_request_id(const struct http_request *request);
/* The argument of the server. */
void *http_request_server_argument(const struct http_request *request);

/* Calls `gone` once if the connection ends before the answer was given or, of one in pieces, before
 * http_respond_end: the client closed it (one that only shuts down its sending side counts as gone,
 * as with other servers) or took nothing for the write timeout or for longest, memory was short,
 * the grace of http_server_drain was over, or http_server_free was called. Never called below an
 * http_respond function. The request is released after it: do not answer. NULL removes. */
void http_request_on_gone(struct http_request *request, void (*gone)(void *argument),
                          void *argument);

/* The body of a POST, which must be a JSON object; answers 400 by itself and returns NULL when it
 * is not (the request is then no longer valid). A new reference. */
json_t *http_request_json(struct http_request *request);

/* Adds a header to the answer that will be given. Name and value must be free of CR, LF and NUL
 * (otherwise the header is left out). */
void http_response_header(struct http_request *request, const char *name, const char *value);

/* Answers. The request is no longer valid afterwards. */
void http_respond(struct http_request *request, int status, const char *content_type,
                  const void *body, size_t size);

/* Answers with JSON text; `body` is consumed. NULL (memory was short while building it): 500. */
void http_respond_json(struct http_request *request, int status, json_t *body);

/* Answers with an error object. `field` NULL: none. */
void http_respond_error(struct http_request *request, int status, enum error_kind kind,
                        const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Answers with `error`; the status is http_status_of(error->kind). */
void http_respond_failure(struct http_request *request, const struct error *error);

/* Answers with a fault: 400, 413 when it says too large, 500 when memory was short. */
void http_respond_fault(struct http_request *request, const struct json_fault *fault);

/* Begins an answer in pieces, for what is told while a program runs: sends the head. The body
 * follows by http_respond_part; it ends with http_respond_end or http_respond_abort, which release
 * the request. Until then it stays valid, unless its gone callback is called. No other
 * http_respond function may be called, and headers only before this.
 *
 * `status` is one whose answers have a body (not 204 or 304). To HTTP/1.1 the body goes out in
 * chunks (RFC 9112, section 7.1) and the connection is kept for the next request; to HTTP/1.0,
 * which knows none, its end is the close of the connection. To HEAD only the head is sent. For
 * SERVER_SENT_EVENTS_CONTENT_TYPE the head also asks proxies not to collect the pieces
 * (X-Accel-Buffering). What the client sends meanwhile waits for the end. */
void http_respond_begin(struct http_request *request, int status, const char *content_type);

/* Sends `size` bytes of the body as one chunk; nothing when `size` is 0. They are copied.
 *
 * What the client does not take in time is kept in memory, where max_unsent_bytes is all that
 * limits it: look at http_respond_backlog and stop producing, or abort, when it is more than is
 * right. When memory is short, this and later parts are dropped, and soon the connection is reset
 * and the gone callback called. */
void http_respond_part(struct http_request *request, const void *bytes, size_t size);

/* How many bytes of answers are queued for the client of `request` and not yet taken by the kernel:
 * those of this one, and of earlier ones on its connection. 0: the client keeps up. */
size_t http_respond_backlog(const struct http_request *request);

/* Ends an answer in pieces. What is queued still goes out. The request is no longer valid. */
void http_respond_end(struct http_request *request);

/* Ends an answer in pieces that cannot be completed, so that the client can tell: the last chunk is
 * not sent and the connection is closed (to HTTP/1.0 it is reset, and pieces on their way may be
 * lost). `error` stands in the log line. The request is no longer valid. */
void http_respond_abort(struct http_request *request, const struct error *error);

/* The status that stands for `kind` when a call as a whole failed: ok 200, invalid_request 400,
 * busy 429 (http_respond_failure adds Retry-After: 1), interpreter_not_found and killed 503,
 * timeout 504, any other 500. */
int http_status_of(enum error_kind kind);

#endif
