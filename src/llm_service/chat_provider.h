/* An OpenAI-compatible server: sends one chat completion and retries what is worth it.
 *
 * Tried again, up to CHAT_PROVIDER_ATTEMPTS times in all: no connection, HTTP 408, 409, 429 and
 * 5xx; after Retry-After when the server names a time up to CHAT_PROVIDER_WAIT_MAX_MS, else after a
 * growing time with chance in it. The key travels in the Authorization header and nowhere else: no
 * error, log line or answer holds it.
 */
#ifndef SHANNON_LLM_SERVICE_CHAT_PROVIDER_H
#define SHANNON_LLM_SERVICE_CHAT_PROVIDER_H

#include "base/error.h"
#include "llm_service/chat_messages.h"

#include <jansson.h>

#define CHAT_PROVIDER_ATTEMPTS 3
#define CHAT_PROVIDER_WAIT_MAX_MS 10000
#define CHAT_PROVIDER_TIMEOUT_MS 120000 /* of one attempt */

struct event_base;
struct http_client;
struct chat_call;

/* Borrowed for as long as calls live. */
struct chat_provider {
    struct event_base *loop;
    struct http_client *client;
    const char *base_url; /* "https://host/v1" */
    const char *key;      /* "": none is sent */
};

/* Called once, from the loop; the call is released after it. `reply` is NULL when there is none:
 * `error` says why, with the HTTP status. It is ERROR_TIMEOUT, ERROR_BUSY (HTTP 429) or
 * ERROR_INTERNAL. `reply` is released by the call. */
typedef void chat_call_done(void *argument, const struct chat_reply *reply,
                            const struct error *error);

/* Sends `request` (chat_request_new; borrowed). NULL with an error when it cannot be started;
 * `done` is then never called, and never before this returns. */
struct chat_call *chat_call_start(const struct chat_provider *provider, const json_t *request,
                                  chat_call_done *done, void *argument, struct error *error);

/* Ends the call; `done` is not called. Not from its own `done`. */
void chat_call_cancel(struct chat_call *call);

#endif
