/* What became of an execution, as JSON. */
#ifndef SHANNON_AGENT_CORE_EXECUTION_ANSWER_H
#define SHANNON_AGENT_CORE_EXECUTION_ANSWER_H

#include "sandbox/execution.h"

#include <jansson.h>
#include <stdbool.h>

/* Whether `status` says how a program ended; otherwise no program ran, for want of capacity or by a
 * fault of shannon's own. */
bool execution_answer_is_ending(enum error_kind status);

/* The answer object of POST /v1/execute. `id` NULL: without execution_id. Output
 * that is not UTF-8 is shown with U+FFFD. `error` has the exception's type and message when an
 * exception ended the program, and the host's words otherwise. A new reference, or NULL when memory
 * is short. */
json_t *execution_answer(const struct execution_result *result, const char *id);

#endif
