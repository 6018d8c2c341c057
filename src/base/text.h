/* Text that came from somewhere else: is it UTF-8, and what to show when it is not.
 *
 * UTF-8 as in The Unicode Standard 15.0, table 3-7: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */
#ifndef SHANNON_BASE_TEXT_H
#define SHANNON_BASE_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* How many of the first bytes are well-formed UTF-8: `size` when all are. */
size_t text_valid_utf8(const char *bytes, size_t size);

/* Appends `bytes` with each ill-formed part replaced by U+FFFD, one per maximal subpart (The
 * Unicode Standard 15.0, section 3.9; what browsers and Python's errors="replace" do). The result
 * is always UTF-8; NUL and other control characters stay. 0, or -1 when memory is short. */
int text_append_utf8(struct buffer *buffer, const char *bytes, size_t size);

/* Text that comes in pieces cut anywhere, within a character too. Begin with TEXT_STREAM_EMPTY; it
 * owns no memory. */
struct text_stream {
    unsigned char pending[3]; /* the beginning of a character whose rest has not come yet */
    size_t size;              /* of it */
};

#define TEXT_STREAM_EMPTY ((struct text_stream){.size = 0})

/* Appends the text of one piece; at most the last three bytes wait for the next. What all pieces
 * and text_stream_finish append together is what text_append_utf8 appends for all their bytes at
 * once. 0, or -1 when memory is short: some of the text is then missing. */
int text_stream_append(struct text_stream *stream, struct buffer *buffer, const char *bytes,
                       size_t size);

/* Nothing more comes: what waits is ill-formed. The stream is empty again. 0, or -1 when memory is
 * short. */
int text_stream_finish(struct text_stream *stream, struct buffer *buffer);

/* Whether `text` is 1 to `longest` characters of [A-Za-z0-9._-]: fit for a header, a path segment
 * and a log line. */
bool text_is_identifier(const char *text, size_t longest);

#endif
