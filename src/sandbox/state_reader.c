/* Bytes of a state, unpacked. Invariant: a reader that failed stays failed; `next` to `end` is what
 * was unpacked and not read yet. */
#include "sandbox/state_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <zstd.h>

#define PIECE_SIZE ((size_t)64 << 10)
/* The window that packing uses is smaller; a frame that wants more memory than this is not ours. */
#define WINDOW_LOG_MAX 23

struct state_reader {
    int fd;
    off_t offset;
    ZSTD_DStream *stream; /* NULL: the bytes are as they are */
    ZSTD_inBuffer packed; /* in `input` */
    bool frame_ended;
    bool failed;
    const uint8_t *next;
    const uint8_t *end;
    uint8_t input[PIECE_SIZE];
    uint8_t output[PIECE_SIZE];
};

/* Reads a piece of the file into `input`. The number of bytes; 0 at its end, or when it cannot be
 * read. */
static size_t read_input(struct state_reader *reader)
{
    struct iovec vector = {.iov_base = reader->input, .iov_len = sizeof(reader->input)};
    ssize_t got;
    do
        got = preadv(reader->fd, &vector, 1, reader->offset);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return 0;
    reader->offset += got;
    return (size_t)got;
}

/* Unpacks a piece. Whether there was one; `failed` says that there ought to have been. */
static bool unpack(struct state_reader *reader)
{
    ZSTD_outBuffer output = {.dst = reader->output, .size = sizeof(reader->output)};
    while (output.pos == 0 && !reader->frame_ended && !reader->failed) {
        if (reader->packed.pos == reader->packed.size)
            reader->packed = (ZSTD_inBuffer){.src = reader->input, .size = read_input(reader)};
        /* At the end of the file what was read already may still give something. */
        size_t before = reader->packed.pos;
        size_t left = ZSTD_decompressStream(reader->stream, &output, &reader->packed);
        reader->frame_ended = left == 0;
        if (ZSTD_isError(left) || (left != 0 && output.pos == 0 && reader->packed.pos == before))
            reader->failed = true;
    }
    reader->next = reader->output;
    reader->end = reader->output + output.pos;
    return output.pos > 0;
}

static bool fill(struct state_reader *reader)
{
    if (reader->stream != NULL)
        return unpack(reader);
    reader->next = reader->input;
    reader->end = reader->input + read_input(reader);
    return reader->next != reader->end;
}

struct state_reader *state_reader_new(int fd, off_t offset)
{
    uint32_t magic = 0;
    struct state_reader *reader = malloc(sizeof(*reader));
    if (reader == NULL)
        return NULL;
    memset(reader, 0, offsetof(struct state_reader, input));
    reader->fd = fd;
    reader->offset = offset;
    size_t size = read_input(reader);
    if (size >= sizeof(magic))
        memcpy(&magic, reader->input, sizeof(magic));
    if (magic != ZSTD_MAGICNUMBER) {
        reader->next = reader->input;
        reader->end = reader->input + size;
        return reader;
    }
    reader->packed = (ZSTD_inBuffer){.src = reader->input, .size = size};
    reader->stream = ZSTD_createDStream();
    if (reader->stream != NULL && ZSTD_isError(ZSTD_DCtx_setParameter(
                                      reader->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)) == 0)
        return reader;
    state_reader_free(reader);
    return NULL;
}

void state_reader_free(struct state_reader *reader)
{
    if (reader == NULL)
        return;
    (void)ZSTD_freeDStream(reader->stream);
    free(reader);
}

int state_reader_read(struct state_reader *reader, void *bytes, size_t size)
{
    uint8_t *to = bytes;
    while (size > 0 && !reader->failed) {
        if (reader->next == reader->end && !fill(reader)) {
            reader->failed = true;
            break;
        }
        size_t here = (size_t)(reader->end - reader->next);
        size_t part = size < here ? size : here;
        memcpy(to, reader->next, part);
        reader->next += part;
        to += part;
        size -= part;
    }
    return reader->failed ? -1 : 0;
}

bool state_reader_at_end(struct state_reader *reader)
{
    /* The checksum, and what follows the frame, may not have been looked at yet. */
    if (reader->failed || reader->next != reader->end || fill(reader) || reader->failed)
        return false;
    return reader->packed.pos == reader->packed.size && read_input(reader) == 0;
}
