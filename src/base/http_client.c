/* The HTTP client: libcurl's multi interface driven by libevent (libcurl-multi(3)). Invariants: no
 * call back into curl happens inside a callback of curl; a call is in the client's list until it is
 * freed. */
#include "base/http_client.h"

#include "base/buffer.h"
#include "base/http_client_curl.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define DEFAULT_CONNECT_TIMEOUT_MS 5000
#define DEFAULT_TOTAL_TIMEOUT_MS 60000
#define DEFAULT_RESPONSE_BYTES ((size_t)16 << 20)

struct http_client {
    const struct http_client_curl *curl;
    struct event_base *loop;
    CURLM *multi;
    struct event *timer;
    TAILQ_HEAD(, http_call) calls;
};

/* The headers that a reply passes on, in the order of struct http_call.headers. */
static const char *const header_names[] = {"Content-Type", "X-Request-Id", "Retry-After"};
enum { CONTENT_TYPE, REQUEST_ID, RETRY_AFTER, HEADER_COUNT };

struct http_call {
    TAILQ_ENTRY(http_call) link;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *request_headers;
    char host[256]; /* for messages */
    char problem[CURL_ERROR_SIZE];
    struct buffer body;
    struct buffer headers[HEADER_COUNT];
    size_t max_response_bytes;
    bool too_large;
    bool head_is_whole; /* the empty line behind the headers has come */
    http_call_done *done;
    void *argument;
};

static void call_free(struct http_call *call)
{
    const struct http_client_curl *curl = call->client->curl;
    TAILQ_REMOVE(&call->client->calls, call, link);
    if (call->easy != NULL) {
        (void)curl->multi_remove_handle(call->client->multi, call->easy);
        curl->easy_cleanup(call->easy);
    }
    curl->slist_free_all(call->request_headers);
    buffer_free(&call->body);
    for (size_t i = 0; i < HEADER_COUNT; i++)
        buffer_free(&call->headers[i]);
    free(call);
}

static void report_failure(struct http_call *call, CURLcode code)
{
    struct error error = ERROR_NONE;
    enum error_kind kind = ERROR_INTERNAL;
    if (code == CURLE_OPERATION_TIMEDOUT)
        kind = ERROR_TIMEOUT;
    else if (code == CURLE_URL_MALFORMAT)
        kind = ERROR_INVALID_REQUEST;
    if (call->too_large)
        error_set(&error, kind, "the answer of %s is larger than %zu bytes", call->host,
                  call->max_response_bytes);
    else
        error_set(&error, kind, "no answer from %s: %s", call->host,
                  call->problem[0] != '\0' ? call->problem
                                           : call->client->curl->easy_strerror(code));
    call->done(call->argument, NULL, &error);
}

static void report(struct http_call *call, CURLcode code)
{
    /* An end of the connection within the headers is no failure to curl. */
    if (code == CURLE_OK && !call->head_is_whole)
        code = CURLE_RECV_ERROR;
    if (code != CURLE_OK) {
        report_failure(call, code);
        return;
    }
    long status = 0;
    (void)call->client->curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    struct http_reply reply = {
        .status = (int)status,
        .body = buffer_text(&call->body),
        .body_size = call->body.size,
        .content_type = buffer_text(&call->headers[CONTENT_TYPE]),
        .request_id = buffer_text(&call->headers[REQUEST_ID]),
        .retry_after = buffer_text(&call->headers[RETRY_AFTER]),
    };
    struct error none = ERROR_NONE;
    call->done(call->argument, &reply, &none);
}

