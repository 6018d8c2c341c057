/* Does a request carry the code to run? Invariant: what lands in the code buffer is a part of the
 * request, byte for byte, but for indentation, surrounding quotes and their escapes. */
#include "llm_service/request_intent.h"

#include "llm_service/fenced_block.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What the words of an introduction have said so far. */
struct introduction {
    bool runs;      /* run, execute */
    bool evaluates; /* evaluate, eval */
    bool python;
    bool code;       /* code, script, program */
    bool points;     /* this, following */
    bool talks;      /* any other word */
    const char *end; /* the first byte that is not part of it */
};

enum word_meaning { WORD_RUN, WORD_EVALUATE, WORD_PYTHON, WORD_CODE, WORD_POINT, WORD_TALK };

static const struct {
    const char *word;
    enum word_meaning meaning;
} vocabulary[] = {
    {"run", WORD_RUN},
    {"execute", WORD_RUN},
    {"exec", WORD_RUN},
    {"interpret", WORD_RUN},
    {"evaluate", WORD_EVALUATE},
    {"eval", WORD_EVALUATE},
    {"python", WORD_PYTHON},
    {"python3", WORD_PYTHON},
    {"py", WORD_PYTHON},
    {"code", WORD_CODE},
    {"script", WORD_CODE},
    {"program", WORD_CODE},
    {"snippet", WORD_CODE},
    {"block", WORD_CODE},
    {"statement", WORD_CODE},
    {"statements", WORD_CODE},
    {"lines", WORD_CODE},
    {"this", WORD_POINT},
    {"these", WORD_POINT},
    {"following", WORD_POINT},
    {"below", WORD_POINT},
    {"please", WORD_TALK},
    {"kindly", WORD_TALK},
    {"can", WORD_TALK},
    {"could", WORD_TALK},
    {"would", WORD_TALK},
    {"will", WORD_TALK},
    {"you", WORD_TALK},
    {"i", WORD_TALK},
    {"want", WORD_TALK},
    {"need", WORD_TALK},
    {"like", WORD_TALK},
    {"to", WORD_TALK},
    {"hi", WORD_TALK},
    {"hello", WORD_TALK},
    {"hey", WORD_TALK},
    {"shannon", WORD_TALK},
    {"just", WORD_TALK},
    {"now", WORD_TALK},
    {"use", WORD_TALK},
    {"using", WORD_TALK},
    {"with", WORD_TALK},
    {"in", WORD_TALK},
    {"as", WORD_TALK},
    {"the", WORD_TALK},
    {"that", WORD_TALK},
    {"my", WORD_TALK},
    {"a", WORD_TALK},
    {"some", WORD_TALK},
    {"piece", WORD_TALK},
    {"of", WORD_TALK},
    {"for", WORD_TALK},
    {"me", WORD_TALK},
    {"us", WORD_TALK},
    {"sandbox", WORD_TALK},
    {"wasi", WORD_TALK},
    {"and", WORD_TALK},
    {"show", WORD_TALK},
    {"print", WORD_TALK},
    {"return", WORD_TALK},
    {"give", WORD_TALK},
    {"tell", WORD_TALK},
    {"its", WORD_TALK},
    {"output", WORD_TALK},
    {"result", WORD_TALK},
    {"3", WORD_TALK},
    {"3.11", WORD_TALK},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

static int word_meaning(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof(vocabulary) / sizeof(vocabulary[0]); i++) {
        if (strlen(vocabulary[i].word) == size && strncasecmp(vocabulary[i].word, word, size) == 0)
            return (int)vocabulary[i].meaning;
    }
    return -1;
}

static void note_word(struct introduction *introduction, enum word_meaning meaning)
{
    introduction->runs |= meaning == WORD_RUN;
    introduction->evaluates |= meaning == WORD_EVALUATE;
    introduction->python |= meaning == WORD_PYTHON;
    introduction->code |= meaning == WORD_CODE;
    introduction->points |= meaning == WORD_POINT;
    introduction->talks |= meaning == WORD_TALK;
}

/* Reads words of the vocabulary on the first line. `end` is left at what follows the last of them,
 * spaces skipped. False when a word is not in the vocabulary. */
