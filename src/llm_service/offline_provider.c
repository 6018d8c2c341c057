/* The built-in provider: takes the polite frame off a request and tries each form on what is left.
 * Invariant: a program is returned only when a form has read every word of that. */
#include "llm_service/offline_provider.h"

#include "llm_service/offline_forms.h"

#include <stdbool.h>
#include <string.h>

static const char not_understood[] =
    "This request was not understood: no model provider is configured, and the built-in one knows "
    "only a few requests. To use a model, set OPENAI_API_KEY (and, for a server other than "
    "OpenAI's, OPENAI_BASE_URL and LLM_MODEL) in the environment or in .env and restart the "
    "llm-service. To run code of your own, write: Execute this Python code: ... The built-in "
    "provider understands: factorial of N; the first N Fibonacci numbers; the first N primes, "
    "primes up to N, is N prime; sum, product, mean, median, minimum or maximum of numbers; sort "
    "numbers or words; arithmetic with + - * / // % ** and parentheses; gcd or lcm of numbers; "
    "reverse the string \"...\"; count the words in \"...\"";

/* What may stand before the request proper, in any order and number. */
static const char *const leading_words[] = {
    "please|kindly|hello|hi|hey|shannon|now|just|so|,|:",
    "can you|could you|would you|will you|i want you to|i need you to|i would like you to|"
    "i'd like you to|i want to|i need to|let's|lets|help me",
    "use python code to|use python3 to|use python 3 to|use python to|using python code to|"
    "using python to|using python|with python|in python",
    "execute some python code to|execute the python code to|execute python code to|"
    "execute python code that|execute python to|execute a python script to|"
    "execute a python program to|execute code to",
    "run some python code to|run python code to|run python code that|run python to|"
    "run a python script to|run a python program to|run code to",
    "write and run python code to|write and execute python code to|write python code to|"
    "write python code that|write some python code to|write code to|"
    "write a python program to|write a python program that|write a python script to|"
    "write a python script that|write a python function to|write a program to|"
    "write a program that",
    "python code to|python script to|python program to",
    "calculate|calculates|compute|computes|find out|find|finds|get|give me|give|show me|show|print|"
    "prints|generate|generates|produce|create|list|lists|display|return|returns|output|determine|"
    "evaluate|work out|solve|tell me|do",
    "what is|what's|whats|what are|how much is|how much are",
    "this python expression|the python expression|the expression|this expression|"
    "the value of|the result of|the value|the result|the answer to",
    "a list of|the list of|list of|this|the following",
    "the|a|an",
};

static const char *const trailing_words[] = {
    "?|.|thanks|thank you|please|for me|now",
    "using python code|using python 3|using python3|using python|with python|in python|via python|"
    "in python code|python code",
    "and print it|and print them|and print the result|and print the results|and print the output|"
    "and print the answer|and print the list|and show it|and show them|and show me the result|"
    "and show the result|and show the results|and show the output|and display it|"
    "and display them|and display the result|and return it|and return them|"
    "and return the result|and tell me the result|and tell me the answer|"
    "and give me the result|and output the result",
    "in the sandbox|as a list|in a list",
};

static void drop_frame(struct request_words *words)
{
    bool dropped = true;
    while (dropped) {
        dropped = false;
        for (size_t i = 0; i < sizeof(trailing_words) / sizeof(trailing_words[0]); i++)
            dropped |= words_drop_last(words, trailing_words[i]);
        /* The comma of ", please"; one that is left over is a word not understood. */
        if (dropped)
            (void)words_drop_last(words, ",");
    }
}

static bool write_by_form(struct request_words *words, struct buffer *program)
{
    static request_form *const forms[] = {
        form_factorial,  form_arithmetic,     form_operation,     form_summary,
        form_prime_test, form_common_divisor, form_nth_fibonacci, form_series,
        form_sort,       form_reverse,        form_count_text,
    };
    size_t position = words->position;
    size_t limit = words->limit;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i](words, program))
            return true;
        words->position = position;
        words->limit = limit;
        buffer_clear(program);
    }
    return false;
}

/* Tries the forms after each leading word that was taken off: "number of words in ..." must be seen
 * before and after "the". */
static bool write_program(struct request_words *words, struct buffer *program)
{
    drop_frame(words);
    for (;;) {
        if (write_by_form(words, program))
            return true;
        bool dropped = false;
        for (size_t i = 0; i < sizeof(leading_words) / sizeof(leading_words[0]) && !dropped; i++)
            dropped = words_accept(words, leading_words[i]);
        if (!dropped)
            return false;
    }
}

int offline_provider_write(const char *request, struct buffer *program, struct error *error)
{
    if (strlen(request) > OFFLINE_PROVIDER_REQUEST_MAX)
        return error_set(error, ERROR_INVALID_REQUEST, "%s", not_understood);
    REQUEST_WORDS_LOCAL struct request_words words;
    BUFFER_LOCAL struct buffer written = BUFFER_EMPTY;
    if (request_words_cut(&words, request) != 0)
        return error_set(error, ERROR_INTERNAL, "Out of memory while reading the request");
    if (!write_program(&words, &written))
        return error_set(error, ERROR_INVALID_REQUEST, "%s", not_understood);
    if (buffer_append(program, written.data, written.size) != 0)
        return error_set(error, ERROR_INTERNAL, "Out of memory while writing the program");
    return 0;
}
