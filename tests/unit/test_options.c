/* src/cli/options.c */
#include "cli/options.h"

#include "sandbox/execution_status.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
    bool flag;
    const char *text;
    uint64_t duration_ms;
    uint64_t size;
    uint64_t number;
    struct option_list list;
    const char *last;
};

#define WORDS_MAX 24

struct parsed {
    int status;
    int next;
    struct values values;
    struct error error;
    const char *words[WORDS_MAX];
    size_t word_count;
};

static void with_table(struct values *values, void (*use)(const struct option_table *, void *),
                       void *argument)
{
    const struct option rows[] = {
        {"--flag", OPTION_FLAG, &values->flag, NULL, "a flag"},
        {"--text", OPTION_TEXT, &values->text, "TEXT", "a text"},
        {"--duration", OPTION_DURATION, &values->duration_ms, "DURATION", "a duration"},
        {"--size", OPTION_SIZE, &values->size, "SIZE", "a size"},
        {"--number", OPTION_NUMBER, &values->number, "N", "a number"},
        {"--list", OPTION_LIST, &values->list, "ITEM", "an item"},
        {"-c", OPTION_LAST, &values->last, "CODE", "the rest are arguments"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {"test", "[OPTION...]", "Tests.", rows, "More."};
    use(&table, argument);
}

struct command_line {
    char **argv;
    int argc;
    bool words;
    struct parsed *parsed;
};

static void parse_table(const struct option_table *table, void *argument)
{
    const struct command_line *line = argument;
    struct parsed *parsed = line->parsed;
    parsed->status =
        line->words ? options_parse_words(table, line->argc, line->argv, parsed->words, 3,
                                          &parsed->word_count, &parsed->error)
                    : options_parse(table, line->argc, line->argv, &parsed->next, &parsed->error);
}

/* Parses "test WORD WORD ..."; the words are separated by blanks, "''" is an empty one. */
static void parse(const char *text, bool words, struct parsed *parsed)
{
    static char copy[256];
    char *argv[WORDS_MAX] = {"test"};
    int argc = 1;
    *parsed = (struct parsed){.error = ERROR_NONE};
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "''") == 0 ? "" : word;
    struct command_line line = {argv, argc, words, parsed};
    with_table(&parsed->values, parse_table, &line);
}

static void values_of_each_type_are_read(void **state)
{
    struct parsed parsed;
    (void)state;
    parse("--flag --text x --duration 500ms --size 2M --number 0 --list a --list b rest", false,
          &parsed);
    assert_int_equal(parsed.status, 0);
    assert_true(parsed.values.flag);
    assert_string_equal(parsed.values.text, "x");
    assert_int_equal(parsed.values.duration_ms, 500);
    assert_int_equal(parsed.values.size, 2 << 20);
    assert_int_equal(parsed.values.number, 0);
    assert_int_equal(parsed.values.list.count, 2);
    assert_string_equal(parsed.values.list.items[0], "a");
    assert_string_equal(parsed.values.list.items[1], "b");
    assert_int_equal(parsed.next, 14);
    free(parsed.values.list.items);
    parse("--text= --duration=2 --size=7", false, &parsed);
    assert_int_equal(parsed.status, 0);
    assert_string_equal(parsed.values.text, "");
    assert_int_equal(parsed.values.duration_ms, 2000);
    assert_int_equal(parsed.values.size, 7);
    assert_int_equal(parsed.next, 4);
}

static void options_end_at_the_first_word(void **state)
{
    static const struct {
        const char *line;
        int next;
        bool flag;
    } cases[] = {
        {"", 1, false},
        {"word --flag", 1, false},
        {"--flag word", 2, true},
        {"-- --flag", 2, false},
        {"--flag -- -- x", 3, true},
        {"- --flag", 1, false},
        {"'' --flag", 1, false},
        {"-c code --flag", 3, false},
        {"--flag -c code -- x", 4, true},
        {"-c -- --flag", 3, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed parsed;
        parse(cases[i].line, false, &parsed);
        if (parsed.status != 0 || parsed.next != cases[i].next ||
            parsed.values.flag != cases[i].flag)
            fail_msg("\"%s\": status %d, next %d", cases[i].line, parsed.status, parsed.next);
    }
}

static void wrong_options_are_named(void **state)
{
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {
        {"--unknown", "there is no option --unknown"},
        {"--fla", "there is no option --fla"},
        {"--flagg", "there is no option --flagg"},
        {"-f", "there is no option -f"},
        {"---", "there is no option ---"},
        {"--flag=x", "--flag takes no value"},
        {"--flag=", "--flag takes no value"},
        {"-c=x", "there is no option -c=x"},
        {"--text", "--text needs a value (TEXT)"},
        {"--flag --size", "--size needs a value (SIZE)"},
        {"-c", "-c needs a value (CODE)"},
        {"--duration 0", "--duration: must be above 0"},
        {"--size 0M", "--size: must be above 0"},
        {"--duration soon", "--duration"},
        {"--size 1X", "--size"},
        {"--number 1.5", "--number: \"1.5\" is not a whole number"},
        {"--number -1", "--number: \"-1\" is not a whole number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed parsed;
        parse(cases[i].line, false, &parsed);
        if (parsed.status != -1 || parsed.error.kind != ERROR_INVALID_REQUEST ||
            strncmp(parsed.error.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("\"%s\": status %d, \"%s\"", cases[i].line, parsed.status,
                     parsed.error.message);
    }
}

static void words_may_stand_among_options(void **state)
{
    struct parsed parsed;
    (void)state;
    parse("one --flag two --text x", true, &parsed);
    assert_int_equal(parsed.status, 0);
    assert_int_equal(parsed.word_count, 2);
    assert_string_equal(parsed.words[0], "one");
    assert_string_equal(parsed.words[1], "two");
    assert_true(parsed.values.flag);
    assert_string_equal(parsed.values.text, "x");
    parse("-- --flag - --", true, &parsed);
    assert_int_equal(parsed.status, 0);
    assert_int_equal(parsed.word_count, 3);
    assert_string_equal(parsed.words[0], "--flag");
    assert_string_equal(parsed.words[2], "--");
    assert_false(parsed.values.flag);
    parse("a b c d", true, &parsed);
    assert_int_equal(parsed.status, -1);
    assert_non_null(strstr(parsed.error.message, "\"d\" is one word too many"));
    parse("a --unknown", true, &parsed);
    assert_int_equal(parsed.status, -1);
    parse("", true, &parsed);
    assert_int_equal(parsed.status, 0);
    assert_int_equal(parsed.word_count, 0);
}

/* Runs `body` with standard output and error into a pipe, and returns what was written. */
static void capture(void (*body)(void *argument), void *argument, char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    int output = dup(STDOUT_FILENO);
    int errors = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    body(argument);
    (void)fflush(NULL);
    assert_true(dup2(output, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0);
    (void)close(output);
    (void)close(errors);
    (void)close(ends[1]);
    ssize_t count = read(ends[0], text, size - 1);
    (void)close(ends[0]);
    text[count > 0 ? count : 0] = '\0';
}

static void ask_for_help(void *argument)
{
    parse("--text x --help --unknown", false, argument);
}

static void help_shows_the_table(void **state)
{
    struct parsed parsed;
    char text[4096];
    (void)state;
    capture(ask_for_help, &parsed, text, sizeof(text));
    assert_int_equal(parsed.status, 1);
    assert_non_null(strstr(text, "Usage: shannon test [OPTION...]\n\nTests.\n\nOptions:\n"));
    assert_non_null(strstr(text, "\n  --duration DURATION        a duration\n"));
    assert_non_null(strstr(text, "\n  --flag                     a flag\n"));
    assert_non_null(strstr(text, "\n  --help "));
    assert_non_null(strstr(text, "\nMore.\n"));
}

struct failure {
    struct error error;
    int status;
};

static void fail_with(void *argument)
{
    struct failure *failure = argument;
    failure->status = options_fail("test", &failure->error);
}

static void failures_have_their_exit_status(void **state)
{
    struct failure missing = {.error = {ERROR_INTERPRETER_NOT_FOUND, "not there"}};
    struct failure other = {.error = {ERROR_INTERNAL, "broken"}};
    char text[256];
    (void)state;
    capture(fail_with, &missing, text, sizeof(text));
    assert_string_equal(text, "shannon test: not there\n");
    assert_int_equal(missing.status, EXIT_INTERPRETER_NOT_FOUND);
    capture(fail_with, &other, text, sizeof(text));
    assert_int_equal(other.status, EXIT_SHANNON_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_each_type_are_read),
        cmocka_unit_test(options_end_at_the_first_word),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(words_may_stand_among_options),
        cmocka_unit_test(help_shows_the_table),
        cmocka_unit_test(failures_have_their_exit_status),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
