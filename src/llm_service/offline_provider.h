/* The built-in provider: it understands a fixed list of requests, writes the Python program that
 * answers each, and says no to everything else. No model, no network, no guessing: a request counts
 * as understood only when every word of it was.
 *
 * Understood, with any polite or leading words around it ("Execute Python code to calculate ...",
 * "please ... using Python and print the result"):
 *
 *   factorial of N, N!                       is N prime
 *   a series (number_series.h): the first N Fibonacci numbers, primes below N, ...
 *   sum, product, mean, average, median, minimum, maximum, count of a series or a list of numbers
 *   add, multiply A by B, subtract A from B, divide A by B
 *   gcd and lcm of whole numbers             the Nth Fibonacci number
 *   sort numbers or words [in descending order]
 *   an arithmetic expression (arithmetic_expression.h)
 *   reverse the string "..."                 count the words or characters in "..."
 *
 * Limits: a request of 64 KiB; numbers as in request_words.h. How long the program may run and what
 * it may use is the sandbox's business: the factorial of a billion is tried and times out.
 *
 * Pure: no state, no I/O; any thread.
 */
#ifndef SHANNON_LLM_SERVICE_OFFLINE_PROVIDER_H
#define SHANNON_LLM_SERVICE_OFFLINE_PROVIDER_H

#include "base/buffer.h"
#include "base/error.h"

#define OFFLINE_PROVIDER_REQUEST_MAX 65536 /* bytes */

/* Writes the program for the NUL-terminated UTF-8 `request` into `program`. 0, or -1 with
 * ERROR_INVALID_REQUEST (not understood: the message says how to configure a provider and what is
 * understood) or ERROR_INTERNAL (memory). */
int offline_provider_write(const char *request, struct buffer *program, struct error *error);

#endif
