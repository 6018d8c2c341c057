/* Fenced code blocks in a text, as Markdown writes them (CommonMark 0.31, section 4.5), with what
 * people and models write beyond it: a fence may follow other text on its line when nothing but a
 * language comes after it, and the closing fence may stand at the end of the last line of code.
 *
 * Pure: no state, no I/O; any thread.
 */
#ifndef SHANNON_LLM_SERVICE_FENCED_BLOCK_H
#define SHANNON_LLM_SERVICE_FENCED_BLOCK_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* One block; every pointer is into the text that was searched. */
struct fenced_block {
    const char *start;    /* the opening fence */
    const char *end;      /* the first byte after the closing fence; the end of the text when the
                             block is not closed */
    const char *language; /* first word after the opening fence, `language_size` bytes, maybe 0 */
    size_t language_size;
    const char *text; /* the lines between the fences, `text_size` bytes */
    size_t text_size;
    size_t indentation; /* columns the opening fence is indented by */
};

/* Finds the first block of the NUL-terminated `text`. False when there is none. */
bool fenced_block_find(const char *text, struct fenced_block *block);

/* Appends the block's lines, each without up to `indentation` leading spaces; the last ends with a
 * newline. 0, or -1 when memory is short. */
int fenced_block_append(const struct fenced_block *block, struct buffer *lines);

/* True for python, py, python3, py3 and python3.N. */
bool fenced_block_is_python(const char *language, size_t size);

#endif
