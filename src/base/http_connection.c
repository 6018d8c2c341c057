/* One connection of the HTTP server, a state machine over libevent's bufferevent. Invariants: at
 * most one request is with a handler at a time; a connection is only released from the loop's own
 * callbacks, never below an http_respond. */
#include "base/http_connection.h"

#include "base/log.h"
#include "base/random_id.h"
#include "base/text.h"

#include <event2/buffer.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What a client may send ahead of an answer before it is no longer read from. */
#define INPUT_MAXIMUM ((size_t)65536)

/* Above this many bytes that a client does not take, its further requests wait. */
#define OUTPUT_MAXIMUM ((size_t)1 << 20)

#define LINGER_MS 2000

/* When there is no room for more answers: for how long a client that takes nothing of its own is
 * waited for, and how often it is looked at. */
#define PATIENCE_US 1000000
#define LOOK_US 100000

uint64_t http_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct timeval time_of(uint32_t milliseconds)
{
    return (struct timeval){.tv_sec = milliseconds / 1000, .tv_usec = (milliseconds % 1000) * 1000};
}

static void set_deadline(struct http_connection *connection, uint32_t milliseconds)
{
    const struct timeval time = time_of(milliseconds);
    (void)event_add(connection->deadline, &time);
}

size_t http_connection_backlog(const struct http_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

static void look_at_room(struct http_server *server);

static void on_backlog_changed(struct evbuffer *output, const struct evbuffer_cb_info *change,
                               void *argument)
{
    struct http_connection *connection = argument;
    (void)output;
    if (connection->broken)
        return;
    connection->server->unsent += change->n_added;
    connection->server->unsent -= change->n_deleted;
    if (change->n_deleted > 0 || change->orig_size == 0)
        connection->took_us = http_now_us();
    look_at_room(connection->server);
}

/* From now on its backlog is not counted: it is gone with the connection, soon. */
static void mark_broken(struct http_connection *connection)
{
    if (!connection->broken)
        connection->server->unsent -= http_connection_backlog(connection);
    connection->broken = true;
    look_at_room(connection->server);
}

/* The connection with a backlog that has taken nothing for longest; NULL when fewer than two have
 * any. */
static struct http_connection *slowest(const struct http_server *server)
{
    struct http_connection *connection;
    struct http_connection *found = NULL;
    size_t count = 0;
    TAILQ_FOREACH(connection, &server->connections, link)
    {
        if (connection->broken || http_connection_backlog(connection) == 0)
            continue;
        count++;
        if (found == NULL || connection->took_us < found->took_us)
            found = connection;
    }
    return count < 2 ? NULL : found;
}

static void cut_off(struct http_connection *connection, uint64_t idle_us)
{
    LOG(LOG_WARNING, "a client that does not take its answer is cut off",
        log_number("left_bytes", (int64_t)http_connection_backlog(connection)),
        log_number("idle_us", (int64_t)idle_us));
    error_set(&connection->request.failure, ERROR_KILLED,
              "the client took nothing of the answer, and all clients together left more than "
              "%zu bytes",
              connection->server->options.max_unsent_bytes);
    mark_broken(connection);
    event_active(connection->resume, 0, 0);
}

void http_connection_make_room(evutil_socket_t fd, short what, void *argument)
{
    struct http_server *server = argument;
    struct http_connection *connection;
    (void)fd;
    (void)what;
    while (!http_server_has_room(server) && (connection = slowest(server)) != NULL) {
        uint64_t idle_us = http_now_us() - connection->took_us;
        if (idle_us < PATIENCE_US)
            break;
        cut_off(connection, idle_us);
    }
    if (http_server_has_room(server)) {
        if (server->options.room != NULL && !server->draining)
            server->options.room(server->options.argument);
    } else {
        static const struct timeval soon = {.tv_usec = LOOK_US};
        (void)event_add(server->crowding, &soon);
    }
}

/* Changes of the backlog come from anywhere; what follows from them does not. */
static void look_at_room(struct http_server *server)
{
    bool pending = event_pending(server->crowding, EV_TIMEOUT, NULL) != 0;
    if (pending == http_server_has_room(server))
        event_active(server->crowding, EV_TIMEOUT, 0);
}

/* How much of all that was queued the client's kernel has acknowledged. tcp(7), SIOCOUTQ. */
static uint64_t taken_size(const struct http_connection *connection)
{
    int unacknowledged = 0;
    (void)ioctl(bufferevent_getfd(connection->stream), SIOCOUTQ, &unacknowledged);
    return connection->queued - http_connection_backlog(connection) - (uint64_t)unacknowledged;
}

bool http_connection_is_idle(const struct http_connection *connection)
{
    return connection->state == HTTP_CONNECTION_READING &&
           connection->parser.state == HTTP_PARSER_IDLE && http_connection_backlog(connection) == 0;
}

/* Gives the request its id: the client's own when it is fit to be logged and sent back. */
static void identify(struct http_request *request, const struct http_message *message)
{
    const char *given = http_message_header(message, "X-Request-Id");
    if (given != NULL && text_is_identifier(given, HTTP_REQUEST_ID_MAXIMUM)) {
        (void)snprintf(request->id, sizeof(request->id), "%s", given);
        return;
    }
    /* One without a name can be answered as well. */
    (void)random_id_make(request->id, 16);
}

static void begin_request(struct http_connection *connection)
{
    (void)event_del(connection->deadline);
    connection->state = HTTP_CONNECTION_HANDLING;
    identify(&connection->request, &connection->parser.message);
}

static void reject(struct http_connection *connection, int status, const char *problem)
{
    begin_request(connection);
    /* The message is not whole, so nothing behind it can be understood. */
    connection->parser.message.keep_alive = false;
    http_respond_error(&connection->request, status,
                       status == 500 ? ERROR_INTERNAL : ERROR_INVALID_REQUEST,
                       status == 413 ? "body" : NULL, "%s", problem);
}

/* Hands to the kernel what it takes now; how many bytes these are. What fails here fails again when
 * the rest is written, and is dealt with there. */
static size_t send_now(const struct http_connection *connection, const struct iovec *parts,
                       size_t count)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    ssize_t sent = sendmsg(bufferevent_getfd(connection->stream), &message, MSG_NOSIGNAL);
    return sent < 0 ? 0 : (size_t)sent;
}

