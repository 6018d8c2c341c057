/* Server-sent events as text (HTML Living Standard, section 9.2): what a program tells a client
 * while it runs, over one answer that stays open. Knows no socket: what is appended here goes out
 * with http_respond_part.
 *
 *     event: output.stdout
 *     id: 7
 *     data: {"text":"hello\n"}
 *
 * with an empty line after it, which ends the event.
 */
#ifndef SHANNON_BASE_SERVER_SENT_EVENTS_H
#define SHANNON_BASE_SERVER_SENT_EVENTS_H

#include "base/buffer.h"

#include <jansson.h>

/* Always UTF-8, so it needs no charset (section 9.2.3). */
#define SERVER_SENT_EVENTS_CONTENT_TYPE "text/event-stream"

/* Appends one event. `name` is [a-z_.]+. `id` comes back from a client that connects again, as
 * Last-Event-ID: [A-Za-z0-9._-], 1 to 64 characters; NULL: none. `data` is not consumed; it stands
 * on one line, as compact JSON.
 *
 * 0, or -1 when memory is short or an argument is not as said (a `data` of NULL, too, so that it
 * may come straight from json_pack); the buffer is then as it was. */
int server_sent_events_append(struct buffer *buffer, const char *name, const char *id,
                              const json_t *data);

/* Appends a comment, which clients ignore: sent every 15 seconds or so, it keeps proxies from
 * taking a silent connection for a dead one (section 9.2.7). 0, or -1 when memory is short. */
int server_sent_events_append_heartbeat(struct buffer *buffer);

#endif
