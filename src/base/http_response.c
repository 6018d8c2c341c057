/* Answers of the HTTP server that are given whole, and the head of every one. Invariant: what is
 * put into a head was checked for line breaks, and a whole answer says its length. */
#include "base/http_connection.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Other"; /* RFC 9112, section 4: clients ignore it */
}

int http_status_of(enum error_kind kind)
{
    switch (kind) {
    case ERROR_OK:
        return 200;
    case ERROR_INVALID_REQUEST:
        return 400;
    case ERROR_BUSY:
        return 429;
    case ERROR_INTERPRETER_NOT_FOUND:
    case ERROR_KILLED:
        return 503;
    case ERROR_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

void http_request_log(const struct http_request *request, int status)
{
    const struct http_message *message = &request->connection->parser.message;
    const char *method = message->method == NULL ? "-" : message->method;
    const char *path = message->path == NULL ? "-" : message->path;
    int64_t microseconds = (int64_t)(http_now_us() - request->started_us);
    if (request->failure.kind == ERROR_OK)
        LOG(LOG_INFO, "request", log_text("id", request->id), log_text("method", method),
            log_text("path", path), log_number("status", status),
            log_number("wall_us", microseconds));
    else
        LOG(request->failure.kind == ERROR_INTERNAL ? LOG_ERROR : LOG_INFO, "request",
            log_text("id", request->id), log_text("method", method), log_text("path", path),
            log_number("status", status), log_number("wall_us", microseconds),
            log_text("kind", error_kind_name(request->failure.kind)),
            log_text("message", request->failure.message));
}

void http_request_clear(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    for (size_t i = 0; i < HTTP_PARAMETER_MAXIMUM; i++)
        buffer_free(&request->parameters[i]);
    buffer_free(&request->query);
    buffer_free(&request->headers);
    *request = (struct http_request){.connection = connection};
}

static bool is_header_text(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p < 0x20 || *p >= 0x7f)
            return false;
    }
    return true;
}

void http_response_header(struct http_request *request, const char *name, const char *value)
{
    if (is_header_text(name) && is_header_text(value))
        (void)buffer_append_format(&request->headers, "%s: %s\r\n", name, value);
}

/* RFC 9110, section 5.6.7, written anew each second. Without strftime's names, which follow the
 * locale. */
static const char *date(struct http_server *server)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    if (now == server->date_time && server->date[0] != '\0')
        return server->date;
    struct tm parts;
    (void)gmtime_r(&now, &parts);
    (void)snprintf(server->date, sizeof(server->date), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT",
                   days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon,
                   parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    server->date_time = now;
    return server->date;
}

static int append_line(struct buffer *head, const char *name, const char *value)
{
    int result = buffer_append_text(head, name);
    result |= buffer_append_text(head, ": ");
    result |= buffer_append_text(head, value);
    return result | buffer_append_text(head, "\r\n");
}

