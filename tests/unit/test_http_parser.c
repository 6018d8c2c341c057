/* src/base/http_parser.c: each text is fed whole and byte by byte, with the same outcome. */
#include "base/http_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MAXIMUM 100

/* Feeds up to the end of one message. Returns the bytes taken. */
static size_t feed(struct http_parser *parser, const char *bytes, size_t size, size_t step)
{
    size_t at = 0;
    while (at < size && parser->state != HTTP_PARSER_DONE && parser->state != HTTP_PARSER_FAILED) {
        size_t run = size - at < step ? size - at : step;
        at += http_parser_feed(parser, bytes + at, run);
    }
    return at;
}

static void check_refused(const char *bytes, size_t size, int status)
{
    for (size_t step = 1; step <= size; step += size - 1) {
        struct http_parser parser;
        http_parser_init(&parser, BODY_MAXIMUM);
        (void)feed(&parser, bytes, size, step);
        if (parser.state != HTTP_PARSER_FAILED || parser.status != status)
            fail_msg("state %d status %d instead of %d for: %.200s", (int)parser.state,
                     parser.status, status, bytes);
        assert_non_null(parser.problem);
        http_parser_free(&parser);
    }
}

#define H "Host: x\r\n"

static void malformed_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GARBAGE\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: x\n\n", 400}, /* bare LF */
        {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: x\r\n\r\n", 400}, /* bare CR */
        {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
        {"GET / HTTP/1.1 \r\n" H "\r\n", 505},
        {" GET / HTTP/1.1\r\n" H "\r\n", 400},
        {"GET /\r\n" H "\r\n", 400}, /* HTTP/0.9 */
        {"G(T / HTTP/1.1\r\n" H "\r\n", 400},
        {"GET / HTTP/2.0\r\n" H "\r\n", 505},
        {"GET / HTTP/1.10\r\n" H "\r\n", 505},
        {"GET / http/1.1\r\n" H "\r\n", 400},
        {"GET index HTTP/1.1\r\n" H "\r\n", 400},
        {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400},
        {"CONNECT x:80 HTTP/1.1\r\n" H "\r\n", 400},
        {"GET http:// HTTP/1.1\r\n" H "\r\n", 400},
        {"GET http://user@x/ HTTP/1.1\r\n" H "\r\n", 400},
        {"GET https://x/ HTTP/1.1\r\n" H "\r\n", 400},
        {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400}, /* folded */
        {"GET / HTTP/1.1\r\n H\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" H "A\xc3: b\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 6\r\n\r\nabcde", 400},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 101\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 10000000000000\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 184467440737095516160\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].status);
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    check_refused(nul, sizeof(nul) - 1, 400);
}

#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

static void malformed_chunks_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {CHUNKED "\r\n", 400},
        {CHUNKED "g\r\n", 400},
        {CHUNKED "0x5\r\nabcde\r\n", 400},
        {CHUNKED "-1\r\n", 400},
        {CHUNKED "+5\r\n", 400},
        {CHUNKED " 5\r\n", 400},
        {CHUNKED "5 \r\n", 400},
        {CHUNKED "5\nabcde", 400},
        {CHUNKED "5;name=value\r\nabcde\r\n", 400},
        {CHUNKED "5\r\nabcdefg", 400},
        {CHUNKED "5\r\nabcde0\r\n\r\n", 400},
        {CHUNKED "65\r\n", 413}, /* 101 */
        {CHUNKED "ffffffff\r\n", 413},
        {CHUNKED "ffffffffffffffff\r\n", 400},
        {CHUNKED "10000000000000005\r\n", 400},
        {CHUNKED "00000000000000000000000000000005\r\n", 400},
        {CHUNKED "0\r\nTrailer: x\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].status);
    /* 60 and then 41 bytes: one more than the limit. */
    char text[400];
    (void)snprintf(text, sizeof(text), CHUNKED "3c\r\n%060d\r\n29\r\n", 0);
    check_refused(text, strlen(text), 413);
}

static void check_accepted(const char *text, const char *method, const char *path,
                           const char *query, const char *host, const char *body)
{
    size_t size = strlen(text);
    for (size_t step = 1; step <= size; step += size - 1) {
        struct http_parser parser;
        http_parser_init(&parser, BODY_MAXIMUM);
        size_t taken = feed(&parser, text, size, step);
        if (parser.state != HTTP_PARSER_DONE)
            fail_msg("%s: %s", parser.problem == NULL ? "unfinished" : parser.problem, text);
        assert_int_equal(taken, size);
        assert_string_equal(parser.message.method, method);
        assert_string_equal(parser.message.path, path);
        assert_string_equal(parser.message.query, query);
        assert_string_equal(parser.message.host, host);
        assert_string_equal(buffer_text(&parser.message.body), body);
        http_parser_free(&parser);
    }
}

