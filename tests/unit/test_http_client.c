/* src/base/http_client.c: against the HTTP server of this project, and against sockets that
 * misbehave. */
#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/log.h"

#include <dlfcn.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct event_base *loop;
    struct http_server *server;
    struct http_client *client;
    struct http_request *held;
    int gone;
    /* Of the last call that ended: */
    int ended;
    int status; /* 0 when there was no reply */
    char body[256];
    char content_type[64];
    char retry_after[16];
    char request_id[32];
    struct error error;
};

static void echo(struct http_request *request, void *argument)
{
    (void)argument;
    size_t size;
    const char *body = http_request_body(request, &size);
    http_response_header(request, "Retry-After", "7");
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s, s:s*}", "method", http_request_method(request), "body",
                                body, "x", http_request_header(request, "X-Test")));
}

static void redirect(struct http_request *request, void *argument)
{
    (void)argument;
    http_response_header(request, "Location", "/echo");
    http_respond(request, 302, "text/plain", "elsewhere", 9);
}

static void on_gone(void *argument)
{
    struct fixture *fixture = argument;
    fixture->gone++;
    fixture->held = NULL;
}

static void hold(struct http_request *request, void *argument)
{
    struct fixture *fixture = argument;
    fixture->held = request;
    http_request_on_gone(request, on_gone, fixture);
}

static const struct http_route routes[] = {
    {"GET", "/echo", echo},         {"POST", "/echo", echo}, {"DELETE", "/echo", echo},
    {"GET", "/redirect", redirect}, {"GET", "/hold", hold},
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = ERROR_NONE;
    log_configure("test", LOG_ERROR, false);
    fixture->loop = event_loop_new(&error);
    const struct http_server_options options = {.host = "127.0.0.1",
                                                .routes = routes,
                                                .route_count = sizeof(routes) / sizeof(*routes),
                                                .argument = fixture};
    fixture->server = http_server_start(fixture->loop, &options, &error);
    fixture->client = http_client_new(fixture->loop, &error);
    *state = fixture;
    return fixture->server == NULL || fixture->client == NULL;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    http_client_free(fixture->client);
    http_server_free(fixture->server);
    event_base_free(fixture->loop);
    free(fixture);
    return 0;
}

static void on_done(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct fixture *fixture = argument;
    fixture->ended++;
    fixture->status = reply == NULL ? 0 : reply->status;
    fixture->error = *error;
    if (reply == NULL)
        return;
    (void)snprintf(fixture->body, sizeof(fixture->body), "%s", reply->body);
    (void)snprintf(fixture->content_type, sizeof(fixture->content_type), "%s", reply->content_type);
    (void)snprintf(fixture->retry_after, sizeof(fixture->retry_after), "%s", reply->retry_after);
    (void)snprintf(fixture->request_id, sizeof(fixture->request_id), "%s", reply->request_id);
}

static struct http_call *start(struct fixture *fixture, struct http_call_options options,
                               const char *path)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(fixture->server),
                   path);
    options.url = url;
    struct error error = ERROR_NONE;
    int ended = fixture->ended;
    struct http_call *call = http_call_start(fixture->client, &options, on_done, fixture, &error);
    if (call == NULL)
        fail_msg("%s", error.message);
    assert_int_equal(fixture->ended, ended);
    return call;
}

static void wait_for_end(const struct fixture *fixture, int ended)
{
    while (fixture->ended < ended)
        assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
}

static void a_call_gets_its_reply(void **state)
{
    struct fixture *fixture = *state;
    static const char *const headers[] = {"Content-Type: application/json", "X-Test: passed on",
                                          "X-Request-Id: id-1"};
    const struct http_call_options options = {
        .headers = headers, .header_count = 3, .body = "hello", .body_size = 5};
    start(fixture, options, "/echo");
    wait_for_end(fixture, 1);
    assert_int_equal(fixture->status, 200);
    assert_int_equal(fixture->error.kind, ERROR_OK);
    assert_string_equal(fixture->body,
                        "{\"method\":\"POST\",\"body\":\"hello\",\"x\":\"passed on\"}\n");
    assert_string_equal(fixture->content_type, "application/json");
    assert_string_equal(fixture->retry_after, "7");
    assert_string_equal(fixture->request_id, "id-1");
}

static void methods_and_statuses_are_passed_on(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct http_call_options){0}, "/echo");
    wait_for_end(fixture, 1);
    assert_non_null(strstr(fixture->body, "\"GET\""));
    start(fixture, (struct http_call_options){.method = "DELETE"}, "/echo");
    wait_for_end(fixture, 2);
    assert_non_null(strstr(fixture->body, "\"DELETE\""));
    start(fixture, (struct http_call_options){.method = "HEAD"}, "/echo");
    wait_for_end(fixture, 3);
    assert_int_equal(fixture->status, 200);
    assert_string_equal(fixture->body, "");
    start(fixture, (struct http_call_options){0}, "/none");
    wait_for_end(fixture, 4);
    assert_int_equal(fixture->status, 404);
}

static void redirects_are_not_followed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct http_call_options){0}, "/redirect");
    wait_for_end(fixture, 1);
    assert_int_equal(fixture->status, 302);
    assert_string_equal(fixture->body, "elsewhere");
}

