/* src/base/http_stream.c: answers in pieces, over real sockets. */
#include "test_http_fixture.h"

#include "base/log.h"
#include "base/server_sent_events.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than the kernel keeps for a client that does not read: at most 4 MiB (tcp(7), tcp_wmem), and
 * what goes into the client's receive buffer. */
#define LARGE ((size_t)6 << 20)

static void open_stream(struct http_request *request, void *argument)
{
    struct fixture *fixture = argument;
    fixture->held = request;
    http_request_on_gone(request, on_gone, fixture);
    http_response_header(request, "X-Before", "it");
    http_respond_begin(request, 200, "text/plain");
}

static void open_events(struct http_request *request, void *argument)
{
    struct fixture *fixture = argument;
    fixture->held = request;
    http_respond_begin(request, 202, SERVER_SENT_EVENTS_CONTENT_TYPE);
}

static void all_at_once(struct http_request *request, void *argument)
{
    (void)argument;
    http_respond_begin(request, 201, "text/plain");
    http_respond_part(request, "some", 4);
    http_respond_part(request, "thing", 5);
    http_respond_end(request);
}

static void next(struct http_request *request, void *argument)
{
    (void)argument;
    http_respond(request, 200, "text/plain", "next\n", 5);
}

static const struct http_route routes[] = {
    {"GET", "/stream", open_stream},
    {"GET", "/events", open_events},
    {"GET", "/once", all_at_once},
    {"GET", "/next", next},
};

static int begin(void **state)
{
    const struct http_server_options options = {
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(*routes),
        .request_timeout_ms = 300,
        .idle_timeout_ms = 300,
        .write_timeout_ms = 300,
    };
    return fixture_begin(state, options);
}

#define STREAM_1_0 "GET /stream HTTP/1.0\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* Sends `text` on a new connection and turns until a stream is open. */
static int open_with(struct fixture *fixture, const char *text)
{
    int fd = connect_client(fixture);
    send_text(fixture, fd, text);
    while (fixture->held == NULL)
        turn(fixture);
    return fd;
}

static void part(const struct fixture *fixture, const char *text)
{
    http_respond_part(fixture->held, text, strlen(text));
}

static void end_stream(struct fixture *fixture)
{
    struct http_request *request = fixture->held;
    fixture->held = NULL;
    http_respond_end(request);
}

static void abort_stream(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    struct http_request *request = fixture->held;
    fixture->held = NULL;
    error_set(&error, ERROR_KILLED, "ended by the test");
    http_respond_abort(request, &error);
}

static const char *body_of(const struct buffer *received)
{
    const char *end = strstr(buffer_text(received), "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* Sends parts of 64 KiB until `size` bytes are queued. Returns how many bytes they were. */
static size_t fill(const struct fixture *fixture, size_t size)
{
    static char bytes[65536];
    memset(bytes, 'x', sizeof(bytes));
    size_t sent = 0;
    for (; http_respond_backlog(fixture->held) < size; sent += sizeof(bytes))
        http_respond_part(fixture->held, bytes, sizeof(bytes));
    return sent;
}

static void each_piece_arrives_when_it_is_sent(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\n"));
    assert_memory_equal(received.data, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(received.data, CHUNKED));
    assert_non_null(strstr(received.data, "X-Before: it\r\n"));
    assert_non_null(strstr(received.data, "X-Request-Id: "));
    assert_non_null(strstr(received.data, "Cache-Control: no-store\r\n"));
    assert_null(strstr(received.data, "Content-Length"));
    assert_null(strstr(received.data, "Connection:"));
    assert_null(strstr(received.data, "X-Accel-Buffering"));
    assert_string_equal(body_of(&received), "");
    part(fixture, "hello");
    part(fixture, "");
    assert_true(receive(fixture, fd, &received, "hello\r\n"));
    assert_string_equal(body_of(&received), "5\r\nhello\r\n");
    part(fixture, "0123456789abcdef\r\n0\r\n\r\n");
    assert_true(receive(fixture, fd, &received, "\r\n\r\n\r\n"));
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "\r\n\r\n\r\n0\r\n\r\n"));
    assert_string_equal(body_of(&received),
                        "5\r\nhello\r\n17\r\n0123456789abcdef\r\n0\r\n\r\n\r\n0\r\n\r\n");
    close(fd);
}

