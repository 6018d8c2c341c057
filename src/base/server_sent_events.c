/* Server-sent events as text. Invariant: a line break stands only where this file put one, so no
 * value can forge a field or an event. */
#include "base/server_sent_events.h"

#include "base/json_text.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

#define ID_MAXIMUM 64

static bool is_name(const char *name)
{
    return *name != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz_.")] == '\0';
}

/* On one line, as section 9.2.6 counts lines. Compact JSON is: its strings hold no raw control
 * character. It is looked at all the same, since an event could be forged otherwise. */
static int append_data(struct buffer *buffer, const json_t *data)
{
    int result = buffer_append_text(buffer, "data: ");
    size_t start = buffer->size;
    result |= json_text_append(data, buffer);
    if (result != 0 || memchr(buffer->data + start, '\n', buffer->size - start) != NULL ||
        memchr(buffer->data + start, '\r', buffer->size - start) != NULL)
        return -1;
    return buffer_append_text(buffer, "\n\n");
}

static int append_field(struct buffer *buffer, const char *name, const char *value)
{
    int result = buffer_append_text(buffer, name);
    result |= buffer_append_text(buffer, ": ");
    result |= buffer_append_text(buffer, value);
    return result | buffer_append_text(buffer, "\n");
}

int server_sent_events_append(struct buffer *buffer, const char *name, const char *id,
                              const json_t *data)
{
    if (!is_name(name) || (id != NULL && !text_is_identifier(id, ID_MAXIMUM)) || data == NULL)
        return -1;
    size_t start = buffer->size;
    int result = append_field(buffer, "event", name);
    if (id != NULL)
        result |= append_field(buffer, "id", id);
    result |= append_data(buffer, data);
    if (result != 0 && buffer->data != NULL) {
        buffer->size = start;
        buffer->data[start] = '\0';
    }
    return result;
}

int server_sent_events_append_heartbeat(struct buffer *buffer)
{
    return buffer_append_text(buffer, ":\n\n");
}
