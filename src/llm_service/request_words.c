/* A request cut into words. Invariant: position <= limit <= count. */
#include "llm_service/request_words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* Characters beyond ASCII that stand for one of Python's signs. */
static const struct {
    const char *bytes;
    const char *sign;
} foreign_signs[] = {
    {"\xc3\x97", "*"},     /* multiplication sign */
    {"\xc3\xb7", "/"},     /* division sign */
    {"\xe2\x88\x92", "-"}, /* minus sign */
};

static const struct {
    const char *open;
    const char *close;
} quotes[] = {
    {"\"", "\""},
    {"'", "'"},
    {"`", "`"},
    {"\xe2\x80\x9c", "\xe2\x80\x9d"},
    {"\xe2\x80\x98", "\xe2\x80\x99"},
};

/* The end of the quoted text that begins at `text`, its closing quote included; NULL when none
 * begins there. An apostrophe inside a word closes nothing. */
static const char *quoted_end(const char *text, struct request_word *word)
{
    for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
        size_t open = strlen(quotes[i].open);
        size_t close = strlen(quotes[i].close);
        if (strncmp(text, quotes[i].open, open) != 0)
            continue;
        const char *end = text + open;
        while ((end = strstr(end, quotes[i].close)) != NULL &&
               (is_letter(end[close]) || is_digit(end[close])))
            end += close;
        if (end == NULL)
            return NULL;
        word->text = text + open;
        word->size = (size_t)(end - word->text);
        return end + close;
    }
    return NULL;
}

/* The end of the number at `text`: digits, a fraction, an exponent. */
static const char *number_end(const char *text)
{
    while (is_digit(*text))
        text++;
    if (*text == '.' && is_digit(text[1])) {
        text++;
        while (is_digit(*text))
            text++;
    }
    if ((*text == 'e' || *text == 'E') &&
        (is_digit(text[1]) || ((text[1] == '+' || text[1] == '-') && is_digit(text[2])))) {
        text += 2;
        while (is_digit(*text))
            text++;
    }
    return text;
}

static const char *word_end(const char *text)
{
    while (is_letter(*text) || is_digit(*text) || (*text == '\'' && is_letter(text[1])))
        text++;
    return text;
}

static bool is_ordinal_ending(const char *text)
{
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (strncasecmp(text, endings[i], 2) == 0 && !is_letter(text[2]) && !is_digit(text[2]))
            return true;
    }
    return false;
}

static void read_sign(const char *text, struct request_word *word)
{
    word->kind = WORD_SIGN;
    bool twice = (*text == '*' || *text == '/') && text[1] == *text;
    word->text = text;
    word->size = twice ? 2 : 1;
    word->end = text + word->size;
}

static bool read_foreign_sign(const char *text, struct request_word *word)
{
    for (size_t i = 0; i < sizeof(foreign_signs) / sizeof(foreign_signs[0]); i++) {
        size_t size = strlen(foreign_signs[i].bytes);
        if (strncmp(text, foreign_signs[i].bytes, size) != 0)
            continue;
        word->kind = WORD_SIGN;
        word->text = foreign_signs[i].sign;
        word->size = strlen(foreign_signs[i].sign);
        word->end = text + size;
        return true;
    }
    return false;
}

static void read_number(const char *text, struct request_word *word)
{
    const char *end = number_end(text);
    word->kind = WORD_NUMBER;
    word->text = text;
    word->size = (size_t)(end - text);
    word->end = end;
    if (is_ordinal_ending(end)) {
        word->kind = WORD_ORDINAL;
        word->end = end + 2;
    } else if (is_letter(*end)) {
        /* "3x4", "0x10", "1_000": no number that can be relied on. */
        word->kind = WORD_TEXT;
        word->end = word_end(end);
        word->size = (size_t)(word->end - text);
    }
}

