/* src/base/http_server.c, http_connection.c, http_route.c, http_response.c: over real sockets,
 * server and client on one loop. */
#include "test_http_fixture.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void show(struct http_request *request, void *argument)
{
    (void)argument;
    const char *id = http_request_parameter(request, "id");
    const char *query = http_request_query(request, "q");
    http_respond_json(
        request, 200,
        json_pack("{s:s, s:s*, s:s*}", "path", http_request_path(request), "id", id, "q", query));
}

static void echo(struct http_request *request, void *argument)
{
    (void)argument;
    json_t *body = http_request_json(request);
    if (body != NULL)
        http_respond_json(request, 200, body);
}

static void hold(struct http_request *request, void *argument)
{
    struct fixture *fixture = argument;
    fixture->held = request;
    http_request_on_gone(request, on_gone, fixture);
}

static void inject(struct http_request *request, void *argument)
{
    (void)argument;
    http_response_header(request, "X-Good", "yes");
    http_response_header(request, "X-Bad", "a\r\nX-Forged: b");
    http_respond(request, 200, "text/plain", "ok", 2);
}

/* More than the kernel keeps for a client that does not read: at most 4 MiB (tcp(7), tcp_wmem), and
 * what goes into the client's receive buffer. */
#define LARGE ((size_t)6 << 20)
#define LARGE_END "the end of it"

static void respond_with(struct http_request *request, size_t size)
{
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, 'x', size);
    memcpy(body + size - strlen(LARGE_END), LARGE_END, strlen(LARGE_END));
    http_respond(request, 200, "text/plain", body, size);
    free(body);
}

static void large(struct http_request *request, void *argument)
{
    (void)argument;
    respond_with(request, LARGE);
}

static void larger(struct http_request *request, void *argument)
{
    (void)argument;
    respond_with(request, 4 * LARGE);
}

static const struct http_route routes[] = {
    {"GET", "/show", show},   {"GET", "/items/{id}/show", show}, {"DELETE", "/items/{id}", show},
    {"POST", "/echo", echo},  {"POST", "/hold", hold},           {"GET", "/inject", inject},
    {"GET", "/large", large}, {"GET", "/larger", larger},
};

static int begin(void **state)
{
    const struct http_server_options options = {
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(*routes),
        .max_body_bytes = 1000,
        .request_timeout_ms = 300,
        .idle_timeout_ms = 600,
        .write_timeout_ms = 300,
        .max_connections = 8,
    };
    return fixture_begin(state, options);
}

/* Sends `text` on a connection of its own; the answer must have this status and hold this text. */
static void check_answer(const struct fixture *fixture, const char *text, int status,
                         const char *expected)
{
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    char start[32];
    (void)snprintf(start, sizeof(start), "HTTP/1.1 %d ", status);
    int fd = connect_client(fixture);
    send_text(fixture, fd, text);
    if (!receive(fixture, fd, &received, expected))
        fail_msg("no \"%s\" in: %s", expected, buffer_text(&received));
    if (strncmp(buffer_text(&received), start, strlen(start)) != 0)
        fail_msg("not %d: %s", status, buffer_text(&received));
    assert_non_null(strstr(received.data, "\r\nX-Request-Id: "));
    close(fd);
}

static void routes_match_by_method_and_path(void **state)
{
    struct fixture *fixture = *state;
    check_answer(fixture, GET("/show"), 200, "{\"path\":\"/show\"}\n");
    check_answer(fixture, GET("/%73how"), 200, "{\"path\":\"/%73how\"}\n");
    check_answer(fixture, GET("/show?q=a%20b+c%2B&q=d"), 200, "\"q\":\"a b c+\"");
    check_answer(fixture, GET("/show?q"), 200, "\"q\":\"\"");
    check_answer(fixture, GET("/show?q=%zz"), 200, "{\"path\":\"/show\"}\n");
    check_answer(fixture, GET("/items/a%2Fb/show"), 200, "\"id\":\"a/b\"");
    check_answer(fixture, "GET http://localhost/show?q=1 HTTP/1.1\r\n" HOST "\r\n", 200,
                 "\"q\":\"1\"");
    check_answer(fixture, "DELETE /items/7 HTTP/1.1\r\n" HOST "\r\n", 200, "\"id\":\"7\"");
    check_answer(fixture, "GET /show HTTP/1.0\r\n\r\n", 200, "Connection: close\r\n");
    check_answer(fixture, "GET /show HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
                 "Connection: keep-alive\r\n");
}

