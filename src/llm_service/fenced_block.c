/* Fenced code blocks. Invariant: start <= text <= text + text_size <= end, all within the text that
 * was searched. */
#include "llm_service/fenced_block.h"

#include <string.h>
#include <strings.h>

#define FENCE_LEAST 3

static size_t run_length(const char *text, char c)
{
    size_t size = 0;
    while (text[size] == c)
        size++;
    return size;
}

static const char *end_of_line(const char *line)
{
    const char *newline = strchr(line, '\n');
    return newline == NULL ? line + strlen(line) : newline;
}

static bool is_language_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_+-.#", c) != NULL);
}

/* Reads what follows an opening fence up to its line's end. At the beginning of a line CommonMark
 * allows any words there; after other text only a language, so that a code span is not taken for a
 * fence. */
static bool read_language(const char *after, const char *end, char fence, bool line_start,
                          struct fenced_block *block)
{
    if (fence == '`' && memchr(after, '`', (size_t)(end - after)) != NULL)
        return false;
    while (after < end && (*after == ' ' || *after == '\t' || *after == '{'))
        after++;
    if (after < end && *after == '.')
        after++;
    block->language = after;
    while (after < end && is_language_character(*after))
        after++;
    block->language_size = (size_t)(after - block->language);
    while (after < end && (*after == ' ' || *after == '\t' || *after == '\r' || *after == '}'))
        after++;
    return line_start || after == end;
}

/* The opening fence on the line, or NULL; fills everything of `block` that it decides. */
static const char *find_opening(const char *line, const char *end, struct fenced_block *block)
{
    size_t indentation = 0;
    while (line[indentation] == ' ' || line[indentation] == '\t')
        indentation++;
    const char *first = line + indentation;
    if ((*first == '`' || *first == '~') && run_length(first, *first) >= FENCE_LEAST &&
        read_language(first + run_length(first, *first), end, *first, true, block)) {
        block->indentation = indentation;
        return first;
    }
    const char *mark = memmem(line, (size_t)(end - line), "```", FENCE_LEAST);
    if (mark != NULL && *end == '\n' &&
        read_language(mark + run_length(mark, '`'), end, '`', false, block)) {
        block->indentation = 0;
        return mark;
    }
    return NULL;
}

/* True when the line is a fence of at least `length` of `fence` and nothing else. */
static bool closes(const char *line, const char *end, char fence, size_t length)
{
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    size_t run = run_length(line, fence);
    if (run < length)
        return false;
    line += run;
    while (line < end && (*line == ' ' || *line == '\t' || *line == '\r'))
        line++;
    return line == end;
}

/* A block without a closing line: it goes to the end of the text, or to a fence that ends the
 * text. */
static void end_at_end_of_text(struct fenced_block *block, char fence, size_t length)
{
    size_t size = strlen(block->text);
    block->end = block->text + size;
    while (size > 0 && strchr(" \t\r\n", block->text[size - 1]) != NULL)
        size--;
    size_t marks = 0;
    while (marks < size && block->text[size - 1 - marks] == fence)
        marks++;
    block->text_size = marks >= length ? size - marks : (size_t)(block->end - block->text);
}

bool fenced_block_find(const char *text, struct fenced_block *block)
{
    *block = (struct fenced_block){0};
    const char *line = text;
    const char *opening;
    const char *end;
    for (;;) {
        end = end_of_line(line);
        opening = find_opening(line, end, block);
        if (opening != NULL)
            break;
        if (*end == '\0')
            return false;
        line = end + 1;
    }
    block->start = opening;
    size_t length = run_length(opening, *opening);
    block->text = *end == '\n' ? end + 1 : end;
    for (line = block->text; *line != '\0'; line = *end == '\n' ? end + 1 : end) {
        end = end_of_line(line);
        if (closes(line, end, *opening, length)) {
            block->text_size = (size_t)(line - block->text);
            block->end = end;
            return true;
        }
    }
    end_at_end_of_text(block, *opening, length);
    return true;
}

int fenced_block_append(const struct fenced_block *block, struct buffer *lines)
{
    const char *end = block->text + block->text_size;
    const char *line = block->text;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *next = newline == NULL ? end : newline + 1;
        size_t skip = 0;
        while (skip < block->indentation && line + skip < next &&
               (line[skip] == ' ' || line[skip] == '\t'))
            skip++;
        if (buffer_append(lines, line + skip, (size_t)(next - line) - skip) != 0 ||
            (newline == NULL && buffer_append_text(lines, "\n") != 0))
            return -1;
        line = next;
    }
    return 0;
}

bool fenced_block_is_python(const char *language, size_t size)
{
    static const char *const names[] = {"python", "py", "python3", "py3"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == size && strncasecmp(language, names[i], size) == 0)
            return true;
    }
    return size > 8 && strncasecmp(language, "python3.", 8) == 0;
}