static struct request_word read_word(const char *text)
{
    struct request_word word = {.start = text};
    const char *end = quoted_end(text, &word);
    if (end != NULL) {
        word.kind = WORD_QUOTED;
        word.end = end;
    } else if (is_digit(*text)) {
        read_number(text, &word);
    } else if (read_foreign_sign(text, &word)) {
        return word;
    } else if (is_letter(*text)) {
        word.kind = WORD_TEXT;
        word.text = text;
        word.end = word_end(text);
        word.size = (size_t)(word.end - text);
    } else {
        read_sign(text, &word);
    }
    return word;
}

int request_words_cut(struct request_words *words, const char *request)
{
    *words = (struct request_words){0};
    size_t capacity = 0;
    const char *text = request;
    for (;;) {
        const char *before = text;
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            break;
        if (words->count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            struct request_word *more =
                reallocarray(words->words, capacity, sizeof(words->words[0]));
            if (more == NULL) {
                request_words_free(words);
                return -1;
            }
            words->words = more;
        }
        struct request_word word = read_word(text);
        word.glued = words->count > 0 && before == text;
        words->words[words->count++] = word;
        text = word.end;
    }
    words->limit = words->count;
    return 0;
}

void request_words_free(struct request_words *words)
{
    free(words->words);
    *words = (struct request_words){0};
}

bool words_at_end(const struct request_words *words)
{
    return words->position == words->limit;
}

const struct request_word *words_peek(const struct request_words *words)
{
    return words_at_end(words) ? NULL : &words->words[words->position];
}

static bool word_is(const struct request_word *word, const char *text, size_t size)
{
    if (word->kind == WORD_QUOTED)
        return false;
    size_t actual = (size_t)(word->end - word->start);
    if (word->kind == WORD_SIGN)
        return word->size == size && memcmp(word->text, text, size) == 0;
    return actual == size && strncasecmp(word->start, text, size) == 0;
}

/* How many words the phrase that ends at `end` has. */
static size_t phrase_length(const char *phrase, const char *end)
{
    size_t length = 1;
    for (const char *p = phrase; p < end; p++)
        length += *p == ' ';
    return length;
}

/* True when the words from `first` on are the phrase. */
static bool phrase_is_at(const struct request_words *words, size_t first, const char *phrase,
                         const char *end)
{
    const char *word = phrase;
    for (size_t i = first; word <= end; i++) {
        const char *word_stop = memchr(word, ' ', (size_t)(end - word));
        if (word_stop == NULL)
            word_stop = end;
        if (!word_is(&words->words[i], word, (size_t)(word_stop - word)))
            return false;
        word = word_stop + 1;
    }
    return true;
}

static const char *phrase_end(const char *phrase)
{
    const char *bar = strchr(phrase, '|');
    return bar == NULL ? phrase + strlen(phrase) : bar;
}

bool words_accept(struct request_words *words, const char *phrases)
{
    for (const char *phrase = phrases;;) {
        const char *end = phrase_end(phrase);
        size_t length = phrase_length(phrase, end);
        if (length <= words->limit - words->position &&
            phrase_is_at(words, words->position, phrase, end)) {
            words->position += length;
            return true;
        }
        if (*end == '\0')
            return false;
        phrase = end + 1;
    }
}

bool words_drop_last(struct request_words *words, const char *phrases)
{
    for (const char *phrase = phrases;;) {
        const char *end = phrase_end(phrase);
        size_t length = phrase_length(phrase, end);
        if (length <= words->limit - words->position &&
            phrase_is_at(words, words->limit - length, phrase, end)) {
            words->limit -= length;
            return true;
        }
        if (*end == '\0')
            return false;
        phrase = end + 1;
    }
}

static const char *const units[] = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
};

static const char *const tens[] = {
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
};

static bool take_unit(struct request_words *words, uint64_t least, uint64_t most, uint64_t *value)
{
    for (uint64_t i = least; i <= most; i++) {
        if (words_accept(words, units[i])) {
            *value = i;
            return true;
        }
    }
    return false;
}