void http_connection_send(struct http_connection *connection, const struct iovec *parts,
                          size_t count)
{
    if (connection->broken)
        return;
    struct evbuffer *output = bufferevent_get_output(connection->stream);
    /* Pipelined answers leave together. */
    bool next_is_due = connection->processing &&
                       evbuffer_get_length(bufferevent_get_input(connection->stream)) > 0;
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    connection->queued += size;
    size_t sent = next_is_due || http_connection_backlog(connection) > 0
                      ? 0
                      : send_now(connection, parts, count);
    /* One chain, so one segment goes out for a small answer. */
    int result = sent == size ? 0 : evbuffer_expand(output, size - sent);
    for (size_t i = 0; i < count && result == 0; i++) {
        size_t skipped = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        sent -= skipped;
        if (parts[i].iov_len > skipped)
            result = evbuffer_add(output, (const char *)parts[i].iov_base + skipped,
                                  parts[i].iov_len - skipped);
    }
    if (result != 0)
        http_connection_break(connection);
}

void http_connection_break(struct http_connection *connection)
{
    error_set(&connection->request.failure, ERROR_INTERNAL, "out of memory");
    mark_broken(connection);
    event_active(connection->resume, 0, 0);
}

static void give_continue(struct http_connection *connection)
{
    static char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct http_parser *parser = &connection->parser;
    bool wants_body = parser->state == HTTP_PARSER_BODY || parser->state == HTTP_PARSER_CHUNK_SIZE;
    if (!wants_body || !parser->message.expects_continue || connection->continue_given)
        return;
    connection->continue_given = true;
    if (parser->message.body.size == 0)
        http_connection_send(connection, &(struct iovec){interim, sizeof(interim) - 1}, 1);
}

