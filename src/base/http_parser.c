/* Parses HTTP/1 requests. Invariant: a message is DONE only when every rule of the header held;
 * whatever is in doubt FAILS, and nothing is parsed after that. */
#include "base/http_parser.h"

#include <string.h>
#include <strings.h>

static const char out_of_memory[] = "out of memory";

static void fail(struct http_parser *parser, int status, const char *problem)
{
    parser->state = HTTP_PARSER_FAILED;
    parser->status = status;
    parser->problem = problem;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        char c = *text;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && strchr(marks, c) == NULL)
            return false;
    }
    return true;
}

static bool is_visible(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f)
            return false;
    }
    return true;
}

/* RFC 9110, section 5.5: no control characters but the tab. */
static bool is_field_value(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    }
    return true;
}

const char *http_message_header(const struct http_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcasecmp(message->headers[i].name, name) == 0)
            return message->headers[i].value;
    }
    return NULL;
}

static size_t count_headers(const struct http_message *message, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < message->header_count; i++)
        count += strcasecmp(message->headers[i].name, name) == 0;
    return count;
}

/* Whether the comma-separated list in any header `name` holds `item`. */
static bool list_has(const struct http_message *message, const char *name, const char *item)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcasecmp(message->headers[i].name, name) != 0)
            continue;
        const char *at = message->headers[i].value;
        while (*at != '\0') {
            at += strspn(at, " \t,");
            size_t length = strcspn(at, " \t,");
            if (length == strlen(item) && strncasecmp(at, item, length) == 0)
                return true;
            at += length;
        }
    }
    return false;
}

/* Takes the authority off an absolute target ("http://HOST/PATH"). The rest, or NULL when it is no
 * usable URL. */
static char *take_authority(struct http_message *message, char *target)
{
    char *authority = target + strlen("http://");
    size_t length = strcspn(authority, "/?");
    if (length == 0 || memchr(authority, '@', length) != NULL)
        return NULL;
    /* One to the left, so that its NUL does not overwrite the '/' of the path. */
    memmove(authority - 1, authority, length);
    authority[length - 1] = '\0';
    message->host = authority - 1;
    return authority + length;
}

/* Splits the target in place. RFC 9112, section 3.2: origin form, absolute form, "*". */
static void parse_target(struct http_parser *parser, char *target)
{
    struct http_message *message = &parser->message;
    if (strlen(target) > HTTP_TARGET_MAXIMUM) {
        fail(parser, 414, "the request target is too long");
        return;
    }
    if (!is_visible(target) || strchr(target, '#') != NULL) {
        fail(parser, 400, "the request target holds a character that must be percent-encoded");
        return;
    }
    if (strncasecmp(target, "http://", strlen("http://")) == 0)
        target = take_authority(message, target);
    if (target == NULL ||
        (*target != '/' && *target != '?' && *target != '\0' && strcmp(target, "*") != 0)) {
        fail(parser, 400, "the request target must be a path that begins with '/'");
        return;
    }
    char *query = strchr(target, '?');
    if (query != NULL)
        *query++ = '\0';
    message->path = *target == '\0' ? "/" : target;
    message->query = query == NULL ? "" : query;
}

/* RFC 9112, section 3: method SP target SP version. */
static void parse_request_line(struct http_parser *parser, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target == NULL ? NULL : strchr(target + 1, ' ');
    if (version == NULL || target[1] == ' ' || target == line) {
        fail(parser, 400, "not an HTTP request line");
        return;
    }
    *target++ = '\0';
    *version++ = '\0';
    if (!is_token(line)) {
        fail(parser, 400, "the method is not a token");
    } else if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        bool http = strncmp(version, "HTTP/", 5) == 0;
        fail(parser, http ? 505 : 400,
             http ? "only HTTP/1.1 is spoken here" : "not an HTTP request line");
    } else {
        parser->version_1_0 = version[7] == '0';
        parser->message.method = line;
        parse_target(parser, target);
    }
}

static void parse_header(struct http_parser *parser, char *line)
{
    struct http_message *message = &parser->message;
    char *colon = strchr(line, ':');
    if (*line == ' ' || *line == '\t') {
        fail(parser, 400, "a header is folded over several lines");
        return;
    }
    if (colon == NULL) {
        fail(parser, 400, "a header has no colon");
        return;
    }
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = '\0';
    if (!is_token(line) || !is_field_value(value)) {
        fail(parser, 400, "a header holds a character that is not allowed there");
        return;
    }
    if (message->header_count == HTTP_HEADER_MAXIMUM) {
        fail(parser, 431, "too many headers");
        return;
    }
    message->headers[message->header_count++] = (struct http_header){.name = line, .value = value};
}

/* RFC 9112, section 3.2: one Host in HTTP/1.1; that of an absolute target counts more. */
static void check_host(struct http_parser *parser)
{
    struct http_message *message = &parser->message;
    size_t count = count_headers(message, "Host");
    if (count > 1 || (count == 0 && !parser->version_1_0)) {
        fail(parser, 400, "exactly one Host header is needed");
        return;
    }
    if (message->host == NULL)
        message->host = count == 0 ? "" : http_message_header(message, "Host");
    if (!is_visible(message->host) || strpbrk(message->host, "/?#@,") != NULL)
        fail(parser, 400, "the Host is not valid");
}

