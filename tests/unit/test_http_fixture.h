/* What the tests of the HTTP server share: a server on a free port, plain sockets as its clients,
 * and one loop that both turn on. */
#ifndef SHANNON_TEST_HTTP_FIXTURE_H
#define SHANNON_TEST_HTTP_FIXTURE_H

#include "base/event_loop.h"
#include "base/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#define HOST "Host: localhost\r\n"
#define GET(PATH) "GET " PATH " HTTP/1.1\r\n" HOST "\r\n"

struct fixture {
    struct event_base *loop;
    struct http_server *server;
    struct http_request *held; /* by a handler of the test; NULL again when its client is gone */
    int gone;                  /* calls of on_gone */
    int drained;               /* calls of on_drained */
    int room;                  /* calls of on_room */
};

/* Starts a server on loopback as `options` say; the fixture is its argument. 0, or -1. */
int fixture_begin(void **state, struct http_server_options options);

/* The teardown. */
int fixture_end(void **state);

/* Callbacks that count; the argument is the fixture. */
void on_gone(void *argument);
void on_room(void *argument);
void on_drained(void *argument);

/* A connected socket that does not block. */
int connect_client(const struct fixture *fixture);

/* One turn of the loop, waiting at most 10 ms for something to happen. */
void turn(const struct fixture *fixture);

/* Sends while the loop turns. Returns also when the server closed: its answer tells. */
void send_all(const struct fixture *fixture, int fd, const char *bytes, size_t size);
void send_text(const struct fixture *fixture, int fd, const char *text);

/* Reads until `expected` stands in what came, or the server closed. True in the first case; in the
 * second errno is 0, or ECONNRESET after a reset. Fails after ten seconds. */
bool receive(const struct fixture *fixture, int fd, struct buffer *received, const char *expected);

#endif