static void bytes_are_sent_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, "GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    http_respond_part(fixture->held, "\0\xff\r\n", 4);
    end_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    static const char expected[] = "4\r\n\0\xff\r\n\r\n0\r\n\r\n";
    const char *body = body_of(&received);
    assert_int_equal(received.size - (size_t)(body - received.data), sizeof(expected) - 1);
    assert_memory_equal(body, expected, sizeof(expected) - 1);
    close(fd);
}

static void a_connection_serves_on_after_a_stream(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "0\r\n\r\n"));
    buffer_clear(&received);
    send_text(fixture, fd, GET("/next"));
    assert_true(receive(fixture, fd, &received, "next\n"));
    assert_null(strstr(received.data, CHUNKED));
    buffer_clear(&received);
    send_text(fixture, fd, GET("/stream"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\n"));
    part(fixture, "second");
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "0\r\n\r\n"));
    assert_string_equal(body_of(&received), "6\r\nsecond\r\n0\r\n\r\n");
    buffer_clear(&received);
    send_text(fixture, fd, GET("/once"));
    assert_true(receive(fixture, fd, &received, "0\r\n\r\n"));
    assert_memory_equal(received.data, "HTTP/1.1 201 ", 13);
    assert_string_equal(body_of(&received), "4\r\nsome\r\n5\r\nthing\r\n0\r\n\r\n");
    assert_int_equal(fixture->gone, 0);
    close(fd);
}

static void a_client_may_ask_for_the_close(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, "GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    part(fixture, "x");
    end_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, 0);
    assert_non_null(strstr(received.data, "Connection: close\r\n"));
    assert_string_equal(body_of(&received), "1\r\nx\r\n0\r\n\r\n");
    close(fd);
}

static void http_1_0_gets_no_chunks(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    part(fixture, "one ");
    assert_true(receive(fixture, fd, &received, "one "));
    part(fixture, "two");
    end_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, 0);
    assert_null(strstr(received.data, "Transfer-Encoding"));
    assert_non_null(strstr(received.data, "Connection: close\r\n"));
    assert_string_equal(body_of(&received), "one two");
    close(fd);
}

static void head_gets_the_head_only(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    part(fixture, "unseen");
    end_stream(fixture);
    send_text(fixture, fd, GET("/next"));
    assert_true(receive(fixture, fd, &received, "next\n"));
    assert_non_null(strstr(received.data, CHUNKED));
    assert_memory_equal(body_of(&received), "HTTP/1.1 200 OK\r\n", 17);
    close(fd);
}

static void events_are_not_to_be_collected(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer event = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/events"));
    assert_true(receive(fixture, fd, &received, "\r\n\r\n"));
    assert_memory_equal(received.data, "HTTP/1.1 202 ", 13);
    assert_non_null(strstr(received.data, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(received.data, "X-Accel-Buffering: no\r\n"));
    assert_non_null(strstr(received.data, "Cache-Control: no-store\r\n"));
    json_t *data = json_pack("{s:i}", "n", 1);
    assert_int_equal(server_sent_events_append(&event, "x", NULL, data), 0);
    json_decref(data);
    http_respond_part(fixture->held, event.data, event.size);
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "0\r\n\r\n"));
    assert_string_equal(body_of(&received), "18\r\nevent: x\ndata: {\"n\":1}\n\n\r\n0\r\n\r\n");
    close(fd);
}

static void a_request_behind_a_stream_waits_for_its_end(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream") GET("/once") GET("/next"));
    part(fixture, "first");
    assert_true(receive(fixture, fd, &received, "first\r\n"));
    part(fixture, "second");
    assert_true(receive(fixture, fd, &received, "second\r\n"));
    assert_string_equal(body_of(&received), "5\r\nfirst\r\n6\r\nsecond\r\n");
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "next\n"));
    const char *behind = strstr(received.data, "second\r\n0\r\n\r\nHTTP/1.1 201 ");
    assert_non_null(behind);
    assert_non_null(strstr(behind, "5\r\nthing\r\n0\r\n\r\nHTTP/1.1 200 "));
    close(fd);
}

