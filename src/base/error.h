/* The one error type of the program.
 *
 * A function that can fail returns 0 or a value on success and -1 (or NULL) on failure, and takes
 * a `struct error *` as its last argument. It fills that error or returns it to its caller; it
 * never also logs it. The kind travels unchanged to the edge: the same word stands in JSON
 * answers, logs and metrics.
 *
 * A message says what happened, where, and what to do next. It never holds a secret.
 *
 * The error owns no memory, so that a forked child may fill one after the heap is in doubt.
 * None of these functions is async-signal-safe.
 */
#ifndef SHANNON_BASE_ERROR_H
#define SHANNON_BASE_ERROR_H

#include <stddef.h>

/* What became of an execution or a call. The order is not stored anywhere; the names are. */
enum error_kind {
    ERROR_OK,
    ERROR_PYTHON_ERROR,          /* the program raised or exited with a status other than 0 */
    ERROR_TIMEOUT,               /* the wall or processor time limit was reached */
    ERROR_MEMORY_LIMIT,          /* the program died of its memory limit */
    ERROR_OUTPUT_LIMIT,          /* the program was ended because of its output */
    ERROR_STACK_EXHAUSTED,       /* the guest's stack ran out */
    ERROR_TRAP,                  /* the guest executed a WebAssembly trap */
    ERROR_KILLED,                /* ended from outside: cancelled, client gone, service stopping */
    ERROR_INTERPRETER_NOT_FOUND, /* no such interpreter, or its file is missing */
    ERROR_INVALID_REQUEST,       /* the caller's input is wrong */
    ERROR_BUSY,                  /* no capacity now; trying again later may succeed */
    ERROR_INTERNAL,              /* shannon's own failure, or the machine's */
};

struct error {
    enum error_kind kind;
    char message[1024]; /* UTF-8, NUL-terminated, truncated when longer */
};

/* An error that is not set. */
#define ERROR_NONE ((struct error){.kind = ERROR_OK})

/* The fixed word of `kind` ("timeout", ...). Never NULL; the string is static. */
const char *error_kind_name(enum error_kind kind);

/* The kind whose word is `name`, or -1. */
int error_kind_from_name(const char *name);

/* Sets `error` unless it is set already: the first failure is the cause, a later one happens while
 * cleaning up. `error` may be NULL. Returns -1, so that `return error_set(...)` forwards. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": " and the text of `error_number` (an errno value) appended. */
int error_set_errno(struct error *error, enum error_kind kind, int error_number, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* Puts a prefix and ": " before the message of an error that is set. Returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
