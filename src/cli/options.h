/* Command-line options, one table a command, from which both the parsing and `--help` come. */
#ifndef SHANNON_CLI_OPTIONS_H
#define SHANNON_CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The command line is wrong, or shannon itself failed: never a status that a program can be asked
 * to return by mistake. */
#define OPTIONS_EXIT_USAGE 125

enum option_type {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_DURATION, /* uint64_t milliseconds, above 0 */
    OPTION_SIZE,     /* uint64_t bytes, above 0 */
    OPTION_NUMBER,   /* uint64_t */
    OPTION_LIST,     /* struct option_list */
    OPTION_LAST,     /* const char *; everything after its value is an argument, as python's -c */
};

struct option_list {
    const char **items; /* point into argv; the array is the caller's to free */
    size_t count;
};

struct option {
    const char *name; /* with its dashes: "--timeout", "-c" */
    enum option_type type;
    void *value;          /* of the type above */
    const char *argument; /* how --help calls it: "DURATION" */
    const char *help;
};

struct option_table {
    const char *command; /* "run" */
    const char *usage;   /* "[OPTION...] [-c CODE | FILE | -] [ARGUMENT...]" */
    const char *description;
    const struct option *options; /* ends with a NULL name */
    const char *more;             /* printed after the options by --help; may be NULL */
};

/* Parses until the first word that is not an option (or after `--`); `*next` is its index in argv,
 * argc when there is none. "--name=value" is accepted for "--name value". Returns 0; 1 when --help
 * was asked for and has been printed; -1 with ERROR_INVALID_REQUEST naming the option. */
int options_parse(const struct option_table *table, int argc, char **argv, int *next,
                  struct error *error);

/* As options_parse, for a command whose options may also stand between and after its words (those
 * that are no options, or follow `--`): `words` gets up to `maximum` of them. One more is an error.
 */
int options_parse_words(const struct option_table *table, int argc, char **argv, const char **words,
                        size_t maximum, size_t *count, struct error *error);

/* Prints "shannon COMMAND: MESSAGE" and returns the exit status that fits: 128 and the number of
 * the signal that interrupted the command, else by the error's kind. */
int options_fail(const char *command, const struct error *error);

#endif
