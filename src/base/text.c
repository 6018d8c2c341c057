/* Is it UTF-8, and what to show when it is not. Invariant: what is appended is well-formed. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* U+FFFD REPLACEMENT CHARACTER */
static const char replacement[] = "\xef\xbf\xbd";

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* Whether sequences of more than one byte begin with it. */
static bool may_begin(unsigned char byte)
{
    return in_range(byte, 0xc2, 0xf4);
}

/* The length of the well-formed sequence at `bytes`, or 0; then `*bad` is the length of the maximal
 * ill-formed subpart (at least 1). Unicode 15.0, table 3-7. */
static size_t sequence_length(const unsigned char *bytes, size_t size, size_t *bad)
{
    unsigned char first = bytes[0];
    *bad = 1;
    if (first < 0x80)
        return 1;
    size_t length;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (in_range(first, 0xc2, 0xdf)) {
        length = 2;
    } else if (in_range(first, 0xe0, 0xef)) {
        length = 3;
        low = first == 0xe0 ? 0xa0 : 0x80;
        high = first == 0xed ? 0x9f : 0xbf;
    } else if (in_range(first, 0xf0, 0xf4)) {
        length = 4;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (i >= size || !in_range(bytes[i], low, high)) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

size_t text_valid_utf8(const char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t bad;
        size_t length = sequence_length((const unsigned char *)bytes + at, size - at, &bad);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

/* Appends all but a sequence that the end of the bytes cuts short: its length is in `*cut`. */
static int append_but_cut(struct buffer *buffer, const char *bytes, size_t size, size_t *cut)
{
    size_t at = 0;
    *cut = 0;
    while (at < size) {
        size_t valid = text_valid_utf8(bytes + at, size - at);
        if (buffer_append(buffer, bytes + at, valid) != 0)
            return -1;
        at += valid;
        if (at == size)
            break;
        size_t bad;
        const unsigned char *rest = (const unsigned char *)bytes + at;
        (void)sequence_length(rest, size - at, &bad);
        if (bad == size - at && may_begin(rest[0])) {
            *cut = bad;
            break;
        }
        if (buffer_append_text(buffer, replacement) != 0)
            return -1;
        at += bad;
    }
    return 0;
}

int text_append_utf8(struct buffer *buffer, const char *bytes, size_t size)
{
    size_t cut;
    if (append_but_cut(buffer, bytes, size, &cut) != 0)
        return -1;
    return cut == 0 ? 0 : buffer_append_text(buffer, replacement);
}

/* Takes one more byte to the pending ones, if it belongs to them. */
static int join(struct text_stream *stream, struct buffer *buffer, char byte, bool *taken)
{
    unsigned char joined[sizeof(stream->pending) + 1];
    size_t size = stream->size;
    memcpy(joined, stream->pending, size);
    joined[size++] = (unsigned char)byte;
    size_t bad;
    size_t length = sequence_length(joined, size, &bad);
    *taken = length == size || bad == size;
    if (length == 0 && *taken) {
        stream->pending[stream->size++] = (unsigned char)byte;
        return 0;
    }
    stream->size = 0;
    return *taken ? buffer_append(buffer, joined, size) : buffer_append_text(buffer, replacement);
}

int text_stream_append(struct text_stream *stream, struct buffer *buffer, const char *bytes,
                       size_t size)
{
    while (stream->size > 0 && size > 0) {
        bool taken;
        if (join(stream, buffer, *bytes, &taken) != 0)
            return -1;
        bytes += taken;
        size -= taken;
    }
    if (size == 0)
        return 0;
    size_t cut;
    if (append_but_cut(buffer, bytes, size, &cut) != 0)
        return -1;
    memcpy(stream->pending, bytes + size - cut, cut);
    stream->size = cut;
    return 0;
}

int text_stream_finish(struct text_stream *stream, struct buffer *buffer)
{
    bool pending = stream->size > 0;
    *stream = TEXT_STREAM_EMPTY;
    return pending ? buffer_append_text(buffer, replacement) : 0;
}

bool text_is_identifier(const char *text, size_t longest)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        char c = text[length];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
        if (!allowed || length == longest)
            return false;
    }
    return length > 0;
}
