/* An asynchronous HTTP client on libevent's loop, by libcurl.
 *
 * libcurl is loaded on the first http_client_new (http_client_curl.c): a process that calls nobody
 * never holds it. http and https only; redirects are not followed; connections are kept alive;
 * certificates are verified.
 */
#ifndef SHANNON_BASE_HTTP_CLIENT_H
#define SHANNON_BASE_HTTP_CLIENT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http_client;
struct http_call;

/* NULL with ERROR_INTERNAL when libcurl is not installed. One a process is enough. */
struct http_client *http_client_new(struct event_base *loop, struct error *error);

/* Cancels what is under way and releases. Accepts NULL. Not from a `done`. */
void http_client_free(struct http_client *client);

/* Everything is copied by http_call_start. */
struct http_call_options {
    const char *method; /* "GET", "POST", "DELETE", ...; NULL: POST with a body, else GET */
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    const char *body;
    size_t body_size;
    uint32_t connect_timeout_ms; /* 0: 5 s */
    uint32_t total_timeout_ms;   /* 0: 60 s */
    size_t max_response_bytes;   /* 0: 16 MiB */
    bool use_proxy; /* that the environment names (https_proxy, ...); never for loopback */
};

/* Valid during the callback only. */
struct http_reply {
    int status;
    const char *body; /* NUL-terminated after `body_size` bytes; never NULL */
    size_t body_size;
    const char *content_type; /* "" when the server sent none, as the next two */
    const char *request_id;   /* X-Request-Id */
    const char *retry_after;  /* Retry-After */
};

/* Called once, from the loop. Any HTTP status is a reply. `reply` is NULL when there was none:
 * `error` is then ERROR_TIMEOUT (a time limit of the call), ERROR_INVALID_REQUEST (the URL) or
 * ERROR_INTERNAL (no connection, TLS, an answer that is no HTTP or too large), and names the host
 * but never a header. The call is released after it. */
typedef void http_call_done(void *argument, const struct http_reply *reply,
                            const struct error *error);

/* Starts a call. NULL with an error when it cannot be started; `done` is then never called, and
 * never before this returns. */
struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_options *options, http_call_done *done,
                                  void *argument, struct error *error);

/* Ends the call; `done` is not called. Not from its own `done`. */
void http_call_cancel(struct http_call *call);

#endif
