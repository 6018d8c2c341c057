/* A growable run of bytes, always NUL-terminated, so that text may be passed on as a C string.
 *
 * Start with BUFFER_EMPTY; release with buffer_free (or the buffer_cleanup attribute). Appending
 * returns -1 when memory is short and leaves the buffer as it was. Not thread-safe.
 */
#ifndef SHANNON_BASE_BUFFER_H
#define SHANNON_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data;      /* NULL while nothing was ever appended */
    size_t size;     /* bytes in use, the terminating NUL not counted */
    size_t capacity; /* bytes allocated */
};

#define BUFFER_EMPTY ((struct buffer){0})

/* Appends `size` bytes. 0, or -1 when memory is short. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t size);

/* Appends a C string. 0, or -1 when memory is short. */
int buffer_append_text(struct buffer *buffer, const char *text);

/* Appends formatted text. 0, or -1 when memory is short. */
int buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes room for `size` more bytes beyond `buffer->size`; the caller fills them and adds to
 * `buffer->size` itself. 0, or -1 when memory is short. */
int buffer_reserve(struct buffer *buffer, size_t size);

/* The contents as a C string: "" while empty. Owned by the buffer, valid until it changes. */
const char *buffer_text(const struct buffer *buffer);

/* Forgets the contents, keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Releases the memory and makes the buffer empty. */
void buffer_free(struct buffer *buffer);

/* `BUFFER_LOCAL struct buffer b = BUFFER_EMPTY;` is released at the end of its scope. */
#define BUFFER_LOCAL __attribute__((cleanup(buffer_free)))

#endif
