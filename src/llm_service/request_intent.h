/* Does a request carry the code to run, or does it ask for something?
 *
 * Explicit code is taken as it stands and goes straight to agent-core; nothing is added to it and
 * no model sees it. These forms carry code (letter case never matters; `...` is the code):
 *
 *  1. An introduction that ends with a colon.
 *         Execute this Python code: ...          Please run the following script: ...
 *         Execute Python: ...                    Can you run this for me: ...
 *         Python code: ...                       Use Python to execute: ...
 *     Every word before the colon must belong to a fixed vocabulary (politeness, run/execute,
 *     this/the following, Python, code/script/program), so that "Execute Python code to sort: 3, 1"
 *     is a question. "Evaluate" alone is a question too: "Evaluate: 2 + 2" asks for a value.
 *  2. The same, with "this", "these", "following" or "below" and one of code/script/program, where
 *     a line end or " - " stands in place of the colon.
 *  3. The same words followed by one quoted string, or a verb followed by one code span:
 *         Run `print(1)`                         Execute this Python code "print(1)"
 *  4. Fenced blocks (``` or ~~~, at least three), with any text around them:
 *         ```python, ```py, ```python3 or ``` without a language.
 *     Several Python blocks are joined in their order. Blocks with and without a language in one
 *     request are refused (the plain one may be expected output), and so is a block in another
 *     language when the text around it says to run it or says nothing.
 *  5. A request that is one code span and nothing else.
 *
 * Around the code of forms 1 to 3:
 *  - Surrounding quotes ('...', "...", `...`, ```...```, triple quotes, typographic quotes) are
 *    taken off only when all of the rest is one quoted string: the same quote stands nowhere inside
 *    without a backslash. So print('it''s') and 'a' + 'b' stay as they are.
 *  - Inside quotes that were taken off, backslash + that quote becomes the quote. Nothing else is
 *    unescaped.
 *  - When the first line of code is indented, the indentation common to all lines is taken off.
 *  - A fence inside an open triple-quoted Python string is part of the code.
 *
 * Pure: no state, no I/O; any thread.
 */
#ifndef SHANNON_LLM_SERVICE_REQUEST_INTENT_H
#define SHANNON_LLM_SERVICE_REQUEST_INTENT_H

#include "base/buffer.h"
#include "base/error.h"

enum request_intent {
    REQUEST_REFUSED = -1, /* `error` says why: ERROR_INVALID_REQUEST, or ERROR_INTERNAL (memory) */
    REQUEST_QUESTION = 0, /* no explicit code: a provider has to understand it */
    REQUEST_CODE = 1,     /* `code` holds the program */
};

/* Reads the UTF-8 text `request`. On REQUEST_CODE the program is appended to `code`. */
enum request_intent request_intent_read(const char *request, struct buffer *code,
                                        struct error *error);

#endif