static void what_matches_no_route_is_an_error_in_json(void **state)
{
    struct fixture *fixture = *state;
    static const char no_path[] = "{\"error\":{\"kind\":\"invalid_request\",\"message\":\"there is "
                                  "no such path\",\"field\":\"path\"}}";
    check_answer(fixture, GET("/"), 404, no_path);
    check_answer(fixture, GET("//show"), 404, no_path);
    check_answer(fixture, GET("/show/"), 404, no_path);
    check_answer(fixture, GET("/x/../show"), 404, no_path);
    check_answer(fixture, GET("/items//show"), 404, no_path);
    check_answer(fixture, GET("/show%00"), 404, no_path);
    check_answer(fixture, GET("/items/%ff/show"), 404, no_path);
    check_answer(fixture, GET("/items/%4/show"), 404, no_path);
    check_answer(fixture, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 404, no_path);
    check_answer(fixture, "PUT /show HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD\r\n");
    check_answer(fixture, "BREW /echo HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST\r\n");
    check_answer(fixture, "post /echo HTTP/1.1\r\n" HOST "\r\n", 405, "\"field\":\"method\"");
    check_answer(fixture, "TRACE /items/1 HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: DELETE\r\n");
}

static void what_does_not_parse_is_an_error_in_json(void **state)
{
    struct fixture *fixture = *state;
    static const char start[] = "{\"error\":{\"kind\":\"invalid_request\",\"message\":\"";
    check_answer(fixture, "GARBAGE\r\n\r\n", 400, start);
    check_answer(fixture, "\x16\x03\x01\x02\n", 400, start); /* TLS */
    check_answer(fixture, "GET /show HTTP/1.1\r\n\r\n", 400, start);
    check_answer(fixture, "GET /show HTTP/2.0\r\n\r\n", 505, start);
    check_answer(fixture, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 413,
                 "\"field\":\"body\"");
    check_answer(fixture,
                 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n{}",
                 400, "Connection: close\r\n");
    check_answer(fixture, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{]", 400,
                 "invalid JSON at line 1, column 2");
    check_answer(fixture, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n[]", 400,
                 "\"field\":\"body\"");
    check_answer(fixture, "POST /echo HTTP/1.1\r\n" HOST "\r\n", 400, "the body is empty");
    check_answer(fixture,
                 "POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\n"
                 "Content-Length: 2\r\n\r\n{}",
                 415, "\"field\":\"Content-Encoding\"");
}

static void head_is_get_without_body(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd,
              "HEAD /show HTTP/1.1\r\n" HOST "\r\n"
              "HEAD /none HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_false(receive(fixture, fd, &received, NULL));
    assert_non_null(strstr(received.data, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(received.data, "Content-Length: 17\r\n"));
    assert_non_null(strstr(received.data, "\r\n\r\nHTTP/1.1 404 Not Found\r\n"));
    assert_null(strchr(received.data, '{'));
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    for (int i = 0; i < 500; i++)
        (void)buffer_append_format(&text, "GET /items/%d/show HTTP/1.1\r\n" HOST "\r\n", i);
    send_all(fixture, fd, text.data, text.size);
    assert_true(receive(fixture, fd, &received, "\"id\":\"499\"}\n"));
    const char *at = received.data;
    for (int i = 0; i < 500; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "\"id\":\"%d\"}", i);
        at = strstr(at, expected);
        assert_non_null(at);
    }
    close(fd);
}

