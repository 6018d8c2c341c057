/* Parses HTTP/1 requests (RFC 9112): bytes in, messages out; knows no socket. Private to the HTTP
 * server (and its tests).
 *
 * Stricter than the standard demands of a server, so that no intermediary can have read the same
 * bytes in another way: lines end in CR LF; no folded header lines; no blank before a colon;
 * Content-Length is digits, given once and never together with Transfer-Encoding; of transfer
 * codings only "chunked"; no chunk extensions and no trailers.
 */
#ifndef SHANNON_BASE_HTTP_PARSER_H
#define SHANNON_BASE_HTTP_PARSER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAXIMUM ((size_t)16384)  /* bytes of request line and headers: 431 */
#define HTTP_TARGET_MAXIMUM ((size_t)8192) /* bytes of the request target: 414 */
#define HTTP_HEADER_MAXIMUM 100            /* headers: 431 */

struct http_header {
    const char *name; /* as sent */
    const char *value;
};

/* Strings belong to the parser and stay until http_parser_reset. */
struct http_message {
    const char *method; /* a token, upper or lower case as sent */
    const char *path;   /* begins with '/', or is "*"; as sent, so percent-encoded */
    const char *query;  /* behind '?', as sent; "" when there is none */
    const char *host;   /* of the Host header or of an absolute target; "" in HTTP/1.0 without */
    struct http_header headers[HTTP_HEADER_MAXIMUM];
    size_t header_count;
    struct buffer body;
    bool keep_alive;       /* the connection may be used again */
    bool expects_continue; /* Expect: 100-continue */
};

enum http_parser_state {
    HTTP_PARSER_IDLE, /* nothing of the next message was seen */
    HTTP_PARSER_HEAD,
    HTTP_PARSER_BODY,
    HTTP_PARSER_CHUNK_SIZE,
    HTTP_PARSER_CHUNK_DATA,
    HTTP_PARSER_CHUNK_END,
    HTTP_PARSER_LAST_CHUNK,
    HTTP_PARSER_DONE,  /* `message` is whole; http_parser_reset before the next */
    HTTP_PARSER_FAILED /* see `status` and `problem`; the connection cannot be used further */
};

struct http_parser {
    enum http_parser_state state;
    struct http_message message;
    size_t body_maximum;
    struct buffer head;
    struct buffer line; /* of a chunk's size */
    uint64_t remaining; /* of the body or the chunk */
    bool version_1_0;
    bool skipped_line;   /* an empty line before the message */
    int status;          /* when failed: 400, 413, 414, 417, 431, 500, 501, 505 */
    const char *problem; /* one sentence, static */
};

/* For bodies of at most `body_maximum` bytes. */
void http_parser_init(struct http_parser *parser, size_t body_maximum);

/* Takes bytes until they end or the message does (or fails). Returns how many were taken. */
size_t http_parser_feed(struct http_parser *parser, const char *bytes, size_t size);

/* Forgets the message, ready for the next one of the connection. */
void http_parser_reset(struct http_parser *parser);

/* Releases the memory. */
void http_parser_free(struct http_parser *parser);

/* The value of the first header called `name` (in any case), or NULL. */
const char *http_message_header(const struct http_message *message, const char *name);

#endif
