/* libFuzzer target: any bytes to the HTTP parser. The first byte says in runs of how many bytes
 * they come; the outcome must be that of byte by byte, and what is accepted must keep the parser's
 * promises.
 *
 *     build-fuzz/tests/fuzz/fuzz_http_request -max_total_time=600 CORPUS
 * tests/fuzz/corpus/http_request
 */
#include "base/http_parser.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAXIMUM 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text)
{
    require(text != NULL && strpbrk(text, "\r\n") == NULL);
}

static void check_message(const struct http_message *message)
{
    check_text(message->method);
    check_text(message->path);
    check_text(message->query);
    check_text(message->host);
    require(message->method[0] != '\0');
    require(message->path[0] == '/' || strcmp(message->path, "*") == 0);
    require(message->body.size <= BODY_MAXIMUM);
    require(message->header_count <= HTTP_HEADER_MAXIMUM);
    for (size_t i = 0; i < message->header_count; i++) {
        check_text(message->headers[i].name);
        check_text(message->headers[i].value);
    }
    require(http_message_header(message, "Transfer-Encoding") == NULL ||
            http_message_header(message, "Content-Length") == NULL);
}

/* Feeds one message in runs of `step` bytes. Returns the bytes taken. */
static size_t feed(struct http_parser *parser, const char *bytes, size_t size, size_t step)
{
    size_t at = 0;
    while (at < size && parser->state != HTTP_PARSER_DONE && parser->state != HTTP_PARSER_FAILED) {
        size_t run = size - at < step ? size - at : step;
        size_t taken = http_parser_feed(parser, bytes + at, run);
        require(taken > 0 && taken <= run);
        at += taken;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = data[0] == 0 ? size : data[0];
    const char *bytes = (const char *)data + 1;
    size--;
    struct http_parser in_runs;
    struct http_parser by_bytes;
    http_parser_init(&in_runs, BODY_MAXIMUM);
    http_parser_init(&by_bytes, BODY_MAXIMUM);
    while (size > 0) {
        size_t taken = feed(&in_runs, bytes, size, step);
        require(feed(&by_bytes, bytes, size, 1) == taken);
        require(in_runs.state == by_bytes.state && in_runs.status == by_bytes.status);
        if (in_runs.state != HTTP_PARSER_DONE)
            break;
        check_message(&in_runs.message);
        require(in_runs.message.body.size == by_bytes.message.body.size);
        http_parser_reset(&in_runs);
        http_parser_reset(&by_bytes);
        bytes += taken;
        size -= taken;
    }
    http_parser_free(&in_runs);
    http_parser_free(&by_bytes);
    return 0;
}