static void a_request_behind_a_held_one_waits_for_its_answer(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /hold HTTP/1.1\r\n" HOST "\r\n" GET("/show"));
    while (fixture->held == NULL)
        turn(fixture);
    http_respond(fixture->held, 201, "text/plain", "first", 5);
    assert_true(receive(fixture, fd, &received, "{\"path\":\"/show\"}"));
    const char *first = strstr(received.data, "first");
    assert_non_null(first);
    assert_true(first < strstr(received.data, "/show"));
    close(fd);
}

static void a_client_that_goes_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /hold HTTP/1.1\r\n" HOST "\r\n");
    while (fixture->held == NULL)
        turn(fixture);
    assert_int_equal(fixture->gone, 0);
    close(fd);
    while (fixture->gone == 0)
        turn(fixture);
    check_answer(fixture, GET("/show"), 200, "/show");
    assert_int_equal(fixture->gone, 1);
}

/* What came of the body of the answer. */
static size_t body_size(const struct buffer *received)
{
    const char *body = strstr(buffer_text(received), "\r\n\r\n");
    return body == NULL ? 0 : received->size - (size_t)(body + 4 - received->data);
}

static void a_client_that_only_stops_sending_gets_what_is_ready(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    static const char text[] = GET("/large");
    assert_int_equal(send(fd, text, sizeof(text) - 1, 0), sizeof(text) - 1);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(body_size(&received), LARGE);
    close(fd);
}

static void a_client_that_stops_reading_is_reset(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, GET("/large"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\n"));
    http_server_drain(fixture->server, 60000, on_drained, fixture);
    while (fixture->drained == 0)
        turn(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, ECONNRESET);
    assert_true(body_size(&received) < LARGE);
    close(fd);
}

/* With time enough for every client, and room for the answers of a few. */
static int begin_patient(void **state)
{
    const struct http_server_options options = {
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(*routes),
        .max_unsent_bytes = (size_t)8 << 20,
        .room = on_room,
    };
    return fixture_begin(state, options);
}

static void clients_that_do_not_read_are_cut_off_when_there_is_no_room(void **state)
{
    struct fixture *fixture = *state;
    int clients[16];
    size_t count = sizeof(clients) / sizeof(*clients);
    size_t reset = 0;
    assert_true(http_server_has_room(fixture->server));
    for (size_t i = 0; i < count; i++) {
        BUFFER_LOCAL struct buffer head = BUFFER_EMPTY;
        clients[i] = connect_client(fixture);
        send_text(fixture, clients[i], GET("/large"));
        assert_true(receive(fixture, clients[i], &head, "\r\n\r\n"));
    }
    assert_false(http_server_has_room(fixture->server));
    assert_int_equal(fixture->room, 0);
    while (fixture->room == 0)
        turn(fixture);
    assert_true(http_server_has_room(fixture->server));
    for (size_t i = 0; i < count; i++) {
        BUFFER_LOCAL struct buffer rest = BUFFER_EMPTY;
        if (!receive(fixture, clients[i], &rest, LARGE_END)) {
            assert_int_equal(errno, ECONNRESET);
            reset++;
        }
        close(clients[i]);
    }
    assert_in_range(reset, 1, count - 2);
}

static void clients_that_read_are_not_cut_off_however_much_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct buffer received[16] = {0};
    int clients[16];
    size_t count = sizeof(clients) / sizeof(*clients);
    for (size_t i = 0; i < count; i++) {
        clients[i] = connect_client(fixture);
        send_text(fixture, clients[i], GET("/large"));
        assert_true(receive(fixture, clients[i], &received[i], "\r\n\r\n"));
    }
    assert_false(http_server_has_room(fixture->server));
    for (size_t i = 0; i < count; i++) {
        assert_true(receive(fixture, clients[i], &received[i], LARGE_END));
        assert_int_equal(body_size(&received[i]), LARGE);
        buffer_free(&received[i]);
        close(clients[i]);
    }
    assert_true(fixture->room > 0);
}