/* Reports the calls that have ended. `done` may start and cancel others meanwhile. */
static void report_ended(struct http_client *client)
{
    int left;
    const CURLMsg *message;
    while ((message = client->curl->multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *private = NULL;
        (void)client->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_call *call = (struct http_call *)(void *)private;
        report(call, code);
        call_free(call);
    }
}

static void act(struct http_client *client, curl_socket_t fd, int what)
{
    int running;
    (void)client->curl->multi_socket_action(client->multi, fd, what, &running);
    report_ended(client);
}

static void on_socket(evutil_socket_t fd, short what, void *argument)
{
    int action = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                 ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    act(argument, fd, action);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    act(argument, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_SOCKETFUNCTION(3): curl says which events of a socket it waits for. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *socket_data)
{
    (void)easy;
    struct http_client *client = argument;
    struct event *event = socket_data;
    if (event != NULL)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        short events = (short)(EV_PERSIST | ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                               ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));
        event = event_new(client->loop, fd, events, on_socket, client);
        if (event == NULL || event_add(event, NULL) != 0)
            return -1;
    }
    (void)client->curl->multi_assign(client->multi, fd, event);
    return 0;
}

/* CURLMOPT_TIMERFUNCTION(3). */
static int set_timer(CURLM *multi, long milliseconds, void *argument)
{
    (void)multi;
    struct http_client *client = argument;
    if (milliseconds < 0) {
        (void)event_del(client->timer);
        return 0;
    }
    struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = (milliseconds % 1000) * 1000};
    return event_add(client->timer, &time);
}

static size_t take_body(char *bytes, size_t unit, size_t count, void *argument)
{
    struct http_call *call = argument;
    size_t size = unit * count;
    if (size > call->max_response_bytes - call->body.size) {
        call->too_large = true;
        return 0;
    }
    return buffer_append(&call->body, bytes, size) == 0 ? size : 0;
}

static size_t take_header(char *bytes, size_t unit, size_t count, void *argument)
{
    struct http_call *call = argument;
    size_t size = unit * count;
    /* An interim response (100 Continue) may come before the one that counts, trailers after it. */
    bool status_line = size > 5 && memcmp(bytes, "HTTP/", 5) == 0;
    if (status_line || bytes[0] == '\r' || bytes[0] == '\n')
        call->head_is_whole = !status_line;
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        size_t name = strlen(header_names[i]);
        if (status_line)
            buffer_clear(&call->headers[i]);
        if (size <= name || bytes[name] != ':' || strncasecmp(bytes, header_names[i], name) != 0)
            continue;
        size_t begin = name + 1;
        size_t end = size;
        while (begin < end && strchr(" \t", bytes[begin]) != NULL)
            begin++;
        while (end > begin && strchr(" \t\r\n", bytes[end - 1]) != NULL)
            end--;
        buffer_clear(&call->headers[i]);
        if (buffer_append(&call->headers[i], bytes + begin, end - begin) != 0)
            return 0;
    }
    return size;
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0');
}

/* Takes the host out of the URL. False when it is no http or https URL that curl understands. */
static bool find_host(struct http_call *call, const char *url)
{
    const struct http_client_curl *curl = call->client->curl;
    CURLU *parsed = curl->url();
    char *scheme = NULL;
    char *host = NULL;
    bool found = parsed != NULL && curl->url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl->url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 curl->url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                 (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (found)
        (void)snprintf(call->host, sizeof(call->host), "%s", host);
    curl->free(scheme);
    curl->free(host);
    curl->url_cleanup(parsed);
    return found;
}

static bool add_header(struct http_call *call, const char *header)
{
    struct curl_slist *longer = call->client->curl->slist_append(call->request_headers, header);
    if (longer != NULL)
        call->request_headers = longer;
    return longer != NULL;
}

static bool set_headers(struct http_call *call, const struct http_call_options *options)
{
    /* Without this curl waits up to 1 s for "100 Continue" before it sends a large body. */
    bool ok = add_header(call, "Expect:");
    for (size_t i = 0; i < options->header_count; i++)
        ok = ok && strpbrk(options->headers[i], "\r\n") == NULL &&
             add_header(call, options->headers[i]);
    return ok && call->client->curl->easy_setopt(call->easy, CURLOPT_HTTPHEADER,
                                                 call->request_headers) == CURLE_OK;
}

static bool set_body(struct http_call *call, const struct http_call_options *options)
{
    const struct http_client_curl *curl = call->client->curl;
    int result = 0;
    if (options->body != NULL) {
        result |= (int)curl->easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                         (curl_off_t)options->body_size);
        result |= (int)curl->easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, options->body);
    }
    if (options->method != NULL && strcmp(options->method, "HEAD") == 0)
        result |= (int)curl->easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    else if (options->method != NULL)
        result |= (int)curl->easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, options->method);
    return result == 0;
}