static bool read_introduction(const char *text, struct introduction *introduction)
{
    *introduction = (struct introduction){0};
    const char *p = text;
    for (;;) {
        while (is_space(*p) || *p == ',')
            p++;
        if (!is_word_character(*p)) {
            introduction->end = p;
            return true;
        }
        const char *word = p;
        while (is_word_character(*p))
            p++;
        int meaning = word_meaning(word, (size_t)(p - word));
        if (meaning < 0)
            return false;
        note_word(introduction, (enum word_meaning)meaning);
    }
}

static const char *skip_blank(const char *text)
{
    while (is_space(*text) || *text == '\n')
        text++;
    return text;
}

static size_t trimmed_size(const char *text)
{
    size_t size = strlen(text);
    while (size > 0 && (is_space(text[size - 1]) || text[size - 1] == '\n'))
        size--;
    return size;
}

struct quote {
    const char *open;
    const char *close;
};

/* Longer ones first: ``` before `. */
static const struct quote quotes[] = {
    {"```", "```"},
    {"``", "``"},
    {"`", "`"},
    {"\"\"\"", "\"\"\""},
    {"'''", "'''"},
    {"\"", "\""},
    {"'", "'"},
    {"\xe2\x80\x9c", "\xe2\x80\x9d"}, /* left and right double quotation mark */
    {"\xe2\x80\x98", "\xe2\x80\x99"}, /* left and right single quotation mark */
};

/* True when no `mark` stands in the text without a backslash before it. */
static bool free_of(const char *text, size_t size, const char *mark)
{
    size_t length = strlen(mark);
    for (size_t i = 0; i + length <= size; i++) {
        if (text[i] == '\\') {
            i++;
            continue;
        }
        if (memcmp(text + i, mark, length) == 0)
            return false;
    }
    return true;
}

/* The quote that surrounds all of the text as one quoted string, or NULL. */
static const struct quote *surrounding_quote(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
        size_t open = strlen(quotes[i].open);
        size_t close = strlen(quotes[i].close);
        if (size <= open + close || memcmp(text, quotes[i].open, open) != 0 ||
            memcmp(text + size - close, quotes[i].close, close) != 0)
            continue;
        const char *inside = text + open;
        size_t inside_size = size - open - close;
        /* A backslash before the closing quote escapes it: then it closes nothing. */
        size_t backslashes = 0;
        while (backslashes < inside_size && inside[inside_size - 1 - backslashes] == '\\')
            backslashes++;
        if (backslashes % 2 == 0 && free_of(inside, inside_size, quotes[i].open) &&
            free_of(inside, inside_size, quotes[i].close))
            return &quotes[i];
    }
    return NULL;
}

static int append_unescaped(struct buffer *code, const char *text, size_t size, char quote)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' && i + 1 < size && text[i + 1] == quote)
            i++;
        if (buffer_append(code, text + i, 1) != 0)
            return -1;
    }
    return 0;
}

static size_t indentation(const char *line, const char *end)
{
    size_t size = 0;
    while (line + size < end && (line[size] == ' ' || line[size] == '\t'))
        size++;
    return size;
}

static bool is_blank_line(const char *line, const char *end)
{
    size_t size = indentation(line, end);
    return line + size == end || line[size] == '\n' || line[size] == '\r';
}

static const char *line_end(const char *line, const char *end)
{
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    return newline == NULL ? end : newline + 1;
}

/* The bytes of white space that every line that is not blank begins with. */
static size_t common_indentation(const char *text, const char *end)
{
    const char *first = text;
    while (first < end && is_blank_line(first, end))
        first = line_end(first, end);
    size_t common = indentation(first, end);
    for (const char *line = first; line < end && common > 0; line = line_end(line, end)) {
        if (is_blank_line(line, end))
            continue;
        size_t same = 0;
        while (same < common && line + same < end && line[same] == first[same])
            same++;
        common = same;
    }
    return common;
}

/* Appends the text without the indentation that all of its lines share. */
static int append_dedented(struct buffer *code, const char *text, size_t size)
{
    const char *end = text + size;
    size_t common = common_indentation(text, end);
    for (const char *line = text; line < end; line = line_end(line, end)) {
        const char *next = line_end(line, end);
        size_t skip = indentation(line, end);
        skip = skip < common ? skip : common;
        if (buffer_append(code, line + skip, (size_t)(next - line) - skip) != 0)
            return -1;
    }
    return 0;
}

/* "python print(1)", as it stands in a code span that was meant as a fence: the size of the
 * language's name with its space, or 0. */