static void a_single_answer_may_be_larger_than_all_may_leave(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, GET("/larger"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\n"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, 0);
    assert_int_equal(body_size(&received), 4 * LARGE);
    close(fd);
}

/* It needs longer than every time limit, and is too slow for the kernel to ask for more within the
 * write timeout. */
static void a_client_that_reads_slowly_gets_everything(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, GET("/large"));
    const struct timespec pace = {.tv_nsec = 5000000};
    while (body_size(&received) < LARGE) {
        assert_int_equal(buffer_reserve(&received, 16384), 0);
        ssize_t size = recv(fd, received.data + received.size, 16384, 0);
        if (size == 0 || (size < 0 && errno != EAGAIN))
            fail_msg("only %zu bytes", body_size(&received));
        received.size += size < 0 ? 0 : (size_t)size;
        received.data[received.size] = '\0';
        for (int i = 0; i < 20; i++)
            (void)event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
        (void)nanosleep(&pace, NULL);
    }
    close(fd);
}

static void the_client_of_a_body_too_large_still_reads_why(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    static char zeros[1 << 20];
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 8388608\r\n\r\n");
    for (int i = 0; i < 8; i++)
        send_all(fixture, fd, zeros, sizeof(zeros));
    assert_true(receive(fixture, fd, &received, "the body is too large"));
    assert_memory_equal(received.data, "HTTP/1.1 413 ", 13);
    close(fd);
}

static void a_request_that_dawdles_times_out(void **state)
{
    struct fixture *fixture = *state;
    check_answer(fixture, "GET /show HT", 408, "\"kind\":\"invalid_request\"");
    check_answer(fixture, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{", 408,
                 "did not arrive in time");
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(received.size, 0);
    close(fd);
    fd = connect_client(fixture);
    send_text(fixture, fd, GET("/show"));
    assert_false(receive(fixture, fd, &received, NULL));
    assert_null(strstr(received.data, "HTTP/1.1 408"));
    close(fd);
}

static void a_client_that_expects_continue_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd,
              "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_true(receive(fixture, fd, &received, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_null(strstr(received.data, "200"));
    send_text(fixture, fd, "{}");
    assert_true(receive(fixture, fd, &received, "\r\n\r\n{}\n"));
    close(fd);
    /* But not for a body that will not be taken. */
    check_answer(fixture,
                 "POST /echo HTTP/1.1\r\n" HOST
                 "Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n",
                 413, "too large");
}

static void request_ids_go_through_when_they_are_harmless(void **state)
{
    struct fixture *fixture = *state;
    check_answer(fixture, "GET /show HTTP/1.1\r\n" HOST "X-Request-Id: my-id.1\r\n\r\n", 200,
                 "X-Request-Id: my-id.1\r\n");
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /show HTTP/1.1\r\n" HOST "X-Request-Id: a b\"<\r\n\r\n");
    assert_true(receive(fixture, fd, &received, "/show"));
    assert_null(strstr(received.data, "a b"));
    close(fd);
}

