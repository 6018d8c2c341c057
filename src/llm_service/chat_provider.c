/* An OpenAI-compatible server. Invariant: while a call lives, either its HTTP call is under way or
 * its timer is pending, never both. */
#include "llm_service/chat_provider.h"

#include "base/http_client.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/text.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_WAIT_MS 500
#define QUOTE_MAX 300 /* bytes of a server's own words in an error */

struct chat_call {
    const struct chat_provider *provider;
    struct http_call *http;
    struct event *timer;
    struct buffer url;
    struct buffer body;
    struct buffer authorization;
    int attempts;
    chat_call_done *done;
    void *argument;
};

static int send_request(struct chat_call *call, struct error *error);

static void release(struct chat_call *call)
{
    if (call->timer != NULL)
        event_free(call->timer);
    buffer_free(&call->url);
    buffer_free(&call->body);
    if (call->authorization.data != NULL)
        explicit_bzero(call->authorization.data, call->authorization.capacity);
    buffer_free(&call->authorization);
    free(call);
}

static void finish(struct chat_call *call, const struct chat_reply *reply,
                   const struct error *error)
{
    call->done(call->argument, reply, error);
    release(call);
}

static void on_timer(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    struct chat_call *call = argument;
    struct error error = ERROR_NONE;
    if (send_request(call, &error) != 0)
        finish(call, NULL, &error);
}

/* Half of the time is left to chance, so that callers that failed together do not return
 * together. */
static uint32_t with_chance(uint32_t milliseconds)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return milliseconds;
    return milliseconds / 2 + random % (milliseconds / 2 + 1);
}

/* The wait before the next attempt, or -1 when there is to be none. */
static int64_t wait_before_retry(const struct chat_call *call, const struct http_reply *reply)
{
    if (call->attempts >= CHAT_PROVIDER_ATTEMPTS)
        return -1;
    if (reply != NULL) {
        bool passing = reply->status == 408 || reply->status == 409 || reply->status == 429 ||
                       reply->status >= 500;
        if (!passing)
            return -1;
        char *end = NULL;
        long seconds = strtol(reply->retry_after, &end, 10);
        if (end != reply->retry_after && *end == '\0' && seconds >= 0)
            return seconds * 1000L <= CHAT_PROVIDER_WAIT_MAX_MS ? seconds * 1000L : -1;
    }
    return with_chance((uint32_t)FIRST_WAIT_MS << (call->attempts - 1));
}

/* Appends the server's own error message: bounded, printable, and without the key. */
static void quote_message(const struct chat_call *call, const struct http_reply *reply,
                          struct buffer *text)
{
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *answer = json_text_parse(reply->body, reply->body_size, &fault);
    const json_t *refusal = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(refusal, "message"));
    if (message == NULL)
        message = json_string_value(refusal);
    if (message == NULL)
        message = json_string_value(json_object_get(answer, "message"));
    bool holds_key = message != NULL && *call->provider->key != '\0' &&
                     strstr(message, call->provider->key) != NULL;
    if (message != NULL && *message != '\0' && !holds_key) {
        size_t size = strnlen(message, QUOTE_MAX);
        (void)buffer_append_text(text, ": ");
        (void)text_append_utf8(text, message, text_valid_utf8(message, size));
    }
    json_decref(answer);
}

static void describe_status(const struct chat_call *call, const struct http_reply *reply,
                            struct error *error)
{
    BUFFER_LOCAL struct buffer quote = BUFFER_EMPTY;
    int status = reply->status;
    /* An answer about a refused key may repeat the key in part. */
    if (status == 401 || status == 403) {
        error_set(error, ERROR_INTERNAL,
                  "The provider refused the key (HTTP %d): check OPENAI_API_KEY and that it "
                  "belongs to OPENAI_BASE_URL",
                  status);
        return;
    }
    quote_message(call, reply, &quote);
    if (status == 429)
        error_set(error, ERROR_BUSY,
                  "The provider's rate limit or quota is used up (HTTP 429 after %d attempts)%s",
                  call->attempts, buffer_text(&quote));
    else if (status == 404)
        error_set(error, ERROR_INTERNAL,
                  "The provider does not know the address or the model (HTTP 404): check "
                  "OPENAI_BASE_URL and LLM_MODEL%s",
                  buffer_text(&quote));
    else if (status >= 500)
        error_set(error, ERROR_INTERNAL,
                  "The provider failed (HTTP %d after %d attempts); try again later%s", status,
                  call->attempts, buffer_text(&quote));
    else
        error_set(error, ERROR_INTERNAL, "The provider refused the request (HTTP %d)%s", status,
                  buffer_text(&quote));
}

