/* The listening half of the HTTP server: accepting, its limit, the orderly end. Invariant: every
 * connection is in the server's list until it is freed. */
#include "base/http_connection.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_BODY_BYTES ((size_t)8 << 20)
#define DEFAULT_REQUEST_TIMEOUT_MS 30000
#define DEFAULT_IDLE_TIMEOUT_MS 75000
#define DEFAULT_WRITE_TIMEOUT_MS 30000
#define DEFAULT_CONNECTIONS 512
#define DEFAULT_UNSENT_BYTES ((size_t)128 << 20)

/* How long accepting rests when the process is out of file descriptors. */
#define PAUSE_MS 100

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)address;
        return (ntohl(ipv4->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

/* Makes room by closing the connection that has been idle longest. False when none is idle. */
static bool close_an_idle_one(struct http_server *server)
{
    struct http_connection *connection;
    TAILQ_FOREACH(connection, &server->connections, link)
    {
        if (http_connection_is_idle(connection)) {
            http_connection_free(connection);
            return true;
        }
    }
    return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int address_size, void *argument)
{
    (void)address;
    (void)address_size;
    struct http_server *server = argument;
    if (http_connection_new(server, fd) == 0 &&
        server->connection_count >= server->options.max_connections && !close_an_idle_one(server))
        (void)evconnlistener_disable(listener);
}

static void rest_after_failure(struct evconnlistener *listener, void *argument)
{
    struct http_server *server = argument;
    LOG(LOG_WARNING, "accepting failed", log_text("reason", strerror(errno)));
    struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
    (void)evconnlistener_disable(listener);
    (void)event_add(server->pause, &pause);
}

static void accept_again(struct http_server *server)
{
    if (!server->draining && server->listener != NULL &&
        server->connection_count < server->options.max_connections)
        (void)evconnlistener_enable(server->listener);
}

static void on_pause_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    accept_again(argument);
}

void http_server_connection_gone(struct http_server *server)
{
    accept_again(server);
    if (server->draining && server->connection_count == 0)
        event_active(server->drain_end, 0, 0);
}

static void free_connections(struct http_server *server)
{
    struct http_connection *connection;
    while ((connection = TAILQ_FIRST(&server->connections)) != NULL)
        http_connection_free(connection);
}

static void on_drain_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct http_server *server = argument;
    void (*drained)(void *) = server->drained;
    if (drained == NULL)
        return;
    server->drained = NULL;
    free_connections(server);
    drained(server->drained_argument);
}

/* Opens a listening socket. -1 with the error set. */
static int open_socket(const struct http_server_options *options, struct error *error)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", options->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(options->host, port, &hints, &found);
    if (code != 0)
        return error_set(error, ERROR_INTERNAL, "cannot listen on %s: %s", options->host,
                         gai_strerror(code));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int reason = errno;
        error_set_errno(error, ERROR_INTERNAL, reason, "cannot listen on %s port %u%s",
                        options->host, options->port,
                        reason == EADDRINUSE
                            ? " (another program has it: stop that or choose another port)"
                            : "");
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* Notes the address that was bound, and logs it. */
static void announce(struct http_server *server, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN] = "";
    char port[8] = "0";
    const struct sockaddr *bound = (const struct sockaddr *)(const void *)&address;
    if (getsockname(fd, (struct sockaddr *)(void *)&address, &size) == 0) {
        (void)getnameinfo(bound, size, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);
        server->loopback = is_loopback(bound);
    }
    server->port = (uint16_t)strtoul(port, NULL, 10);
    LOG(LOG_INFO, "listening", log_text("host", host), log_number("port", server->port));
    if (!server->loopback)
        LOG(LOG_WARNING,
            "reachable from other machines without authentication: put it behind a firewall or a "
            "gateway, or listen on 127.0.0.1",
            log_text("host", host));
}

static void fill_defaults(struct http_server_options *options)
{
    if (options->max_body_bytes == 0)
        options->max_body_bytes = DEFAULT_BODY_BYTES;
    if (options->request_timeout_ms == 0)
        options->request_timeout_ms = DEFAULT_REQUEST_TIMEOUT_MS;
    if (options->idle_timeout_ms == 0)
        options->idle_timeout_ms = DEFAULT_IDLE_TIMEOUT_MS;
    if (options->write_timeout_ms == 0)
        options->write_timeout_ms = DEFAULT_WRITE_TIMEOUT_MS;
    if (options->max_connections == 0)
        options->max_connections = DEFAULT_CONNECTIONS;
    if (options->max_unsent_bytes == 0)
        options->max_unsent_bytes = DEFAULT_UNSENT_BYTES;
}

struct http_server *http_server_start(struct event_base *loop,
                                      const struct http_server_options *options,
                                      struct error *error)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    server->options = *options;
    fill_defaults(&server->options);
    server->loop = loop;
    TAILQ_INIT(&server->connections);
    int fd = open_socket(options, error);
    if (fd < 0) {
        http_server_free(server);
        return NULL;
    }
    announce(server, fd);
    server->options.host = NULL; /* borrowed until here */
    server->listener = evconnlistener_new(loop, on_accept, server,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    server->pause = evtimer_new(loop, on_pause_end, server);
    server->drain_end = evtimer_new(loop, on_drain_end, server);
    server->crowding = evtimer_new(loop, http_connection_make_room, server);
    if (server->listener == NULL)
        close(fd);
    if (server->listener == NULL || server->pause == NULL || server->drain_end == NULL ||
        server->crowding == NULL) {
        error_set(error, ERROR_INTERNAL, "cannot listen: out of memory");
        http_server_free(server);
        return NULL;
    }
    evconnlistener_set_error_cb(server->listener, rest_after_failure);
    return server;
}

bool http_server_has_room(const struct http_server *server)
{
    return server->unsent <= server->options.max_unsent_bytes;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_drain(struct http_server *server, uint32_t grace_ms,
                       void (*drained)(void *argument), void *argument)
{
    server->draining = true;
    server->drained = drained;
    server->drained_argument = argument;
    evconnlistener_free(server->listener);
    server->listener = NULL;
    struct timeval grace = {.tv_sec = grace_ms / 1000, .tv_usec = (grace_ms % 1000) * 1000};
    (void)event_add(server->drain_end, &grace);
    struct http_connection *connection = TAILQ_FIRST(&server->connections);
    while (connection != NULL) {
        struct http_connection *next = TAILQ_NEXT(connection, link);
        if (http_connection_is_idle(connection))
            http_connection_free(connection);
        connection = next;
    }
    if (server->connection_count == 0)
        event_active(server->drain_end, 0, 0);
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    server->drained = NULL;
    if (server->listener != NULL)
        evconnlistener_free(server->listener);
    server->listener = NULL;
    free_connections(server);
    if (server->pause != NULL)
        event_free(server->pause);
    if (server->drain_end != NULL)
        event_free(server->drain_end);
    if (server->crowding != NULL)
        event_free(server->crowding);
    free(server);
}
