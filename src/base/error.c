/* The one error type: a kind and a bounded message. Invariant: `message` is NUL-terminated whenever
 * the kind is not ERROR_OK. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERROR_OK] = "ok",
    [ERROR_PYTHON_ERROR] = "python_error",
    [ERROR_TIMEOUT] = "timeout",
    [ERROR_MEMORY_LIMIT] = "memory_limit",
    [ERROR_OUTPUT_LIMIT] = "output_limit",
    [ERROR_STACK_EXHAUSTED] = "stack_exhausted",
    [ERROR_TRAP] = "trap",
    [ERROR_KILLED] = "killed",
    [ERROR_INTERPRETER_NOT_FOUND] = "interpreter_not_found",
    [ERROR_INVALID_REQUEST] = "invalid_request",
    [ERROR_BUSY] = "busy",
    [ERROR_INTERNAL] = "internal",
};

#define KIND_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

const char *error_kind_name(enum error_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kind_names[kind] : kind_names[ERROR_INTERNAL];
}

int error_kind_from_name(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kind_names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error == NULL || error->kind != ERROR_OK)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->kind = kind;
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return -1;
}

int error_set_errno(struct error *error, enum error_kind kind, int error_number, const char *format,
                    ...)
{
    if (error == NULL || error->kind != ERROR_OK)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->kind = kind;
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    (void)snprintf(error->message + used, sizeof(error->message) - used, ": %s",
                   strerror(error_number));
    return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
    if (error == NULL || error->kind == ERROR_OK)
        return -1;
    char old[sizeof(error->message)];
    memcpy(old, error->message, sizeof(old));
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    (void)snprintf(error->message + used, sizeof(error->message) - used, ": %s", old);
    return -1;
}
