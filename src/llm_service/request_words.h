/* A request in plain English, cut into words, numbers, quoted texts and signs, with a cursor that
 * grammars match phrases against. What a grammar does not consume stays visible: a request counts
 * as understood only when the cursor reached its end.
 *
 * Numbers: 42, 3.14, 1e6; in words zero to 999 million ("twenty-five", "two hundred ten", "three
 * thousand"). A comma separates numbers, it never groups digits. A number with a leading zero
 * ("007", or the second half of "1,000") is not read, because its meaning is not certain.
 *
 * Pure: no I/O; any thread.
 */
#ifndef SHANNON_LLM_SERVICE_REQUEST_WORDS_H
#define SHANNON_LLM_SERVICE_REQUEST_WORDS_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_WORDS_DIGITS_MAX 1000 /* in one number */

enum word_kind {
    WORD_TEXT,    /* letters, digits, _, ' and everything beyond ASCII */
    WORD_NUMBER,  /* 42, 3.14, 1e6 */
    WORD_ORDINAL, /* 10th: `text` is the 10 */
    WORD_QUOTED,  /* `text` is what stands inside the quotes */
    WORD_SIGN,    /* **, // or one character; the signs for times, divided by and minus beyond ASCII
                     are given as *, / and - */
};

struct request_word {
    enum word_kind kind;
    const char *text; /* into the request, or static for a sign beyond ASCII; `size` bytes */
    size_t size;
    const char *start; /* where it stands in the request, quotes included, up to `end` */
    const char *end;
    bool glued; /* nothing stands between it and the word before */
};

/* All words of one request; positions from `position` up to `limit` are still to be read. */
struct request_words {
    struct request_word *words;
    size_t count;
    size_t position;
    size_t limit;
};

/* Cuts `request`, which must outlive the words. 0, or -1 when memory is short. */
int request_words_cut(struct request_words *words, const char *request);
void request_words_free(struct request_words *words);
#define REQUEST_WORDS_LOCAL __attribute__((cleanup(request_words_free)))

/* Every word was read. */
bool words_at_end(const struct request_words *words);

/* The next word, or NULL at the end. */
const struct request_word *words_peek(const struct request_words *words);

/* Reads one of the phrases, which are separated by '|', their words by spaces: the first that is
 * there, in any letter case. A quoted text matches no phrase. False, and nothing is read, when none
 * is there. */
bool words_accept(struct request_words *words, const char *phrases);

/* The same at the end of what is left: takes the phrase off by lowering `limit`. */
bool words_drop_last(struct request_words *words, const char *phrases);

/* Reads a number without a sign and appends it as Python writes it. `whole` (may be NULL): it has
 * neither fraction nor exponent. False, and nothing is read or appended, when there is none. */
bool words_take_number(struct request_words *words, struct buffer *text, bool *whole);

/* Reads a whole number of at most 18 digits. False, and nothing is read, when there is none. */
bool words_take_count(struct request_words *words, uint64_t *count);

/* Reads a whole number of at most 18 digits that is written as an ordinal, "10th". */
bool words_take_ordinal(struct request_words *words, uint64_t *count);

/* Appends `size` bytes of `text` as a Python string literal. 0, or -1 when memory is short. */
int words_append_literal(struct buffer *program, const char *text, size_t size);

#endif