static void a_silent_stream_is_not_timed_out(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    /* Another connection is closed as an idle one meanwhile, twice over. */
    for (int i = 0; i < 2; i++) {
        int idle = connect_client(fixture);
        assert_false(receive(fixture, idle, &received, NULL));
        close(idle);
    }
    assert_int_equal(fixture->gone, 0);
    part(fixture, "still here");
    assert_true(receive(fixture, fd, &received, "still here\r\n"));
    close(fd);
}

static void wait_until_gone(const struct fixture *fixture)
{
    while (fixture->gone == 0)
        turn(fixture);
    assert_int_equal(fixture->gone, 1);
}

static void a_client_that_closes_is_noticed_in_silence(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    part(fixture, "x");
    assert_true(receive(fixture, fd, &received, "x\r\n"));
    close(fd);
    wait_until_gone(fixture);
}

static void a_client_that_resets_is_noticed_in_silence(void **state)
{
    struct fixture *fixture = *state;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = open_with(fixture, GET("/stream"));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fd);
    wait_until_gone(fixture);
}

/* It pipelined so much that it is no longer read from: only writing tells. */
static void a_client_that_is_gone_is_noticed_in_writing(void **state)
{
    struct fixture *fixture = *state;
    static char blanks[1 << 20];
    int fd = open_with(fixture, GET("/stream"));
    memset(blanks, ' ', sizeof(blanks));
    while (send(fd, blanks, sizeof(blanks), MSG_NOSIGNAL) > 0)
        turn(fixture);
    assert_int_equal(fixture->gone, 0);
    close(fd);
    while (fixture->gone == 0) {
        part(fixture, "x");
        turn(fixture);
    }
    assert_int_equal(fixture->gone, 1);
}

static void a_client_that_stops_reading_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    assert_int_equal(http_respond_backlog(fixture->held), 0);
    size_t sent = fill(fixture, 1000000);
    assert_true(http_respond_backlog(fixture->held) < sent);
    wait_until_gone(fixture);
    assert_false(receive(fixture, fd, &received, "\r\n0\r\n\r\n"));
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

static void the_backlog_goes_when_the_client_reads(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    (void)fill(fixture, 1000000);
    part(fixture, "the end of it");
    assert_true(receive(fixture, fd, &received, "the end of it"));
    assert_int_equal(http_respond_backlog(fixture->held), 0);
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "\r\n0\r\n\r\n"));
    assert_int_equal(fixture->gone, 0);
    close(fd);
}

static void what_is_queued_at_the_end_still_arrives(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    memset(bytes, 'y', LARGE);
    http_respond_part(fixture->held, bytes, LARGE);
    http_respond_part(fixture->held, bytes, LARGE);
    free(bytes);
    end_stream(fixture);
    send_text(fixture, fd, GET("/next"));
    assert_true(receive(fixture, fd, &received, "next\n"));
    const char *body = body_of(&received);
    assert_memory_equal(body, "600000\r\n", 8);
    assert_int_equal(strspn(body + 8, "y"), LARGE);
    assert_memory_equal(body + 8 + LARGE, "\r\n600000\r\n", 10);
    assert_int_equal(strspn(body + 18 + LARGE, "y"), LARGE);
    assert_memory_equal(body + 18 + 2 * LARGE, "\r\n0\r\n\r\nHTTP/1.1 200 ", 20);
    close(fd);
}

static void an_aborted_stream_lacks_its_last_chunk(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    size_t sent = fill(fixture, 100000);
    abort_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, 0);
    size_t framing = strlen("10000\r\n\r\n") * (sent / 65536);
    assert_string_equal(received.data + received.size - 4, "xx\r\n");
    assert_int_equal(received.size - (size_t)(body_of(&received) - received.data), sent + framing);
    close(fd);
}

static void an_aborted_stream_without_chunks_is_reset(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, STREAM_1_0);
    part(fixture, "some");
    assert_true(receive(fixture, fd, &received, "some"));
    abort_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