/* Digits only. Saturates: what does not fit is too large for any limit. */
static bool parse_length(const char *text, uint64_t *length)
{
    *length = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(*length, 10, length) ||
            __builtin_add_overflow(*length, (uint64_t)(*text - '0'), length))
            *length = UINT64_MAX / 16;
    }
    return true;
}

static const char too_large[] = "the body is too large";

/* RFC 9112, section 6.3, with nothing left to interpretation. */
static void choose_framing(struct http_parser *parser)
{
    const struct http_message *message = &parser->message;
    const char *coding = http_message_header(message, "Transfer-Encoding");
    const char *length = http_message_header(message, "Content-Length");
    if (coding != NULL && (length != NULL || parser->version_1_0 ||
                           count_headers(message, "Transfer-Encoding") != 1)) {
        fail(parser, 400, "the length of the body is given in two ways");
    } else if (coding != NULL && strcasecmp(coding, "chunked") != 0) {
        fail(parser, 501, "of transfer codings only \"chunked\" is known here");
    } else if (coding != NULL) {
        parser->state = HTTP_PARSER_CHUNK_SIZE;
    } else if (length == NULL) {
        parser->state = HTTP_PARSER_DONE;
    } else if (count_headers(message, "Content-Length") != 1 ||
               !parse_length(length, &parser->remaining)) {
        fail(parser, 400, "Content-Length must be one decimal number");
    } else if (parser->remaining > parser->body_maximum) {
        fail(parser, 413, too_large);
    } else {
        parser->state = parser->remaining == 0 ? HTTP_PARSER_DONE : HTTP_PARSER_BODY;
    }
}

static void finish_head(struct http_parser *parser)
{
    struct http_message *message = &parser->message;
    check_host(parser);
    if (parser->state == HTTP_PARSER_FAILED)
        return;
    message->keep_alive = parser->version_1_0 ? list_has(message, "Connection", "keep-alive")
                                              : !list_has(message, "Connection", "close");
    const char *expectation = http_message_header(message, "Expect");
    if (expectation != NULL && strcasecmp(expectation, "100-continue") != 0) {
        fail(parser, 417, "of expectations only \"100-continue\" is known here");
        return;
    }
    message->expects_continue = expectation != NULL && !parser->version_1_0;
    choose_framing(parser);
}

/* The head is whole: `head` ends with an empty line and holds no NUL and no bare CR or LF. */
static void parse_head(struct http_parser *parser)
{
    char *line = parser->head.data;
    for (bool first = true;; first = false) {
        char *end = strstr(line, "\r\n");
        if (end == line)
            break;
        *end = '\0';
        if (first)
            parse_request_line(parser, line);
        else
            parse_header(parser, line);
        if (parser->state == HTTP_PARSER_FAILED)
            return;
        line = end + 2;
    }
    finish_head(parser);
}

static bool ends_with(const struct buffer *buffer, const char *end)
{
    size_t size = strlen(end);
    return buffer->size >= size && memcmp(buffer->data + buffer->size - size, end, size) == 0;
}

/* Takes one byte of a line that ends in CR LF. False when it broke the rules (and the parser
 * failed). */
static bool take_line_byte(struct http_parser *parser, struct buffer *line, char byte)
{
    bool after_return = ends_with(line, "\r");
    if (byte == '\0' || (byte == '\n') != after_return) {
        fail(parser, 400,
             byte == '\0' ? "a NUL character in the head" : "a line must end with CR LF");
        return false;
    }
    if (buffer_append(line, &byte, 1) != 0) {
        fail(parser, 500, out_of_memory);
        return false;
    }
    return true;
}

/* How many of the bytes stand within a line: they need none of take_line_byte's questions. */
static size_t within_line(const struct buffer *line, const char *bytes, size_t size)
{
    if (ends_with(line, "\r"))
        return 0;
    size_t count = 0;
    while (count < size && bytes[count] != '\r' && bytes[count] != '\n' && bytes[count] != '\0')
        count++;
    return count;
}

/* What the head is, now that it has grown. */
static void check_head_end(struct http_parser *parser)
{
    if (parser->head.size == 2 && ends_with(&parser->head, "\r\n")) {
        /* One empty line before a request is tolerated (RFC 9112, section 2.2). */
        if (parser->skipped_line)
            fail(parser, 400, "not an HTTP request line");
        parser->skipped_line = true;
        buffer_clear(&parser->head);
    } else if (ends_with(&parser->head, "\r\n\r\n")) {
        parse_head(parser);
    } else if (parser->head.size >= HTTP_HEAD_MAXIMUM) {
        bool in_first_line = strstr(parser->head.data, "\r\n") == NULL;
        fail(parser, in_first_line ? 414 : 431,
             in_first_line ? "the request target is too long" : "the headers are too large");
    }
}