/* zero to ninety-nine */
static bool take_below_hundred(struct request_words *words, uint64_t *value)
{
    for (uint64_t i = 0; i < sizeof(tens) / sizeof(tens[0]); i++) {
        if (!words_accept(words, tens[i]))
            continue;
        *value = 20 + 10 * i;
        size_t after_tens = words->position;
        uint64_t unit = 0;
        const struct request_word *hyphen = words_peek(words);
        if (hyphen != NULL && hyphen->glued && words_accept(words, "-")) {
            if (!take_unit(words, 1, 9, &unit))
                words->position = after_tens;
        } else {
            (void)take_unit(words, 1, 9, &unit);
        }
        *value += unit;
        return true;
    }
    return take_unit(words, 0, 19, value);
}

/* zero to 999 */
static bool take_below_thousand(struct request_words *words, uint64_t *value)
{
    if (!take_below_hundred(words, value))
        return false;
    if (*value == 0 || *value > 9 || !words_accept(words, "hundred"))
        return true;
    *value *= 100;
    uint64_t rest = 0;
    size_t before = words->position;
    if (take_below_hundred(words, &rest) && rest == 0)
        words->position = before;
    *value += rest;
    return true;
}

static bool take_number_words(struct request_words *words, uint64_t *value)
{
    if (!take_below_thousand(words, value))
        return false;
    if (*value == 0)
        return true;
    uint64_t scale = words_accept(words, "million")    ? 1000000
                     : words_accept(words, "thousand") ? 1000
                                                       : 1;
    *value *= scale;
    uint64_t rest = 0;
    size_t before = words->position;
    if (scale == 1000 && take_below_thousand(words, &rest) && rest == 0)
        words->position = before;
    *value += rest;
    return true;
}

/* True when Python reads the digits as people do: no leading zero, and not endless. */
static bool is_safe_number(const struct request_word *word)
{
    if (word->kind != WORD_NUMBER || word->size > REQUEST_WORDS_DIGITS_MAX)
        return false;
    return word->text[0] != '0' || word->size == 1 || !is_digit(word->text[1]);
}

bool words_take_number(struct request_words *words, struct buffer *text, bool *whole)
{
    const struct request_word *word = words_peek(words);
    if (word == NULL)
        return false;
    if (is_safe_number(word)) {
        if (buffer_append(text, word->text, word->size) != 0)
            return false;
        if (whole != NULL) {
            *whole = true;
            for (size_t i = 0; i < word->size; i++)
                *whole = *whole && is_digit(word->text[i]);
        }
        words->position++;
        return true;
    }
    size_t before = words->position;
    uint64_t value;
    if (take_number_words(words, &value) &&
        buffer_append_format(text, "%llu", (unsigned long long)value) == 0) {
        if (whole != NULL)
            *whole = true;
        return true;
    }
    words->position = before;
    return false;
}

bool words_take_count(struct request_words *words, uint64_t *count)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    bool whole = false;
    size_t before = words->position;
    if (!words_take_number(words, &text, &whole))
        return false;
    if (!whole || text.size > 18) {
        words->position = before;
        return false;
    }
    *count = strtoull(buffer_text(&text), NULL, 10);
    return true;
}

bool words_take_ordinal(struct request_words *words, uint64_t *count)
{
    const struct request_word *word = words_peek(words);
    if (word == NULL || word->kind != WORD_ORDINAL || word->size > 18)
        return false;
    *count = 0;
    for (size_t i = 0; i < word->size; i++) {
        if (!is_digit(word->text[i]))
            return false;
        *count = 10 * *count + (uint64_t)(word->text[i] - '0');
    }
    words->position++;
    return true;
}

int words_append_literal(struct buffer *program, const char *text, size_t size)
{
    if (buffer_append_text(program, "\"") != 0)
        return -1;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        int result;
        if (c == '"' || c == '\\')
            result = buffer_append_format(program, "\\%c", c);
        else if (c == '\n')
            result = buffer_append_text(program, "\\n");
        else if (c < 0x20 || c == 0x7f)
            result = buffer_append_format(program, "\\x%02x", c);
        else
            result = buffer_append(program, text + i, 1);
        if (result != 0)
            return -1;
    }
    return buffer_append_text(program, "\"");
}
