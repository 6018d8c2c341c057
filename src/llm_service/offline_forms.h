/* The forms of request that the built-in provider knows; a part of offline_provider.h.
 *
 * A form reads the words and appends the program. It returns false when the words are not of its
 * form, were not all read, or memory is short; what it appended until then is to be thrown away.
 */
#ifndef SHANNON_LLM_SERVICE_OFFLINE_FORMS_H
#define SHANNON_LLM_SERVICE_OFFLINE_FORMS_H

#include "base/buffer.h"
#include "llm_service/request_words.h"

#include <stdbool.h>

typedef bool request_form(struct request_words *words, struct buffer *program);

/* offline_number_forms.c */
request_form form_factorial;
request_form form_arithmetic;
request_form form_operation;
request_form form_summary;
request_form form_prime_test;
request_form form_common_divisor;
request_form form_nth_fibonacci;
request_form form_series;

/* offline_text_forms.c */
request_form form_sort;
request_form form_reverse;
request_form form_count_text;

#endif