static void browsers_cannot_be_used_against_it(void **state)
{
    struct fixture *fixture = *state;
    check_answer(fixture, "GET /show HTTP/1.1\r\nHost: evil.example:80\r\n\r\n", 421,
                 "\"field\":\"Host\"");
    check_answer(fixture, "GET /show HTTP/1.1\r\nHost: 127.evil.example\r\n\r\n", 421, "Host");
    check_answer(fixture, "GET http://evil.example/show HTTP/1.1\r\n" HOST "\r\n", 421, "Host");
    check_answer(fixture, "GET /show HTTP/1.1\r\nHost: LOCALHOST:1\r\n\r\n", 200, "/show");
    check_answer(fixture, "GET /show HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", 200, "/show");
    check_answer(fixture, "GET /show HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200, "/show");
    check_answer(fixture, "GET /show HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n\r\n", 403,
                 "\"field\":\"Origin\"");
    check_answer(fixture, "GET /show HTTP/1.1\r\n" HOST "Origin: null\r\n\r\n", 403, "Origin");
    check_answer(fixture, "GET /show HTTP/1.1\r\n" HOST "Origin: http://localhost\r\n\r\n", 200,
                 "/show");
}

static void no_header_can_be_forged(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = connect_client(fixture);
    send_text(fixture, fd, GET("/inject"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\nok"));
    assert_non_null(strstr(received.data, "X-Good: yes\r\n"));
    assert_null(strstr(received.data, "Forged"));
    close(fd);
}

static void idle_connections_give_way_to_new_ones(void **state)
{
    struct fixture *fixture = *state;
    int idle[12];
    for (size_t i = 0; i < 12; i++) {
        BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
        idle[i] = connect_client(fixture);
        send_text(fixture, idle[i], GET("/show"));
        assert_true(receive(fixture, idle[i], &received, "/show"));
    }
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    assert_false(receive(fixture, idle[0], &received, NULL));
    for (size_t i = 0; i < 12; i++)
        close(idle[i]);
}

static void draining_finishes_what_was_begun(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int idle = connect_client(fixture);
    int busy = connect_client(fixture);
    send_text(fixture, idle, GET("/show"));
    assert_true(receive(fixture, idle, &received, "/show"));
    send_text(fixture, busy, "POST /hold HTTP/1.1\r\n" HOST "\r\n");
    while (fixture->held == NULL)
        turn(fixture);
    http_server_drain(fixture->server, 5000, on_drained, fixture);
    assert_false(receive(fixture, idle, &received, NULL));
    assert_int_equal(fixture->drained, 0);
    buffer_clear(&received);
    http_respond(fixture->held, 200, "text/plain", "done", 4);
    assert_false(receive(fixture, busy, &received, NULL));
    assert_non_null(strstr(received.data, "Connection: close\r\n"));
    assert_non_null(strstr(received.data, "\r\n\r\ndone"));
    while (fixture->drained == 0)
        turn(fixture);
    assert_int_equal(fixture->drained, 1);
    close(idle);
    close(busy);
}

static void draining_ends_after_its_grace(void **state)
{
    struct fixture *fixture = *state;
    int busy = connect_client(fixture);
    send_text(fixture, busy, "POST /hold HTTP/1.1\r\n" HOST "\r\n");
    while (fixture->held == NULL)
        turn(fixture);
    http_server_drain(fixture->server, 50, on_drained, fixture);
    while (fixture->drained == 0)
        turn(fixture);
    assert_int_equal(fixture->gone, 1);
    close(busy);
}

static void a_port_that_is_taken_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    const struct http_server_options options = {.host = "127.0.0.1",
                                                .port = http_server_port(fixture->server),
                                                .routes = routes,
                                                .route_count = 1};
    assert_null(http_server_start(fixture->loop, &options, &error));
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "another program has it"));
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, fixture_end)
#define PATIENT_CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin_patient, fixture_end)
    const struct CMUnitTest tests[] = {
        CASE(routes_match_by_method_and_path),
        CASE(what_matches_no_route_is_an_error_in_json),
        CASE(what_does_not_parse_is_an_error_in_json),
        CASE(head_is_get_without_body),
        CASE(pipelined_requests_are_answered_in_order),
        CASE(a_request_behind_a_held_one_waits_for_its_answer),
        CASE(a_client_that_goes_is_noticed),
        CASE(a_client_that_only_stops_sending_gets_what_is_ready),
        CASE(a_client_that_stops_reading_is_reset),
        CASE(a_client_that_reads_slowly_gets_everything),
        PATIENT_CASE(clients_that_do_not_read_are_cut_off_when_there_is_no_room),
        PATIENT_CASE(clients_that_read_are_not_cut_off_however_much_it_is),
        PATIENT_CASE(a_single_answer_may_be_larger_than_all_may_leave),
        CASE(the_client_of_a_body_too_large_still_reads_why),
        CASE(a_request_that_dawdles_times_out),
        CASE(an_idle_connection_is_closed_without_a_word),
        CASE(a_client_that_expects_continue_is_told_so),
        CASE(request_ids_go_through_when_they_are_harmless),
        CASE(browsers_cannot_be_used_against_it),
        CASE(no_header_can_be_forged),
        CASE(idle_connections_give_way_to_new_ones),
        CASE(draining_finishes_what_was_begun),
        CASE(draining_ends_after_its_grace),
        CASE(a_port_that_is_taken_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