static size_t language_prefix(const char *text, size_t size)
{
    size_t word = 0;
    while (word < size && is_word_character(text[word]))
        word++;
    if (word == 0 || word == size || text[word] != ' ' || !fenced_block_is_python(text, word))
        return 0;
    size_t after = word;
    while (after < size && text[after] == ' ')
        after++;
    return after < size && text[after] != '=' ? after : 0;
}

static enum request_intent out_of_memory(struct error *error)
{
    error_set(error, ERROR_INTERNAL, "Out of memory while reading the request");
    return REQUEST_REFUSED;
}

static enum request_intent no_code(struct error *error)
{
    error_set(error, ERROR_INVALID_REQUEST,
              "The request says to run code, but no code follows. Write it after the colon, as in "
              "Execute this Python code: print(1)");
    return REQUEST_REFUSED;
}

/* Appends what stands inside the quote that surrounds the text. */
static int take_quoted(const char *text, size_t size, const struct quote *quote,
                       struct buffer *code)
{
    const char *inside = text + strlen(quote->open);
    size_t inside_size = size - strlen(quote->open) - strlen(quote->close);
    if (quote->open[0] == '`') {
        size_t skip = language_prefix(inside, inside_size);
        inside += skip;
        inside_size -= skip;
    }
    BUFFER_LOCAL struct buffer plain = BUFFER_EMPTY;
    if (append_unescaped(&plain, inside, inside_size, quote->open[0]) != 0)
        return -1;
    return append_dedented(code, buffer_text(&plain), plain.size);
}

/* Appends the text from `rest` on. Code that begins on a line of its own keeps the indentation of
 * that line, so that the lines after it are measured against it. */
static int take_plain(const char *rest, bool at_line_start, const char *start, size_t size,
                      struct buffer *code)
{
    const char *line = start;
    while (line > rest && line[-1] != '\n')
        line--;
    if (line == rest && !at_line_start)
        line = start;
    return append_dedented(code, line, size + (size_t)(start - line));
}

/* Takes all of `rest` as code, its surrounding quotes off. */
static enum request_intent take_rest(const char *rest, bool at_line_start, struct buffer *code,
                                     struct error *error)
{
    const char *start = skip_blank(rest);
    size_t size = trimmed_size(start);
    if (size == 0)
        return no_code(error);
    BUFFER_LOCAL struct buffer taken = BUFFER_EMPTY;
    const struct quote *quote = surrounding_quote(start, size);
    int result = quote != NULL ? take_quoted(start, size, quote, &taken)
                               : take_plain(rest, at_line_start, start, size, &taken);
    if (result == 0 && skip_blank(buffer_text(&taken))[0] == '\0')
        return no_code(error);
    if (result != 0 || buffer_append(code, taken.data, taken.size) != 0)
        return out_of_memory(error);
    return REQUEST_CODE;
}

/* True when a word of the text outside the fences says to run something. */
static bool says_run(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_word_character(text[i]))
            continue;
        size_t start = i;
        while (i < size && is_word_character(text[i]) && text[i] != '.')
            i++;
        int meaning = word_meaning(text + start, i - start);
        if (meaning == WORD_RUN || meaning == WORD_EVALUATE)
            return true;
    }
    return false;
}

/* What the blocks of a request are, taken together. */
struct block_census {
    size_t python;
    size_t plain;
    struct fenced_block foreign; /* the first in another language; `text` NULL when there is none */
    bool says_run;
    bool has_prose;
};

static void note_prose(struct block_census *census, const char *start, const char *end)
{
    census->says_run |= says_run(start, (size_t)(end - start));
    for (const char *p = start; p < end && !census->has_prose; p++)
        census->has_prose = !is_space(*p) && *p != '\n';
}

static int take_blocks(const char *request, struct buffer *code, struct block_census *census)
{
    struct fenced_block block;
    const char *position = request;
    while (fenced_block_find(position, &block)) {
        note_prose(census, position, block.start);
        if (block.language_size == 0)
            census->plain++;
        else if (fenced_block_is_python(block.language, block.language_size))
            census->python++;
        else if (census->foreign.text == NULL)
            census->foreign = block;
        BUFFER_LOCAL struct buffer lines = BUFFER_EMPTY;
        if (fenced_block_append(&block, &lines) != 0 ||
            append_dedented(code, buffer_text(&lines), lines.size) != 0)
            return -1;
        position = block.end;
    }
    note_prose(census, position, position + strlen(position));
    return 0;
}

