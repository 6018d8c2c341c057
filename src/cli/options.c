/* Command-line options. Invariant: a value is written only after it was parsed as a whole. */
#include "cli/options.h"

#include "base/interruption.h"
#include "base/units.h"
#include "sandbox/execution_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct option_table *table)
{
    (void)printf("Usage: shannon %s %s\n\n%s\n\nOptions:\n", table->command, table->usage,
                 table->description);
    for (const struct option *option = table->options; option->name != NULL; option++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s", option->name,
                       option->argument == NULL ? "" : " ",
                       option->argument == NULL ? "" : option->argument);
        (void)printf("  %-26s %s\n", left, option->help);
    }
    (void)printf("  %-26s %s\n", "--help", "print this and exit");
    if (table->more != NULL)
        (void)printf("\n%s\n", table->more);
}

static const struct option *find_option(const struct option_table *table, const char *word,
                                        const char **value)
{
    size_t size = strcspn(word, "=");
    *value = NULL;
    for (const struct option *option = table->options; option->name != NULL; option++) {
        if (strcmp(option->name, word) == 0)
            return option;
        if (word[size] == '=' && strncmp(word, "--", 2) == 0 && strlen(option->name) == size &&
            strncmp(option->name, word, size) == 0) {
            *value = word + size + 1;
            return option;
        }
    }
    return NULL;
}

static int add_item(struct option_list *list, const char *item, struct error *error)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    items[list->count++] = item;
    list->items = items;
    return 0;
}

static int set_number(const struct option *option, const char *value, struct error *error)
{
    uint64_t number;
    int status;
    if (option->type == OPTION_DURATION)
        status = units_parse_duration(value, &number, error);
    else if (option->type == OPTION_SIZE)
        status = units_parse_size(value, &number, error);
    else
        status = units_parse_number(value, &number);
    if (status != 0 && error->kind == ERROR_OK)
        error_set(error, ERROR_INVALID_REQUEST, "\"%.60s\" is not a whole number", value);
    if (status == 0 && number == 0 && option->type != OPTION_NUMBER)
        status = error_set(error, ERROR_INVALID_REQUEST, "must be above 0");
    if (status != 0)
        return error_prefix(error, "%s", option->name);
    *(uint64_t *)option->value = number;
    return 0;
}

static int set_value(const struct option *option, const char *value, struct error *error)
{
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_LAST:
        *(const char **)option->value = value;
        return 0;
    case OPTION_LIST:
        return add_item(option->value, value, error);
    default:
        return set_number(option, value, error);
    }
}

/* Takes the option at `*i`, which moves to its last word; sets `*last` when no option may follow
 * it. 0; 1 when --help was printed; -1. */
static int take_option(const struct option_table *table, int argc, char **argv, int *i, bool *last,
                       struct error *error)
{
    const char *value;
    if (strcmp(argv[*i], "--help") == 0 || strcmp(argv[*i], "-h") == 0) {
        print_help(table);
        return 1;
    }
    const struct option *option = find_option(table, argv[*i], &value);
    if (option == NULL)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "there is no option %.60s; see shannon %s --help", argv[*i],
                         table->command);
    if (option->type == OPTION_FLAG) {
        if (value != NULL)
            return error_set(error, ERROR_INVALID_REQUEST, "%s takes no value", option->name);
        *(bool *)option->value = true;
        return 0;
    }
    if (value == NULL && *i + 1 >= argc)
        return error_set(error, ERROR_INVALID_REQUEST, "%s needs a value (%s)", option->name,
                         option->argument);
    if (value == NULL)
        value = argv[++*i];
    if (set_value(option, value, error) != 0)
        return -1;
    *last = option->type == OPTION_LAST;
    return 0;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int options_parse(const struct option_table *table, int argc, char **argv, int *next,
                  struct error *error)
{
    int i = 1;
    bool last = false;
    for (; i < argc && is_option(argv[i]) && !last; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        int status = take_option(table, argc, argv, &i, &last, error);
        if (status != 0)
            return status;
    }
    *next = i;
    return 0;
}

int options_parse_words(const struct option_table *table, int argc, char **argv, const char **words,
                        size_t maximum, size_t *count, struct error *error)
{
    bool only_words = false;
    *count = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            continue;
        }
        if (!only_words && is_option(argv[i])) {
            int status = take_option(table, argc, argv, &i, &only_words, error);
            if (status != 0)
                return status;
            continue;
        }
        if (*count == maximum)
            return error_set(error, ERROR_INVALID_REQUEST,
                             "\"%.60s\" is one word too many; see shannon %s --help", argv[i],
                             table->command);
        words[(*count)++] = argv[i];
    }
    return 0;
}

int options_fail(const char *command, const struct error *error)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "shannon %s: %s\n", command, error->message);
    if (interruption_pending() != 0)
        return 128 + interruption_pending();
    return error->kind == ERROR_INTERPRETER_NOT_FOUND ? EXIT_INTERPRETER_NOT_FOUND
                                                      : EXIT_SHANNON_FAILED;
}
