/* The parts of the HTTP server that its files share. Private to the HTTP server.
 *
 * A connection is READING a request, HANDLING one (its handler has been called and the answer is
 * not or not all given yet), CLOSING (the last answer is on its way) or LINGERING (what the client
 * still sends is discarded, so that the kernel does not reset the connection before the client has
 * read the answer).
 */
#ifndef SHANNON_BASE_HTTP_CONNECTION_H
#define SHANNON_BASE_HTTP_CONNECTION_H

#include "base/buffer.h"
#include "base/http_parser.h"
#include "base/http_server.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <time.h>

#define HTTP_PARAMETER_MAXIMUM 4
struct http_connection;

/* An answer in pieces: what its head said. */
struct http_pieces {
    int status;
    bool chunked;      /* its parts are chunks */
    bool close_is_end; /* they are not, and the close of the connection is all that ends them */
    bool close;        /* the connection is closed after it */
};

struct http_request {
    struct http_connection *connection;
    const struct http_route *route;
    char id[HTTP_REQUEST_ID_MAXIMUM + 1];
    uint64_t started_us; /* when its first byte came, on the monotonic clock */
    struct buffer parameters[HTTP_PARAMETER_MAXIMUM]; /* decoded, in the order of the route */
    struct buffer query;                              /* decoded value, see http_request_query */
    struct buffer headers;                            /* of the answer, beyond the usual ones */
    struct http_pieces pieces;
    struct error failure; /* what an error answer said, for the log */
    void (*gone)(void *argument);
    void *gone_argument;
};

enum http_connection_state {
    HTTP_CONNECTION_READING,
    HTTP_CONNECTION_HANDLING,
    HTTP_CONNECTION_CLOSING,
    HTTP_CONNECTION_LINGERING,
};

struct http_connection {
    TAILQ_ENTRY(http_connection) link; /* in the order of their last answer, or of accepting */
    struct http_server *server;
    struct bufferevent *stream;
    struct event *deadline;
    struct event *resume; /* made active to look at input that is already here */
    enum http_connection_state state;
    bool processing;     /* its input is being looked at, further up the stack */
    bool continue_given; /* "100 Continue" was sent for the current message */
    bool peer_ended;     /* nothing more will come from the client */
    uint64_t queued;     /* bytes of answers, since it began */
    uint64_t taken;      /* of these, acknowledged by the client when it was last looked */
    uint64_t took_us;    /* when the kernel last took some of what is queued, or nothing was */
    bool reset;          /* its close must not look like the end of an answer */
    bool broken;         /* bytes of an answer are missing: it is about to be reset */
    struct http_parser parser;
    struct http_request request; /* the current one */
};

struct http_server {
    struct http_server_options options;
    struct event_base *loop;
    struct evconnlistener *listener;
    struct event *pause; /* ends a pause of accepting after a failure */
    uint16_t port;
    bool loopback;
    time_t date_time; /* of `date`, which stands in the answers of this second */
    char date[64];
    TAILQ_HEAD(, http_connection) connections;
    size_t connection_count;
    size_t unsent;          /* the backlogs of all connections but of broken ones */
    struct event *crowding; /* pending while `unsent` is more than it should be */
    bool draining;
    struct event *drain_end;
    void (*drained)(void *argument);
    void *drained_argument;
};

/* Microseconds of the monotonic clock. */
uint64_t http_now_us(void);

/* Takes over the connected socket `fd`. 0, or -1 (fd closed) when memory is short. */
int http_connection_new(struct http_server *server, int fd);

/* Tells the handler's gone callback, closes and releases. */
void http_connection_free(struct http_connection *connection);

/* Bytes that are queued and that the kernel has not taken. */
size_t http_connection_backlog(const struct http_connection *connection);

/* Whether it waits for a request of which nothing has come and has nothing to send. */
bool http_connection_is_idle(const struct http_connection *connection);

/* Queues the parts, in this order; breaks the connection when memory is short. */
void http_connection_send(struct http_connection *connection, const struct iovec *parts,
                          size_t count);

/* Resets the connections that are in the way of others, and tells when there is room again; the
 * callback of `crowding`. */
void http_connection_make_room(evutil_socket_t fd, short what, void *argument);

/* Resets and releases the connection from the loop, soon: an answer that was cut short must not be
 * taken for a whole one. Nothing more is queued. */
void http_connection_break(struct http_connection *connection);

/* The answer to the current request was queued. `close` after it. */
void http_connection_answered(struct http_connection *connection, bool close);

/* Called by http_connection_free, after the connection has left the list. */
void http_server_connection_gone(struct http_server *server);

/* Finds the handler of the connection's request and calls it, or answers. */
void http_route_request(struct http_request *request);

/* Appends the head of an answer. `framing` is the line that says where its body ends, "" when the
 * close of the connection does. 0, or -1 when memory is short. */
int http_response_append_head(struct buffer *head, const struct http_request *request, int status,
                              const char *content_type, const char *framing, bool close);

/* Whether the answer has no body because only its head was asked for. */
bool http_request_is_head(const struct http_request *request);

/* Whether the connection is closed after the answer, as far as is known now. */
bool http_request_closes(const struct http_request *request);

/* Logs the request's one line. `status` 499: the client went away. */
void http_request_log(const struct http_request *request, int status);

/* Releases what belongs to the request. */
void http_request_clear(struct http_request *request);

#endif
