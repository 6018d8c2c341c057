/* Which numbers a request is about, as Python that makes them.
 *
 * Written out: "3, 1 and 2", "[3, -1, 2.5]", "the numbers 3 1 2", "the following list: 3, 1".
 *
 * By a rule, with whole numbers A <= B and N >= 1:
 *     (the) first N KIND                        KIND between A and B, KIND from A to B
 *     N prime numbers, N Fibonacci numbers      KIND up to B, KIND below B
 *     the Fibonacci sequence up to B, ... up to N terms, ... with N terms
 *     (the numbers) from A to B, between A and B, A to B (both ends belong to it)
 * KIND is numbers or integers (not with "first N": from 0 or from 1?), natural numbers or positive
 * integers (from 1), even numbers (from 2), odd numbers, prime numbers, Fibonacci numbers (from 0),
 * and with "first N" only squares and cubes.
 */
#ifndef SHANNON_LLM_SERVICE_NUMBER_SERIES_H
#define SHANNON_LLM_SERVICE_NUMBER_SERIES_H

#include "base/buffer.h"
#include "llm_service/request_words.h"

#include <stdbool.h>
#include <stddef.h>

struct number_series {
    struct buffer definitions; /* Python functions that `expression` calls; may be empty */
    struct buffer expression;  /* a sequence: "[3, 1, 2]", "range(1, 101)", "first_primes(10)" */
    bool is_list;              /* its printed form shows the numbers */
    bool is_literal;           /* it was written out */
    bool names_kind;           /* primes, squares, ...: not just numbers */
    bool all_whole;
    bool needs_math; /* the definitions use the modules of these names */
    bool needs_itertools;
    size_t literal_count;
};

/* Reads numbers written out or by a rule. False when the next words are neither (the position is
 * then where it was), or memory is short. Release with number_series_free in any case. */
bool number_series_read(struct request_words *words, struct number_series *series);
void number_series_free(struct number_series *series);
#define NUMBER_SERIES_LOCAL __attribute__((cleanup(number_series_free)))

#endif