static void many_calls_run_at_once(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 50; i++)
        start(fixture, (struct http_call_options){0}, "/echo");
    wait_for_end(fixture, 50);
    assert_int_equal(fixture->status, 200);
}

static void a_call_ends_at_its_time_limit(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct http_call_options){.total_timeout_ms = 100}, "/hold");
    wait_for_end(fixture, 1);
    assert_int_equal(fixture->status, 0);
    assert_int_equal(fixture->error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(fixture->error.message, "no answer from 127.0.0.1"));
}

static void a_cancelled_call_is_not_heard_of_again(void **state)
{
    struct fixture *fixture = *state;
    struct http_call *call = start(fixture, (struct http_call_options){0}, "/hold");
    while (fixture->held == NULL)
        assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
    http_call_cancel(call);
    while (fixture->gone == 0)
        assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
    assert_int_equal(fixture->ended, 0);
}

static void an_answer_that_is_too_large_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct http_call_options){.max_response_bytes = 10}, "/echo");
    wait_for_end(fixture, 1);
    assert_int_equal(fixture->status, 0);
    assert_int_equal(fixture->error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(fixture->error.message, "larger than 10 bytes"));
}

static void check_url(struct fixture *fixture, const char *url, enum error_kind kind)
{
    struct error error = ERROR_NONE;
    int ended = fixture->ended;
    const struct http_call_options options = {.url = url};
    struct http_call *call = http_call_start(fixture->client, &options, on_done, fixture, &error);
    if (call != NULL) {
        wait_for_end(fixture, ended + 1);
        assert_int_equal(fixture->status, 0);
        error = fixture->error;
    }
    assert_int_equal(error.kind, kind);
}

static void urls_that_are_not_http_are_refused(void **state)
{
    struct fixture *fixture = *state;
    check_url(fixture, "file:///etc/passwd", ERROR_INVALID_REQUEST);
    check_url(fixture, "gopher://127.0.0.1/", ERROR_INVALID_REQUEST);
    check_url(fixture, "http://", ERROR_INVALID_REQUEST);
    check_url(fixture, "", ERROR_INVALID_REQUEST);
    check_url(fixture, "http://127.0.0.1:99999/", ERROR_INVALID_REQUEST);
    check_url(fixture, "http://a b/", ERROR_INVALID_REQUEST);
}

/* A listening socket of which nobody accepts, or a port of which nobody listens. */
static int make_socket(bool listens, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &size), 0);
    if (listens)
        assert_int_equal(listen(fd, 4), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void nobody_listens(void **state)
{
    struct fixture *fixture = *state;
    uint16_t port;
    int fd = make_socket(false, &port);
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    check_url(fixture, url, ERROR_INTERNAL);
    assert_non_null(strstr(fixture->error.message, "no answer from 127.0.0.1"));
    close(fd);
}

static void what_is_no_http_is_no_reply(void **state)
{
    struct fixture *fixture = *state;
    static const char *const answers[] = {"nonsense\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 9",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ""};
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        uint16_t port;
        char url[64];
        int ended = fixture->ended;
        struct error error = ERROR_NONE;
        int listener = make_socket(true, &port);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        const struct http_call_options options = {.url = url};
        assert_non_null(http_call_start(fixture->client, &options, on_done, fixture, &error));
        int fd = -1;
        while (fd < 0) {
            (void)event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
            fd = accept(listener, NULL, NULL);
        }
        assert_int_equal(write(fd, answers[i], strlen(answers[i])), strlen(answers[i]));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        wait_for_end(fixture, ended + 1);
        assert_int_equal(fixture->status, 0);
        assert_int_equal(fixture->error.kind, ERROR_INTERNAL);
        close(fd);
        close(listener);
    }
}

static void a_proxy_of_the_environment_is_not_used_for_loopback(void **state)
{
    struct fixture *fixture = *state;
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    start(fixture, (struct http_call_options){.use_proxy = true}, "/echo");
    wait_for_end(fixture, 1);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
    assert_int_equal(fixture->status, 200);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const headers[] = {"X-Test: a\r\nX-Forged: b"};
    const struct http_call_options options = {
        .url = "http://127.0.0.1/", .headers = headers, .header_count = 1};
    struct error error = ERROR_NONE;
    assert_null(http_call_start(fixture->client, &options, on_done, fixture, &error));
    assert_int_equal(error.kind, ERROR_INTERNAL);
}

static int library_is_not_linked(void **state)
{
    (void)state;
    return dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD) != NULL;
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_call_gets_its_reply),
        CASE(methods_and_statuses_are_passed_on),
        CASE(redirects_are_not_followed),
        CASE(many_calls_run_at_once),
        CASE(a_call_ends_at_its_time_limit),
        CASE(a_cancelled_call_is_not_heard_of_again),
        CASE(an_answer_that_is_too_large_is_dropped),
        CASE(urls_that_are_not_http_are_refused),
        CASE(nobody_listens),
        CASE(what_is_no_http_is_no_reply),
        CASE(a_proxy_of_the_environment_is_not_used_for_loopback),
        CASE(a_header_with_a_line_break_is_refused),
    };
    return cmocka_run_group_tests(tests, library_is_not_linked, NULL);
}