static void requests_are_taken_apart(void **state)
{
    (void)state;
    check_accepted("GET /a/b%20c?x=1&y HTTP/1.1\r\n" H "\r\n", "GET", "/a/b%20c", "x=1&y", "x", "");
    check_accepted("\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET", "/", "", "x", "");
    check_accepted("OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS", "*", "", "x", "");
    check_accepted("BREW /pot HTTP/1.1\r\n" H "\r\n", "BREW", "/pot", "", "x", "");
    check_accepted("GET http://y:8/p?q HTTP/1.1\r\n" H "\r\n", "GET", "/p", "q", "y:8", "");
    check_accepted("GET HTTP://y HTTP/1.1\r\n" H "\r\n", "GET", "/", "", "y", "");
    check_accepted("GET http://y?q HTTP/1.1\r\n" H "\r\n", "GET", "/", "q", "y", "");
    check_accepted("GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", "");
    check_accepted("POST /p HTTP/1.1\r\n" H "content-LENGTH: 5\r\n\r\nab\r\nc", "POST", "/p", "",
                   "x", "ab\r\nc");
    check_accepted("POST /p HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST", "/p", "", "x", "");
    check_accepted(CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "POST", "/", "", "x",
                   "abc0123456789");
    check_accepted(CHUNKED "0\r\n\r\n", "POST", "/", "", "x", "");
}

static void keep_alive_is_as_the_client_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "connection: x, Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_parser parser;
        http_parser_init(&parser, BODY_MAXIMUM);
        (void)feed(&parser, cases[i].text, strlen(cases[i].text), 1000);
        assert_int_equal(parser.state, HTTP_PARSER_DONE);
        assert_int_equal(parser.message.keep_alive, cases[i].keep_alive);
        http_parser_free(&parser);
    }
}

static void messages_follow_one_another(void **state)
{
    (void)state;
    static const char text[] = "POST /1 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"
                               "GET /2 HTTP/1.1\r\n" H "A:  b c \t\r\n\r\n";
    struct http_parser parser;
    http_parser_init(&parser, BODY_MAXIMUM);
    size_t size = sizeof(text) - 1;
    size_t taken = feed(&parser, text, size, size);
    assert_int_equal(parser.state, HTTP_PARSER_DONE);
    assert_string_equal(parser.message.path, "/1");
    http_parser_reset(&parser);
    assert_int_equal(parser.state, HTTP_PARSER_IDLE);
    taken += feed(&parser, text + taken, size - taken, size);
    assert_int_equal(parser.state, HTTP_PARSER_DONE);
    assert_int_equal(taken, size);
    assert_string_equal(parser.message.path, "/2");
    assert_string_equal(http_message_header(&parser.message, "a"), "b c");
    assert_null(http_message_header(&parser.message, "b"));
    assert_int_equal(parser.message.body.size, 0);
    http_parser_free(&parser);
}

static void check_long(size_t target, size_t value, size_t headers, int status)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)buffer_append_format(&text, "GET /%0*d HTTP/1.1\r\n" H "A: %0*d\r\n", (int)target, 0,
                               (int)value, 0);
    for (size_t i = 0; i < headers; i++)
        (void)buffer_append_text(&text, "B: c\r\n");
    (void)buffer_append_text(&text, "\r\n");
    if (status != 0) {
        check_refused(text.data, text.size, status);
        return;
    }
    struct http_parser parser;
    http_parser_init(&parser, BODY_MAXIMUM);
    (void)feed(&parser, text.data, text.size, 4096);
    assert_int_equal(parser.state, HTTP_PARSER_DONE);
    http_parser_free(&parser);
}

static void the_head_has_limits(void **state)
{
    (void)state;
    check_long(8000, 8000, 50, 0);
    check_long(8192, 1, 0, 414);
    check_long(65536, 1, 0, 414);
    check_long(1, 16384, 0, 431);
    check_long(1, 100000, 0, 431);
    check_long(1, 1, 98, 0);
    check_long(1, 1, 99, 431);
    check_long(1, 1, 10000, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(requests_are_taken_apart),
        cmocka_unit_test(keep_alive_is_as_the_client_says),
        cmocka_unit_test(messages_follow_one_another),
        cmocka_unit_test(the_head_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
