/* Requests about texts. Invariant: bytes of the request enter the program only inside string
 * literals, or as numbers. */
#include "llm_service/offline_forms.h"

#include "llm_service/number_series.h"

#define WRITE(...) (buffer_append_format(program, __VA_ARGS__) == 0)

static const char descending[] =
    "in descending order|in decreasing order|in reverse order|in reverse|descending|"
    "from largest to smallest|from highest to lowest|from high to low|in reverse alphabetical "
    "order|"
    "reverse alphabetically|from z to a";
static const char ascending[] =
    "in ascending order|in increasing order|ascending|from smallest to largest|"
    "from lowest to highest|from low to high|in alphabetical order|alphabetically|numerically|"
    "from a to z|in order";

/* Appends the remaining words as a Python list of strings. False when one of them is neither a
 * quoted text nor a plain word, or when words and quoted texts stand side by side without need. */
static bool write_word_list(struct request_words *words, struct buffer *program)
{
    const char *close = words_accept(words, "[") ? "]" : words_accept(words, "(") ? ")" : NULL;
    size_t count = 0;
    if (!WRITE("["))
        return false;
    while (!words_at_end(words)) {
        if (close != NULL && words_accept(words, close)) {
            close = NULL;
            break;
        }
        if (count > 0)
            (void)words_accept(words, ", and|,|and|&|;");
        const struct request_word *word = words_peek(words);
        if (word == NULL || (word->kind != WORD_TEXT && word->kind != WORD_QUOTED) ||
            (count > 0 && !WRITE(", ")) || words_append_literal(program, word->text, word->size))
            return false;
        words->position++;
        count++;
    }
    return count > 0 && close == NULL && words_at_end(words) && WRITE("]");
}

bool form_sort(struct request_words *words, struct buffer *program)
{
    if (!words_accept(words, "sort|order|sorted|sorting"))
        return false;
    bool reverse = words_accept(words, descending);
    if (!reverse && !words_accept(words, ascending))
        reverse = words_drop_last(words, descending);
    if (!reverse)
        (void)words_drop_last(words, ascending);
    (void)words_accept(words, ":");
    const char *order = reverse ? ", reverse=True" : "";
    size_t before = words->position;
    NUMBER_SERIES_LOCAL struct number_series series;
    if (number_series_read(words, &series) && series.is_literal && words_at_end(words))
        return WRITE("numbers = %s\nprint(sorted(numbers%s))\n", buffer_text(&series.expression),
                     order);
    words->position = before;
    (void)words_accept(words, "the following|following|these|this|the");
    (void)words_accept(words, "list of words|list of strings|list of names|words|names|strings|"
                              "fruits|list|array");
    (void)words_accept(words, ":");
    return WRITE("words = ") && write_word_list(words, program) &&
           WRITE("\nprint(sorted(words, key=str.lower%s))\n", order);
}

/* Takes all remaining words as one text: what stands in the quotes when it is one quoted text, else
 * the request's own bytes from the first to the last of them. */
static bool write_text(struct request_words *words, struct buffer *program)
{
    const struct request_word *first = words_peek(words);
    if (first == NULL)
        return false;
    const struct request_word *last = &words->words[words->limit - 1];
    bool quoted = first->kind == WORD_QUOTED;
    if (quoted && first != last)
        return false;
    words->position = words->limit;
    const char *text = quoted ? first->text : first->start;
    size_t size = quoted ? first->size : (size_t)(last->end - first->start);
    return WRITE("text = ") && words_append_literal(program, text, size) == 0 && WRITE("\n");
}

/* "the sentence:", "the following text", "the string"; false when nothing says that a text
 * follows. */
static bool take_text_introduction(struct request_words *words)
{
    (void)words_accept(words, "the following|following|this|the|a|my");
    bool named = words_accept(words, "string|word|text|sentence|phrase|paragraph|letters of|"
                                     "characters of|characters in|letters in");
    (void)words_accept(words, "of");
    return words_accept(words, ":") || named;
}

bool form_reverse(struct request_words *words, struct buffer *program)
{
    if (!words_accept(words, "reverse of|reverse"))
        return false;
    bool named = take_text_introduction(words);
    const struct request_word *word = words_peek(words);
    /* Without a name, "the numbers 1, 2" may be a text or a list; one quoted text is a text. */
    if (!named && (word == NULL || word->kind != WORD_QUOTED))
        return false;
    return write_text(words, program) && WRITE("print(text[::-1])\n");
}

bool form_count_text(struct request_words *words, struct buffer *program)
{
    static const struct {
        const char *phrases;
        const char *expression;
    } counts[] = {
        {"count the words|count words|count the number of words|number of words|word count|"
         "how many words are there|how many words are|how many words",
         "len(text.split())"},
        {"count the characters|count characters|count the number of characters|"
         "number of characters|character count|how many characters are there|"
         "how many characters are|how many characters|length",
         "len(text)"},
        {"count the letters|count letters|count the number of letters|number of letters|"
         "how many letters are there|how many letters are|how many letters",
         "sum(c.isalpha() for c in text)"},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (!words_accept(words, counts[i].phrases))
            continue;
        bool connected = words_accept(words, "in|of|for|:");
        bool named = take_text_introduction(words);
        const struct request_word *word = words_peek(words);
        bool quoted = word != NULL && word->kind == WORD_QUOTED;
        if (!connected || (!named && !quoted))
            return false;
        return write_text(words, program) && WRITE("print(%s)\n", counts[i].expression);
    }
    return false;
}
