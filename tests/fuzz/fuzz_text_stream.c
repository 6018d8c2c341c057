/* libFuzzer target: any bytes to the UTF-8 decoder, whole and in pieces. The first two bytes say in
 * runs of how many bytes they come, in turn; the text must be the same, and be UTF-8.
 *
 *     build-fuzz/tests/fuzz/fuzz_text_stream -max_total_time=600 CORPUS
 */
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const size_t runs[] = {data[0] + (size_t)1, data[1] + (size_t)1};
    const char *bytes = (const char *)data + 2;
    size -= 2;
    BUFFER_LOCAL struct buffer whole = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer pieces = BUFFER_EMPTY;
    require(text_append_utf8(&whole, bytes, size) == 0);
    struct text_stream stream = TEXT_STREAM_EMPTY;
    size_t at = 0;
    for (size_t turn = 0; at < size; turn++) {
        size_t run = runs[turn % 2] < size - at ? runs[turn % 2] : size - at;
        require(text_stream_append(&stream, &pieces, bytes + at, run) == 0);
        require(text_valid_utf8(buffer_text(&pieces), pieces.size) == pieces.size);
        at += run;
    }
    require(text_stream_finish(&stream, &pieces) == 0);
    require(pieces.size == whole.size &&
            memcmp(buffer_text(&pieces), buffer_text(&whole), whole.size) == 0);
    return 0;
}