int http_response_append_head(struct buffer *head, const struct http_request *request, int status,
                              const char *content_type, const char *framing, bool close)
{
    int result = buffer_append_format(head, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    result |= append_line(head, "Date", date(request->connection->server));
    if (content_type != NULL)
        result |= append_line(head, "Content-Type", content_type);
    result |= buffer_append_text(head, framing);
    result |= append_line(head, "X-Request-Id", request->id);
    result |=
        buffer_append_text(head, "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
    result |= buffer_append_text(head, buffer_text(&request->headers));
    if (close)
        result |= buffer_append_text(head, "Connection: close\r\n");
    else if (request->connection->parser.version_1_0)
        result |= buffer_append_text(head, "Connection: keep-alive\r\n");
    return result | buffer_append_text(head, "\r\n");
}

bool http_request_is_head(const struct http_request *request)
{
    const char *method = request->connection->parser.message.method;
    return method != NULL && strcmp(method, "HEAD") == 0;
}

bool http_request_closes(const struct http_request *request)
{
    const struct http_connection *connection = request->connection;
    return !connection->parser.message.keep_alive || connection->server->draining ||
           connection->parser.state != HTTP_PARSER_DONE;
}

void http_respond(struct http_request *request, int status, const char *content_type,
                  const void *body, size_t size)
{
    struct http_connection *connection = request->connection;
    bool close = http_request_closes(request);
    BUFFER_LOCAL struct buffer head = BUFFER_EMPTY;
    char framing[48] = "";
    if (status != 204)
        (void)snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", size);
    if (http_response_append_head(&head, request, status, content_type, framing, close) == 0) {
        const struct iovec parts[] = {{head.data, head.size}, {(void *)body, size}};
        http_connection_send(connection, parts, http_request_is_head(request) ? 1 : 2);
    } else {
        http_connection_break(connection);
    }
    http_request_log(request, status);
    http_connection_answered(connection, close);
}

void http_respond_json(struct http_request *request, int status, json_t *body)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    int result = body == NULL ? -1 : json_text_append(body, &text);
    json_decref(body);
    if (result == 0 && buffer_append_text(&text, "\n") == 0) {
        http_respond(request, status, "application/json", text.data, text.size);
        return;
    }
    static const char failure[] =
        "{\"error\":{\"kind\":\"internal\",\"message\":\"out of memory\"}}\n";
    error_set(&request->failure, ERROR_INTERNAL, "out of memory");
    http_respond(request, 500, "application/json", failure, sizeof(failure) - 1);
}

/* Answers with request->failure. */
static void respond_failure(struct http_request *request, int status, const char *field)
{
    const struct error *failure = &request->failure;
    json_t *details = json_pack("{s:s, s:o}", "kind", error_kind_name(failure->kind), "message",
                                json_text_from_bytes(failure->message, strlen(failure->message)));
    if (details != NULL && field != NULL)
        (void)json_object_set_new(details, "field", json_text_from_bytes(field, strlen(field)));
    http_respond_json(request, status, json_pack("{s:o}", "error", details));
}

void http_respond_error(struct http_request *request, int status, enum error_kind kind,
                        const char *field, const char *format, ...)
{
    char message[sizeof(request->failure.message)];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    error_set(&request->failure, kind, "%s", message);
    respond_failure(request, status, field);
}

void http_respond_failure(struct http_request *request, const struct error *error)
{
    if (error->kind == ERROR_BUSY)
        http_response_header(request, "Retry-After", "1");
    request->failure = *error;
    respond_failure(request, http_status_of(error->kind), NULL);
}

void http_respond_fault(struct http_request *request, const struct json_fault *fault)
{
    request->failure = fault->error;
    respond_failure(request, fault->too_large ? 413 : http_status_of(fault->error.kind),
                    fault->field[0] == '\0' ? NULL : fault->field);
}

json_t *http_request_json(struct http_request *request)
{
    if (http_request_header(request, "Content-Encoding") != NULL) {
        http_respond_error(request, 415, ERROR_INVALID_REQUEST, "Content-Encoding",
                           "the body must be sent without a content coding");
        return NULL;
    }
    struct json_fault fault = JSON_FAULT_NONE;
    size_t size;
    const char *body = http_request_body(request, &size);
    json_t *value = json_text_parse(body, size, &fault);
    if (value != NULL && !json_is_object(value))
        json_fault_set(&fault, "body", "the body must be a JSON object");
    if (fault.error.kind == ERROR_OK)
        return value;
    json_decref(value);
    http_respond_fault(request, &fault);
    return NULL;
}

const char *http_request_method(const struct http_request *request)
{
    return request->connection->parser.message.method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->connection->parser.message.path;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return http_message_header(&request->connection->parser.message, name);
}

const char *http_request_body(const struct http_request *request, size_t *size)
{
    const struct buffer *body = &request->connection->parser.message.body;
    *size = body->size;
    return buffer_text(body);
}

const char *http_request_id(const struct http_request *request)
{
    return request->id;
}

void *http_request_server_argument(const struct http_request *request)
{
    return request->connection->server->options.argument;
}

void http_request_on_gone(struct http_request *request, void (*gone)(void *argument),
                          void *argument)
{
    request->gone = gone;
    request->gone_argument = argument;
}