static void draining_waits_for_a_stream_and_closes_behind_it(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, GET("/stream"));
    part(fixture, "before");
    assert_true(receive(fixture, fd, &received, "before\r\n"));
    http_server_drain(fixture->server, 60000, on_drained, fixture);
    part(fixture, "after");
    assert_true(receive(fixture, fd, &received, "after\r\n"));
    assert_int_equal(fixture->drained, 0);
    end_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_string_equal(body_of(&received), "6\r\nbefore\r\n5\r\nafter\r\n0\r\n\r\n");
    while (fixture->drained == 0)
        turn(fixture);
    assert_int_equal(fixture->gone, 0);
    close(fd);
}

static void a_stream_that_outlasts_the_grace_is_cut_visibly(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    int fd = open_with(fixture, STREAM_1_0);
    part(fixture, "some");
    assert_true(receive(fixture, fd, &received, "some"));
    http_server_drain(fixture->server, 20, on_drained, fixture);
    while (fixture->drained == 0)
        turn(fixture);
    assert_int_equal(fixture->gone, 1);
    assert_false(receive(fixture, fd, &received, NULL));
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

/* Sends the log into a file of its own until `end_logging`. */
static int begin_logging(int *saved)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    assert_true(file >= 0);
    *saved = dup(STDERR_FILENO);
    assert_true(*saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    log_configure("test", LOG_INFO, false);
    return file;
}

static void end_logging(int file, int saved, char *text, size_t size)
{
    log_configure("test", LOG_ERROR, false);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t got = pread(file, text, size - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    close(file);
}

static void one_line_is_logged_for_each_stream(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer received = BUFFER_EMPTY;
    char text[4096];
    int saved;
    int file = begin_logging(&saved);
    int fd = open_with(fixture, GET("/stream"));
    part(fixture, "x");
    end_stream(fixture);
    assert_true(receive(fixture, fd, &received, "\r\n0\r\n\r\n"));
    close(fd);
    fd = open_with(fixture, GET("/stream"));
    abort_stream(fixture);
    assert_false(receive(fixture, fd, &received, NULL));
    close(fd);
    fd = open_with(fixture, GET("/stream"));
    (void)fill(fixture, 1);
    wait_until_gone(fixture);
    close(fd);
    end_logging(file, saved, text, sizeof(text));
    const char *whole = strstr(text, " method=GET path=/stream status=200 wall_us=");
    assert_non_null(whole);
    const char *line_end = strchr(whole, '\n');
    const char *aborted = strstr(line_end, " status=200 ");
    assert_non_null(aborted);
    assert_true(strstr(text, " kind=") > line_end);
    assert_non_null(strstr(aborted, " kind=killed message=\"ended by the test\"\n"));
    const char *gone = strstr(aborted, " status=499 ");
    assert_non_null(gone);
    assert_non_null(strstr(gone, "the client took nothing of the answer for 300 ms\"\n"));
    assert_null(strstr(gone + 1, " status="));
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, fixture_end)
    const struct CMUnitTest tests[] = {
        CASE(each_piece_arrives_when_it_is_sent),
        CASE(bytes_are_sent_as_they_are),
        CASE(a_connection_serves_on_after_a_stream),
        CASE(a_client_may_ask_for_the_close),
        CASE(http_1_0_gets_no_chunks),
        CASE(head_gets_the_head_only),
        CASE(events_are_not_to_be_collected),
        CASE(a_request_behind_a_stream_waits_for_its_end),
        CASE(a_silent_stream_is_not_timed_out),
        CASE(a_client_that_closes_is_noticed_in_silence),
        CASE(a_client_that_resets_is_noticed_in_silence),
        CASE(a_client_that_is_gone_is_noticed_in_writing),
        CASE(a_client_that_stops_reading_is_let_go),
        CASE(the_backlog_goes_when_the_client_reads),
        CASE(what_is_queued_at_the_end_still_arrives),
        CASE(an_aborted_stream_lacks_its_last_chunk),
        CASE(an_aborted_stream_without_chunks_is_reset),
        CASE(draining_waits_for_a_stream_and_closes_behind_it),
        CASE(a_stream_that_outlasts_the_grace_is_cut_visibly),
        CASE(one_line_is_logged_for_each_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
