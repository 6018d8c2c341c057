/* From a whole request to its handler: who may ask, which route matches. Invariant: a handler only
 * sees parameters that are valid UTF-8 without NUL. */
#include "base/http_connection.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

static int hexadecimal(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Appends the percent-decoded text. -1 when it is malformed, or not UTF-8, or holds NUL. RFC 3986,
 * section 2.1; '+' is a blank in queries only. */
static int decode(const char *text, size_t size, bool query, struct buffer *decoded)
{
    if (buffer_append(decoded, "", 0) != 0)
        return -1;
    size_t start = decoded->size;
    for (size_t i = 0; i < size; i++) {
        char c = query && text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = i + 2 < size ? hexadecimal(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hexadecimal(text[i + 2]);
            if (low < 0 || (high == 0 && low == 0))
                return -1;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (buffer_append(decoded, &c, 1) != 0)
            return -1;
    }
    size_t length = decoded->size - start;
    return text_valid_utf8(decoded->data + start, length) == length ? 0 : -1;
}

static bool is_parameter(const char *segment, size_t size)
{
    return size > 2 && segment[0] == '{' && segment[size - 1] == '}';
}

/* Whether `path` matches the route, whose parameters are then in request->parameters. */
static bool matches(struct http_request *request, const struct http_route *route, const char *path)
{
    const char *pattern = route->path;
    size_t parameter = 0;
    BUFFER_LOCAL struct buffer segment = BUFFER_EMPTY;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t pattern_size = strcspn(pattern, "/");
        size_t size = strcspn(path, "/");
        buffer_clear(&segment);
        if (decode(path, size, false, &segment) != 0)
            return false;
        if (is_parameter(pattern, pattern_size)) {
            if (segment.size == 0 || parameter == HTTP_PARAMETER_MAXIMUM)
                return false;
            struct buffer *into = &request->parameters[parameter++];
            buffer_clear(into);
            if (buffer_append(into, segment.data, segment.size) != 0)
                return false;
        } else if (segment.size != pattern_size ||
                   memcmp(segment.data, pattern, pattern_size) != 0) {
            return false;
        }
        pattern += pattern_size;
        path += size;
    }
    return *pattern == '\0' && *path == '\0';
}

static bool accepts(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* The name in "NAME", "NAME:PORT" or "[NAME]:PORT". */
static size_t host_name_size(const char *host)
{
    if (host[0] == '[') {
        const char *end = strchr(host, ']');
        return end == NULL ? strlen(host) : (size_t)(end - host) + 1;
    }
    return strcspn(host, ":");
}

static bool is_loopback_name(const char *host)
{
    size_t size = host_name_size(host);
    if ((size == 9 && strncasecmp(host, "localhost", 9) == 0) ||
        (size == 5 && memcmp(host, "[::1]", 5) == 0))
        return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == size;
}

/* Whether a page from somewhere else is asking: a browser names the page's origin in cross-site
 * requests (and in all but GET and HEAD). RFC 6454, section 7. */
static bool is_foreign_origin(const struct http_message *message)
{
    const char *origin = http_message_header(message, "Origin");
    if (origin == NULL)
        return false;
    const char *host = strstr(origin, "://");
    return host == NULL || strcasecmp(host + 3, message->host) != 0;
}

/* Refuses what a browser was tricked into sending. True when the request was answered. */
static bool refuse_browsers(struct http_request *request)
{
    const struct http_message *message = &request->connection->parser.message;
    /* A name that an attacker's DNS points at loopback is not ours ("DNS rebinding"). */
    if (request->connection->server->loopback && message->host[0] != '\0' &&
        !is_loopback_name(message->host)) {
        http_respond_error(request, 421, ERROR_INVALID_REQUEST, "Host",
                           "this service listens on loopback only: ask it as localhost or "
                           "127.0.0.1, or configure another address to listen on");
        return true;
    }
    if (is_foreign_origin(message)) {
        http_respond_error(request, 403, ERROR_INVALID_REQUEST, "Origin",
                           "requests from web pages of another origin are not accepted");
        return true;
    }
    return false;
}

/* Appends `method` to the list unless it is there. */
static void allow(struct buffer *methods, const char *method)
{
    if (methods->size > 0 && strstr(methods->data, method) != NULL)
        return;
    (void)buffer_append_format(methods, "%s%s", methods->size == 0 ? "" : ", ", method);
}

void http_route_request(struct http_request *request)
{
    const struct http_server_options *options = &request->connection->server->options;
    const struct http_message *message = &request->connection->parser.message;
    BUFFER_LOCAL struct buffer methods = BUFFER_EMPTY;
    if (refuse_browsers(request))
        return;
    for (size_t i = 0; i < options->route_count; i++) {
        const struct http_route *route = &options->routes[i];
        if (!matches(request, route, message->path))
            continue;
        if (accepts(route, message->method)) {
            request->route = route;
            route->handler(request, options->argument);
            return;
        }
        allow(&methods, route->method);
        if (strcmp(route->method, "GET") == 0)
            allow(&methods, "HEAD");
    }
    if (methods.size > 0) {
        http_response_header(request, "Allow", methods.data);
        http_respond_error(request, 405, ERROR_INVALID_REQUEST, "method",
                           "this path accepts %s only", methods.data);
    } else {
        http_respond_error(request, 404, ERROR_INVALID_REQUEST, "path", "there is no such path");
    }
}

const char *http_request_parameter(const struct http_request *request, const char *name)
{
    size_t length = strlen(name);
    size_t parameter = 0;
    const char *segment = request->route->path;
    while (*segment == '/') {
        segment++;
        size_t size = strcspn(segment, "/");
        if (is_parameter(segment, size)) {
            if (size == length + 2 && memcmp(segment + 1, name, length) == 0)
                return buffer_text(&request->parameters[parameter]);
            parameter++;
        }
        segment += size;
    }
    return NULL;
}

const char *http_request_query(struct http_request *request, const char *name)
{
    const char *at = request->connection->parser.message.query;
    while (*at != '\0') {
        size_t size = strcspn(at, "&");
        size_t name_size = strcspn(at, "&=");
        buffer_clear(&request->query);
        bool same = decode(at, name_size, true, &request->query) == 0 &&
                    strcmp(request->query.data, name) == 0;
        size_t value = name_size < size ? name_size + 1 : size;
        buffer_clear(&request->query);
        if (same)
            return decode(at + value, size - value, true, &request->query) == 0
                       ? request->query.data
                       : NULL;
        at += at[size] == '&' ? size + 1 : size;
    }
    return NULL;
}