static enum request_intent read_blocks(const char *request, struct buffer *code,
                                       struct error *error)
{
    struct block_census census = {0};
    BUFFER_LOCAL struct buffer joined = BUFFER_EMPTY;
    if (take_blocks(request, &joined, &census) != 0)
        return out_of_memory(error);
    if (census.foreign.text != NULL) {
        if (census.python + census.plain == 0 && census.has_prose && !census.says_run)
            return REQUEST_QUESTION;
        error_set(error, ERROR_INVALID_REQUEST,
                  "The request holds a fenced block in %.*s, and only Python can be run here. Send "
                  "Python in a block that begins with ```python",
                  (int)(census.foreign.language_size < 40 ? census.foreign.language_size : 40),
                  census.foreign.language);
        return REQUEST_REFUSED;
    }
    if (census.python > 0 && census.plain > 0) {
        error_set(error, ERROR_INVALID_REQUEST,
                  "The request holds fenced blocks with and without a language, so it is not clear "
                  "which to run. Begin each block that is to run with ```python and leave out the "
                  "others");
        return REQUEST_REFUSED;
    }
    if (skip_blank(buffer_text(&joined))[0] == '\0') {
        error_set(error, ERROR_INVALID_REQUEST,
                  "The fenced block is empty: there is no code to "
                  "run. Write Python between the two fences");
        return REQUEST_REFUSED;
    }
    if (buffer_append(code, joined.data, joined.size) != 0)
        return out_of_memory(error);
    return REQUEST_CODE;
}

/* Inside which triple-quoted Python string does the text end: its quote character, or 0. */
static char open_triple_quote(const char *text, const char *end)
{
    char open = 0;
    for (const char *p = text; p + 2 < end; p++) {
        if (*p == '\\') {
            p++;
            continue;
        }
        if ((*p != '"' && *p != '\'') || p[1] != *p || p[2] != *p)
            continue;
        if (open == 0)
            open = *p;
        else if (open == *p)
            open = 0;
        p += 2;
    }
    return open;
}

static bool colon_introduces_code(const struct introduction *introduction)
{
    if (introduction->runs)
        return true;
    if (introduction->evaluates)
        return introduction->code;
    return introduction->python && !introduction->talks && !introduction->points;
}

/* Where the code begins after the introduction, or NULL when none of forms 1 to 3 is met. */
static const char *introduced_code(const struct introduction *introduction)
{
    const char *end = introduction->end;
    bool verb = introduction->runs || (introduction->evaluates && introduction->code);
    if (*end == ':')
        return colon_introduces_code(introduction) ? end + 1 : NULL;
    if (!verb)
        return NULL;
    if (*end == '`')
        return surrounding_quote(end, trimmed_size(end)) != NULL ? end : NULL;
    if (*end == '"' || *end == '\'' || (unsigned char)*end == 0xe2) {
        bool quoted = surrounding_quote(end, trimmed_size(end)) != NULL;
        return quoted && (introduction->code || introduction->python) ? end : NULL;
    }
    if (!introduction->points || !introduction->code)
        return NULL;
    if (*end == '\n')
        return end + 1;
    if (end[0] == '-' && end[1] == ' ')
        return end + 1;
    return NULL;
}

enum request_intent request_intent_read(const char *request, struct buffer *code,
                                        struct error *error)
{
    const char *text = skip_blank(request);
    if (*text == '\0') {
        error_set(error, ERROR_INVALID_REQUEST, "The request is empty: say what to do");
        return REQUEST_REFUSED;
    }
    size_t size = trimmed_size(text);
    struct fenced_block block;
    bool fenced = fenced_block_find(text, &block);
    struct introduction introduction;
    const char *rest = NULL;
    if (read_introduction(text, &introduction))
        rest = introduced_code(&introduction);
    if (fenced && (rest == NULL || open_triple_quote(rest, block.start) == 0))
        return read_blocks(text, code, error);
    if (rest != NULL)
        return take_rest(rest, *introduction.end == '\n', code, error);
    if (text[0] == '`' && surrounding_quote(text, size) != NULL)
        return take_rest(text, false, code, error);
    return REQUEST_QUESTION;
}
