/* Answers in pieces. Invariant: between http_respond_begin and its end the connection is HANDLING,
 * and whatever ends it otherwise leaves the client something to tell it by: the last chunk is
 * missing, or the connection is reset. */
#include "base/http_connection.h"

#include "base/server_sent_events.h"

#include <stdio.h>
#include <string.h>

void http_respond_begin(struct http_request *request, int status, const char *content_type)
{
    struct http_connection *connection = request->connection;
    bool chunked = !connection->parser.version_1_0;
    request->pieces = (struct http_pieces){
        .status = status,
        .chunked = chunked,
        .close_is_end = !chunked && !http_request_is_head(request),
        .close = !chunked || http_request_closes(request),
    };
    /* A proxy would collect the events of minutes; nginx listens to this. */
    if (strcmp(content_type, SERVER_SENT_EVENTS_CONTENT_TYPE) == 0)
        http_response_header(request, "X-Accel-Buffering", "no");
    BUFFER_LOCAL struct buffer head = BUFFER_EMPTY;
    if (http_response_append_head(&head, request, status, content_type,
                                  chunked ? "Transfer-Encoding: chunked\r\n" : "",
                                  request->pieces.close) == 0)
        http_connection_send(connection, &(struct iovec){head.data, head.size}, 1);
    else
        http_connection_break(connection);
}

/* RFC 9112, section 7.1. */
void http_respond_part(struct http_request *request, const void *bytes, size_t size)
{
    if (size == 0 || http_request_is_head(request))
        return;
    char start[24];
    char end[] = "\r\n";
    int length = snprintf(start, sizeof(start), "%zx\r\n", size);
    const struct iovec parts[] = {
        {start, (size_t)length}, {(void *)bytes, size}, {end, sizeof(end) - 1}};
    if (request->pieces.chunked)
        http_connection_send(request->connection, parts, 3);
    else
        http_connection_send(request->connection, &parts[1], 1);
}

void http_respond_end(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    char last[] = "0\r\n\r\n";
    if (request->pieces.chunked && !http_request_is_head(request))
        http_connection_send(connection, &(struct iovec){last, sizeof(last) - 1}, 1);
    bool close = request->pieces.close || connection->server->draining;
    http_request_log(request, request->pieces.status);
    http_connection_answered(connection, close);
}

void http_respond_abort(struct http_request *request, const struct error *error)
{
    struct http_connection *connection = request->connection;
    request->failure = *error;
    /* Without chunks a close would be the end of a whole answer (RFC 9112, section 8). */
    connection->reset = request->pieces.close_is_end;
    http_request_log(request, request->pieces.status);
    http_connection_answered(connection, true);
}

size_t http_respond_backlog(const struct http_request *request)
{
    return http_connection_backlog(request->connection);
}
