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

/* Whether `text` is 1 to `longest` characters of [A-Za-z0-9._-]: fit for a header, a path segment
 * and a log line. */
bool text_is_identifier(const char *text, size_t longest);

#endif
