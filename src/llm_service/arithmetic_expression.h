/* An arithmetic expression in signs or words, rewritten as the Python expression that means it.
 *
 *     sum     := product (("+" | plus | "-" | minus) product)*
 *     product := factor (("*" | x | times | multiplied by | "/" | divided by | "//" | "%" | mod |
 *                modulo) factor)*
 *     factor  := ("+" | "-" | minus) factor | power
 *     power   := value (squared | cubed | ("**" | to the power of | raised to) factor)?
 *     value   := atom "!"*
 *     atom    := number | "(" sum ")" | [the] square root of atom
 *              | number ("%" | percent) of factor
 *
 * Precedence is Python's, so that the rewritten expression needs no parentheses of its own. "^" is
 * not read: it means a power to some and exclusive or to Python.
 */
#ifndef SHANNON_LLM_SERVICE_ARITHMETIC_EXPRESSION_H
#define SHANNON_LLM_SERVICE_ARITHMETIC_EXPRESSION_H

#include "base/buffer.h"
#include "llm_service/request_words.h"

#include <stdbool.h>
#include <stddef.h>

#define ARITHMETIC_DEPTH_MAX 64 /* of parentheses, signs and roots within each other */

struct arithmetic_expression {
    struct buffer python; /* "3 * (4 + 5)" */
    size_t operations;    /* 0: it is only a number */
    bool needs_math;      /* it uses Python's module math */
    bool may_be_huge;     /* more digits than Python prints unasked (4300) are within reach */
};

/* Reads the longest expression that begins at the next word. False when there is none or memory is
 * short; the position is then undefined. Release with arithmetic_expression_free in any case. */
bool arithmetic_expression_read(struct request_words *words,
                                struct arithmetic_expression *expression);
void arithmetic_expression_free(struct arithmetic_expression *expression);
#define ARITHMETIC_LOCAL __attribute__((cleanup(arithmetic_expression_free)))

#endif