static bool set_options(struct http_call *call, const struct http_call_options *options)
{
    CURL *easy = call->easy;
    __typeof__(call->client->curl->easy_setopt) set = call->client->curl->easy_setopt;
    long connect = options->connect_timeout_ms == 0 ? DEFAULT_CONNECT_TIMEOUT_MS
                                                    : (long)options->connect_timeout_ms;
    long total =
        options->total_timeout_ms == 0 ? DEFAULT_TOTAL_TIMEOUT_MS : (long)options->total_timeout_ms;
    int result = (int)set(easy, CURLOPT_URL, options->url);
    result |= (int)set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    result |= (int)set(easy, CURLOPT_NOSIGNAL, 1L);
    result |= (int)set(easy, CURLOPT_USERAGENT, "shannon");
    result |= (int)set(easy, CURLOPT_CONNECTTIMEOUT_MS, connect);
    result |= (int)set(easy, CURLOPT_TIMEOUT_MS, total);
    result |= (int)set(easy, CURLOPT_PRIVATE, call);
    result |= (int)set(easy, CURLOPT_ERRORBUFFER, call->problem);
    result |= (int)set(easy, CURLOPT_WRITEFUNCTION, take_body);
    result |= (int)set(easy, CURLOPT_WRITEDATA, call);
    result |= (int)set(easy, CURLOPT_HEADERFUNCTION, take_header);
    result |= (int)set(easy, CURLOPT_HEADERDATA, call);
    /* The empty string also overrules what the environment says. */
    if (!options->use_proxy || is_loopback(call->host))
        result |= (int)set(easy, CURLOPT_PROXY, "");
    return result == 0 && set_headers(call, options) && set_body(call, options);
}

struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_options *options, http_call_done *done,
                                  void *argument, struct error *error)
{
    struct http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    call->client = client;
    call->done = done;
    call->argument = argument;
    call->max_response_bytes =
        options->max_response_bytes == 0 ? DEFAULT_RESPONSE_BYTES : options->max_response_bytes;
    TAILQ_INSERT_TAIL(&client->calls, call, link);
    bool has_host = find_host(call, options->url);
    call->easy = client->curl->easy_init();
    if (has_host && call->easy != NULL && set_options(call, options) &&
        client->curl->multi_add_handle(client->multi, call->easy) == CURLM_OK)
        return call;
    if (!has_host)
        error_set(error, ERROR_INVALID_REQUEST, "not a usable URL: %.200s", options->url);
    else
        error_set(error, ERROR_INTERNAL, "cannot start a call to %s", call->host);
    call_free(call);
    return NULL;
}

void http_call_cancel(struct http_call *call)
{
    call_free(call);
}

struct http_client *http_client_new(struct event_base *loop, struct error *error)
{
    const struct http_client_curl *curl = http_client_curl_load(error);
    struct http_client *client = curl == NULL ? NULL : calloc(1, sizeof(*client));
    if (client == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    TAILQ_INIT(&client->calls);
    client->curl = curl;
    client->loop = loop;
    client->timer = evtimer_new(loop, on_timer, client);
    client->multi = curl->multi_init();
    if (client->timer == NULL || client->multi == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        http_client_free(client);
        return NULL;
    }
    (void)curl->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    struct http_call *call;
    while ((call = TAILQ_FIRST(&client->calls)) != NULL)
        call_free(call);
    if (client->multi != NULL)
        (void)client->curl->multi_cleanup(client->multi);
    if (client->timer != NULL)
        event_free(client->timer);
    free(client);
}