static void describe_failure(const struct chat_call *call, const struct http_reply *reply,
                             const struct error *failure, struct error *error)
{
    if (reply != NULL)
        describe_status(call, reply, error);
    else if (failure->kind == ERROR_TIMEOUT)
        error_set(error, ERROR_TIMEOUT, "The provider did not answer in time: %s",
                  failure->message);
    else
        error_set(error, ERROR_INTERNAL,
                  "The provider is out of reach: %s. Check OPENAI_BASE_URL and the network",
                  failure->message);
}

static void on_http_done(void *argument, const struct http_reply *reply,
                         const struct error *failure)
{
    struct chat_call *call = argument;
    struct error error = ERROR_NONE;
    call->http = NULL;
    if (reply != NULL && reply->status == 200) {
        struct chat_reply chat;
        if (chat_reply_read(reply->body, reply->body_size, &chat, &error) != 0) {
            finish(call, NULL, &error);
            return;
        }
        finish(call, &chat, &error);
        chat_reply_free(&chat);
        return;
    }
    /* An attempt that ran into its time limit has taken long enough. */
    bool again = reply != NULL || failure->kind == ERROR_INTERNAL;
    int64_t wait_ms = again ? wait_before_retry(call, reply) : -1;
    if (wait_ms >= 0) {
        const struct timeval wait = {.tv_sec = wait_ms / 1000,
                                     .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};
        LOG(LOG_WARNING, "provider failed, trying again",
            log_number("http_status", reply == NULL ? 0 : reply->status),
            log_number("attempt", call->attempts), log_number("wait_ms", wait_ms));
        if (evtimer_add(call->timer, &wait) == 0)
            return;
    }
    describe_failure(call, reply, failure, &error);
    finish(call, NULL, &error);
}

static int send_request(struct chat_call *call, struct error *error)
{
    const char *headers[] = {"Content-Type: application/json", "Accept: application/json",
                             buffer_text(&call->authorization)};
    const struct http_call_options options = {
        .url = buffer_text(&call->url),
        .headers = headers,
        .header_count = call->authorization.size > 0 ? 3 : 2,
        .body = call->body.data,
        .body_size = call->body.size,
        .connect_timeout_ms = 10000,
        .total_timeout_ms = CHAT_PROVIDER_TIMEOUT_MS,
        .use_proxy = true,
    };
    call->attempts++;
    call->http = http_call_start(call->provider->client, &options, on_http_done, call, error);
    return call->http == NULL ? -1 : 0;
}

static int prepare(struct chat_call *call, const json_t *request, struct error *error)
{
    const struct chat_provider *provider = call->provider;
    size_t size = strlen(provider->base_url);
    while (size > 0 && provider->base_url[size - 1] == '/')
        size--;
    call->timer = evtimer_new(provider->loop, on_timer, call);
    if (call->timer == NULL ||
        buffer_append_format(&call->url, "%.*s/chat/completions", (int)size, provider->base_url) !=
            0 ||
        json_text_append(request, &call->body) != 0 ||
        (*provider->key != '\0' &&
         buffer_append_format(&call->authorization, "Authorization: Bearer %s", provider->key) !=
             0))
        return error_set(error, ERROR_INTERNAL, "Out of memory while asking the provider");
    return 0;
}

struct chat_call *chat_call_start(const struct chat_provider *provider, const json_t *request,
                                  chat_call_done *done, void *argument, struct error *error)
{
    struct chat_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        error_set(error, ERROR_INTERNAL, "Out of memory while asking the provider");
        return NULL;
    }
    call->provider = provider;
    call->done = done;
    call->argument = argument;
    if (prepare(call, request, error) != 0 || send_request(call, error) != 0) {
        release(call);
        return NULL;
    }
    return call;
}

void chat_call_cancel(struct chat_call *call)
{
    if (call->http != NULL)
        http_call_cancel(call->http);
    release(call);
}