/* Feeds the parser with the first run of the input. */
static void feed(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    struct http_parser *parser = &connection->parser;
    struct evbuffer_iovec run;
    if (evbuffer_peek(input, -1, NULL, &run, 1) < 1)
        return;
    if (parser->state == HTTP_PARSER_IDLE) {
        connection->request.started_us = http_now_us();
        set_deadline(connection, connection->server->options.request_timeout_ms);
    }
    size_t taken = http_parser_feed(parser, run.iov_base, run.iov_len);
    (void)evbuffer_drain(input, taken);
    if (parser->state == HTTP_PARSER_DONE) {
        begin_request(connection);
        http_route_request(&connection->request);
    } else if (parser->state == HTTP_PARSER_FAILED) {
        reject(connection, parser->status, parser->problem);
    } else if (evbuffer_get_length(input) == 0) {
        give_continue(connection);
    }
}

static void process(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    connection->processing = true;
    while (connection->state == HTTP_CONNECTION_READING && evbuffer_get_length(input) > 0 &&
           http_connection_backlog(connection) < OUTPUT_MAXIMUM && !connection->broken)
        feed(connection);
    connection->processing = false;
    if (connection->state == HTTP_CONNECTION_CLOSING ||
        connection->state == HTTP_CONNECTION_LINGERING)
        (void)evbuffer_drain(input, evbuffer_get_length(input));
}

void http_connection_answered(struct http_connection *connection, bool close)
{
    struct http_server *server = connection->server;
    http_request_clear(&connection->request);
    connection->continue_given = false;
    TAILQ_REMOVE(&server->connections, connection, link);
    TAILQ_INSERT_TAIL(&server->connections, connection, link);
    set_deadline(connection, server->options.idle_timeout_ms);
    if (close) {
        connection->state = HTTP_CONNECTION_CLOSING;
        if (http_connection_backlog(connection) == 0)
            event_active(connection->resume, 0, 0);
        return;
    }
    http_parser_reset(&connection->parser);
    connection->state = HTTP_CONNECTION_READING;
    /* Not from here: the caller is a handler, and the next request would run on top of it. */
    if (!connection->processing &&
        evbuffer_get_length(bufferevent_get_input(connection->stream)) > 0)
        event_active(connection->resume, 0, 0);
}

static void on_readable(struct bufferevent *stream, void *argument)
{
    (void)stream;
    process(argument);
}