/* Takes one byte, or all at once up to the end of the line. Returns how many. */
static size_t feed_head(struct http_parser *parser, const char *bytes, size_t size)
{
    parser->state = HTTP_PARSER_HEAD;
    size_t room = HTTP_HEAD_MAXIMUM - parser->head.size;
    size_t taken = within_line(&parser->head, bytes, size < room ? size : room);
    if (taken == 0) {
        taken = 1;
        if (!take_line_byte(parser, &parser->head, bytes[0]))
            return taken;
    } else if (buffer_append(&parser->head, bytes, taken) != 0) {
        fail(parser, 500, out_of_memory);
        return taken;
    }
    check_head_end(parser);
    return taken;
}

/* The size of a chunk from its line, which ends in CR LF. RFC 9112, section 7.1, without
 * extensions. */
static void parse_chunk_size(struct http_parser *parser)
{
    const char *digits = parser->line.data;
    size_t count = parser->line.size - 2;
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *hexadecimal = "0123456789abcdef";
        char digit = digits[i] >= 'A' && digits[i] <= 'F' ? (char)(digits[i] + 32) : digits[i];
        const char *found = strchr(hexadecimal, digit);
        if (found == NULL || count > 8) {
            fail(parser, 400, "the size of a chunk is not valid");
            return;
        }
        size = size * 16 + (uint64_t)(found - hexadecimal);
    }
    if (count == 0)
        fail(parser, 400, "the size of a chunk is not valid");
    else if (size > parser->body_maximum - parser->message.body.size)
        fail(parser, 413, too_large);
    else
        parser->state = size == 0 ? HTTP_PARSER_LAST_CHUNK : HTTP_PARSER_CHUNK_DATA;
    parser->remaining = size;
    buffer_clear(&parser->line);
}

/* The line of a chunk's size. */
static void feed_chunk_size(struct http_parser *parser, char byte)
{
    if (!take_line_byte(parser, &parser->line, byte))
        return;
    if (ends_with(&parser->line, "\r\n"))
        parse_chunk_size(parser);
    else if (parser->line.size > 16)
        fail(parser, 400, "the size of a chunk is not valid");
}

/* The empty line behind a chunk, or behind the last one. */
static void feed_chunk_end(struct http_parser *parser, char byte)
{
    bool last = parser->state == HTTP_PARSER_LAST_CHUNK;
    if (byte != "\r\n"[parser->line.size])
        fail(parser, 400, last ? "trailers are not accepted" : "a chunk is longer than said");
    else if (parser->line.size == 0)
        (void)take_line_byte(parser, &parser->line, byte);
    else {
        parser->state = last ? HTTP_PARSER_DONE : HTTP_PARSER_CHUNK_SIZE;
        buffer_clear(&parser->line);
    }
}

/* Takes bytes of the body or of a chunk. */
static size_t feed_data(struct http_parser *parser, const char *bytes, size_t size)
{
    if (size > parser->remaining)
        size = (size_t)parser->remaining;
    if (buffer_append(&parser->message.body, bytes, size) != 0) {
        fail(parser, 500, out_of_memory);
        return 0;
    }
    parser->remaining -= size;
    if (parser->remaining == 0)
        parser->state =
            parser->state == HTTP_PARSER_BODY ? HTTP_PARSER_DONE : HTTP_PARSER_CHUNK_END;
    return size;
}

size_t http_parser_feed(struct http_parser *parser, const char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        switch (parser->state) {
        case HTTP_PARSER_IDLE:
        case HTTP_PARSER_HEAD:
            at += feed_head(parser, bytes + at, size - at);
            break;
        case HTTP_PARSER_BODY:
        case HTTP_PARSER_CHUNK_DATA:
            at += feed_data(parser, bytes + at, size - at);
            break;
        case HTTP_PARSER_CHUNK_SIZE:
            feed_chunk_size(parser, bytes[at++]);
            break;
        case HTTP_PARSER_CHUNK_END:
        case HTTP_PARSER_LAST_CHUNK:
            feed_chunk_end(parser, bytes[at++]);
            break;
        case HTTP_PARSER_DONE:
        case HTTP_PARSER_FAILED:
            return at;
        }
    }
    return at;
}

void http_parser_init(struct http_parser *parser, size_t body_maximum)
{
    *parser = (struct http_parser){.body_maximum = body_maximum};
}

/* A large body is not kept for the next message: thousands of idle connections would hold it. */
#define BODY_KEPT ((size_t)65536)

void http_parser_reset(struct http_parser *parser)
{
    struct http_parser old = *parser;
    http_parser_init(parser, old.body_maximum);
    parser->head = old.head;
    parser->line = old.line;
    parser->message.body = old.message.body;
    buffer_clear(&parser->head);
    buffer_clear(&parser->line);
    buffer_clear(&parser->message.body);
    if (parser->message.body.capacity > BODY_KEPT)
        buffer_free(&parser->message.body);
}

void http_parser_free(struct http_parser *parser)
{
    buffer_free(&parser->head);
    buffer_free(&parser->line);
    buffer_free(&parser->message.body);
}
