/* A growable run of bytes. Invariant: when `data` is not NULL, `size < capacity` and `data[size]`
 * is NUL. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int buffer_reserve(struct buffer *buffer, size_t size)
{
    if (size > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4)
        return -1;
    size_t needed = buffer->size + size + 1;
    if (needed <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return -1;
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (buffer_reserve(buffer, size) != 0)
        return -1;
    if (size > 0)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    size_t room = buffer->capacity - buffer->size;
    char *end = buffer->data == NULL ? NULL : buffer->data + buffer->size;
    int size = vsnprintf(end, room, format, arguments);
    va_end(arguments);
    int result = size < 0 ? -1 : 0;
    bool fits = result == 0 && (size_t)size < room;
    if (!fits && end != NULL)
        *end = '\0';
    if (!fits && result == 0) {
        result = buffer_reserve(buffer, (size_t)size);
        if (result == 0)
            (void)vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
    }
    if (result == 0)
        buffer->size += (size_t)size;
    va_end(again);
    return result;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER_EMPTY;
}