/* Everything that was queued has been handed to the kernel. */
static void on_written(struct bufferevent *stream, void *argument)
{
    struct http_connection *connection = argument;
    if (connection->state == HTTP_CONNECTION_READING) {
        if (connection->server->draining && http_connection_is_idle(connection)) {
            http_connection_free(connection);
            return;
        }
        if (http_connection_is_idle(connection))
            set_deadline(connection, connection->server->options.idle_timeout_ms);
        process(connection);
    } else if (connection->state == HTTP_CONNECTION_CLOSING) {
        if (connection->parser.state == HTTP_PARSER_DONE || connection->peer_ended) {
            http_connection_free(connection);
            return;
        }
        connection->state = HTTP_CONNECTION_LINGERING;
        (void)shutdown(bufferevent_getfd(stream), SHUT_WR);
        set_deadline(connection, LINGER_MS);
        process(connection);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct http_connection *connection = argument;
    if (connection->broken)
        http_connection_free(connection);
    else if (connection->state == HTTP_CONNECTION_CLOSING &&
             http_connection_backlog(connection) == 0)
        on_written(connection->stream, connection);
    else
        process(connection);
}

/* Nothing could be written for the time of the write timeout. That alone does not condemn the
 * client: the kernel asks for more only when a third of its own buffer is free. */
static void on_write_timeout(struct http_connection *connection)
{
    uint64_t taken = taken_size(connection);
    if (taken > connection->taken) {
        connection->taken = taken;
        (void)bufferevent_enable(connection->stream, EV_WRITE); /* libevent disabled it */
        return;
    }
    error_set(&connection->request.failure, ERROR_KILLED,
              "the client took nothing of the answer for %u ms",
              connection->server->options.write_timeout_ms);
    mark_broken(connection);
    http_connection_free(connection);
}

static void on_event(struct bufferevent *stream, short what, void *argument)
{
    (void)stream;
    struct http_connection *connection = argument;
    if ((what & BEV_EVENT_TIMEOUT) != 0) {
        on_write_timeout(connection);
        return;
    }
    bool half_closed = (what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_ERROR) == 0;
    bool answer_pending =
        http_connection_backlog(connection) > 0 && connection->state != HTTP_CONNECTION_HANDLING;
    if (half_closed && answer_pending) {
        connection->state = HTTP_CONNECTION_CLOSING;
        connection->peer_ended = true;
        return;
    }
    http_connection_free(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct http_connection *connection = argument;
    bool in_request = connection->state == HTTP_CONNECTION_READING &&
                      connection->parser.state != HTTP_PARSER_IDLE;
    if (http_connection_backlog(connection) > 0) /* the write timeout decides */
        set_deadline(connection, connection->server->options.idle_timeout_ms);
    else if (in_request)
        reject(connection, 408, "the request did not arrive in time");
    else
        http_connection_free(connection);
}

int http_connection_new(struct http_server *server, int fd)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        close(fd);
        return -1;
    }
    int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    connection->server = server;
    connection->request.connection = connection;
    http_parser_init(&connection->parser, server->options.max_body_bytes);
    TAILQ_INSERT_TAIL(&server->connections, connection, link);
    server->connection_count++;
    connection->stream = bufferevent_socket_new(server->loop, fd, BEV_OPT_CLOSE_ON_FREE);
    connection->deadline = evtimer_new(server->loop, on_deadline, connection);
    connection->resume = event_new(server->loop, -1, 0, on_resume, connection);
    if (connection->stream == NULL)
        close(fd);
    if (connection->stream == NULL || connection->deadline == NULL || connection->resume == NULL) {
        http_connection_free(connection);
        return -1;
    }
    if (evbuffer_add_cb(bufferevent_get_output(connection->stream), on_backlog_changed,
                        connection) == NULL) {
        http_connection_free(connection);
        return -1;
    }
    bufferevent_setcb(connection->stream, on_readable, on_written, on_event, connection);
    bufferevent_setwatermark(connection->stream, EV_READ, 0, INPUT_MAXIMUM);
    const struct timeval write_timeout = time_of(server->options.write_timeout_ms);
    (void)bufferevent_set_timeouts(connection->stream, NULL, &write_timeout);
    (void)bufferevent_enable(connection->stream, EV_READ); /* writing is, from the start */
    set_deadline(connection, server->options.request_timeout_ms);
    return 0;
}

/* The client is to see an error, not an end. tcp(7) and socket(7), SO_LINGER. */
static void reset_at_close(const struct http_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(bufferevent_getfd(connection->stream), SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof(at_once));
}

void http_connection_free(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = &connection->request;
    if (connection->state == HTTP_CONNECTION_HANDLING) {
        connection->reset |= request->pieces.close_is_end;
        http_request_log(request, 499);
        if (request->gone != NULL)
            request->gone(request->gone_argument);
    }
    http_request_clear(request);
    http_parser_free(&connection->parser);
    if (connection->broken || connection->reset)
        reset_at_close(connection);
    if (connection->stream != NULL) {
        mark_broken(connection);
        bufferevent_free(connection->stream);
    }
    if (connection->deadline != NULL)
        event_free(connection->deadline);
    if (connection->resume != NULL)
        event_free(connection->resume);
    TAILQ_REMOVE(&server->connections, connection, link);
    server->connection_count--;
    free(connection);
    http_server_connection_gone(server);
}
