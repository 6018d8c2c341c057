/* Requests about numbers. Invariant: the program holds no byte of the request but digits, and signs
 * that number_series or arithmetic_expression let through. */
#include "llm_service/offline_forms.h"

#include "llm_service/arithmetic_expression.h"
#include "llm_service/number_series.h"

#include <inttypes.h>
#include <string.h>

#define HUGE_FACTORIAL 1500 /* from about here on it has more digits than Python prints (4300) */
#define PRIME_TEST_DIGITS_MAX 24 /* the test below is proven up to 3.3e24 */

#define WRITE(...) (buffer_append_format(program, __VA_ARGS__) == 0)

/* Lifts Python's limit on the digits of a number that is printed. */
static const char print_all_digits[] = "sys.set_int_max_str_digits(0)\n";

bool form_factorial(struct request_words *words, struct buffer *program)
{
    uint64_t number;
    if (words_accept(words, "factorial of|factorial for|factorial")) {
        (void)words_accept(words, "the number|number");
        bool parentheses = words_accept(words, "(");
        if (!words_take_count(words, &number) || (parentheses && !words_accept(words, ")")))
            return false;
    } else if (!words_take_count(words, &number) || !words_accept(words, "!|factorial")) {
        return false;
    }
    if (!words_at_end(words))
        return false;
    bool huge = number >= HUGE_FACTORIAL;
    return WRITE("import math\n%s\n%sprint(math.factorial(%" PRIu64 "))\n",
                 huge ? "import sys\n" : "", huge ? print_all_digits : "", number);
}

bool form_arithmetic(struct request_words *words, struct buffer *program)
{
    ARITHMETIC_LOCAL struct arithmetic_expression expression;
    if (!arithmetic_expression_read(words, &expression))
        return false;
    (void)words_accept(words, "=");
    if (!words_at_end(words) || expression.operations == 0)
        return false;
    bool math = expression.needs_math;
    bool huge = expression.may_be_huge;
    return WRITE("%s%s%s%sprint(%s)\n", math ? "import math\n" : "", huge ? "import sys\n" : "",
                 math || huge ? "\n" : "", huge ? print_all_digits : "",
                 buffer_text(&expression.python));
}

static const struct {
    const char *verb;
    const char *middle;
    const char *sign;
    bool swapped;
} operations[] = {
    {"add", "to", "+", true},
    {"subtract", "from", "-", true},
    {"divide", "by", "/", false},
    {"multiply", "by|with", "*", false},
};

bool form_operation(struct request_words *words, struct buffer *program)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (!words_accept(words, operations[i].verb))
            continue;
        BUFFER_LOCAL struct buffer first = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer second = BUFFER_EMPTY;
        if (!words_take_number(words, &first, NULL) || !words_accept(words, operations[i].middle) ||
            !words_take_number(words, &second, NULL) || !words_at_end(words))
            return false;
        bool swapped = operations[i].swapped;
        return WRITE("print(%s %s %s)\n", buffer_text(swapped ? &second : &first),
                     operations[i].sign, buffer_text(swapped ? &first : &second));
    }
    return false;
}

/* Writes the imports, the definitions and "numbers = ...". `module` may be NULL. */
static bool write_numbers(const struct number_series *series, const char *module,
                          struct buffer *program)
{
    bool math = series->needs_math || (module != NULL && strcmp(module, "math") == 0);
    bool other = module != NULL && strcmp(module, "math") != 0;
    bool definitions = series->definitions.size > 0;
    bool imports = series->needs_itertools || math || other;
    if ((series->needs_itertools && !WRITE("import itertools\n")) ||
        (math && !WRITE("import math\n")) || (other && !WRITE("import %s\n", module)) ||
        (imports && !WRITE("\n")))
        return false;
    if (definitions && !WRITE("%s%s\n\n", imports ? "\n" : "", buffer_text(&series->definitions)))
        return false;
    return WRITE("numbers = %s\n", buffer_text(&series->expression));
}

struct summary {
    const char *phrases;
    const char *module;
    const char *expression; /* of `numbers` */
    bool counts;
};

static const struct summary summaries[] = {
    {"sum up|sum total|sum|total|add up|add together|add", NULL, "sum(numbers)", false},
    {"product|multiply", "math", "math.prod(numbers)", false},
    {"arithmetic mean|mean value|mean|average value|average", "statistics",
     "statistics.mean(numbers)", false},
    {"median value|median", "statistics", "statistics.median(numbers)", false},
    {"minimum value|minimum number|minimum|min|smallest number|smallest value|smallest|"
     "lowest number|lowest value|lowest",
     NULL, "min(numbers)", false},
    {"maximum value|maximum number|maximum|max|largest number|largest value|largest|"
     "greatest number|greatest value|greatest|biggest number|biggest value|biggest|"
     "highest number|highest value|highest",
     NULL, "max(numbers)", false},
    {"count|number of|how many", NULL, "len(numbers)", true},
};

/* Fractions are added up exactly and rounded once. */
static const struct summary sum_of_fractions = {NULL, "math", "math.fsum(numbers)", false};

bool form_summary(struct request_words *words, struct buffer *program)
{
    for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++) {
        const struct summary *summary = &summaries[i];
        if (!words_accept(words, summary->phrases))
            continue;
        /* "count from 1 to 5" does not ask how many numbers those are. */
        (void)words_accept(words, summary->counts ? "of" : "of|in|among|from|for|:");
        NUMBER_SERIES_LOCAL struct number_series series;
        if (!number_series_read(words, &series) || !words_at_end(words) ||
            (summary->counts && !series.names_kind))
            return false;
        if (i == 0 && !series.all_whole)
            summary = &sum_of_fractions;
        return write_numbers(&series, summary->module, program) &&
               WRITE("print(%s)\n", summary->expression);
    }
    return false;
}

/* Miller and Rabin's test with the first thirteen primes as bases decides every number below
 * 3317044064679887385961981 (Sorenson and Webster, "Strong pseudoprimes to twelve prime bases",
 * 2015). */
static const char is_prime_definition[] =
    "def is_prime(n):\n"
    "    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)\n"
    "    if n < 2 or any(n % p == 0 for p in bases):\n"
    "        return n in bases\n"
    "    odd, twos = n - 1, 0\n"
    "    while odd % 2 == 0:\n"
    "        odd, twos = odd // 2, twos + 1\n"
    "    for base in bases:\n"
    "        x = pow(base, odd, n)\n"
    "        if x in (1, n - 1):\n"
    "            continue\n"
    "        for _ in range(twos - 1):\n"
    "            x = x * x % n\n"
    "            if x == n - 1:\n"
    "                break\n"
    "        else:\n"
    "            return False\n"
    "    return True\n";

bool form_prime_test(struct request_words *words, struct buffer *program)
{
    bool asks = words_accept(words, "is");
    if (!asks && !words_accept(words, "check if|check whether|determine if|determine whether|if|"
                                      "test if|test whether|whether|tell if"))
        return false;
    (void)words_accept(words, "the number|number");
    BUFFER_LOCAL struct buffer number = BUFFER_EMPTY;
    bool whole = false;
    if (!words_take_number(words, &number, &whole) || !whole || number.size > PRIME_TEST_DIGITS_MAX)
        return false;
    if (!asks && !words_accept(words, "is"))
        return false;
    if (!words_accept(words, "a prime number|a prime|prime") || !words_at_end(words))
        return false;
    return WRITE("%s\n\nn = %s\nprint(n, \"is prime\" if is_prime(n) else \"is not prime\")\n",
                 is_prime_definition, buffer_text(&number));
}

bool form_common_divisor(struct request_words *words, struct buffer *program)
{
    bool divisor = words_accept(words, "gcd|greatest common divisor|greatest common factor|"
                                       "highest common factor|hcf");
    if (!divisor && !words_accept(words, "lcm|least common multiple|lowest common multiple|"
                                         "smallest common multiple"))
        return false;
    (void)words_accept(words, "of|for");
    NUMBER_SERIES_LOCAL struct number_series series;
    if (!number_series_read(words, &series) || !words_at_end(words) || !series.is_literal ||
        !series.all_whole || series.literal_count < 2)
        return false;
    return write_numbers(&series, "math", program) &&
           WRITE("print(math.%s(*numbers))\n", divisor ? "gcd" : "lcm");
}

/* Which Fibonacci number is the tenth depends on where one begins to count, so the answer says
 * where. */
bool form_nth_fibonacci(struct request_words *words, struct buffer *program)
{
    uint64_t position;
    const struct request_word *word = words_peek(words);
    if (word != NULL && word->kind == WORD_ORDINAL) {
        if (!words_take_ordinal(words, &position) ||
            !words_accept(words, "fibonacci number|fibonacci term|term of the fibonacci sequence|"
                                 "number in the fibonacci sequence"))
            return false;
    } else {
        if (!words_accept(words, "fibonacci number|fibonacci of|fibonacci"))
            return false;
        bool parentheses = words_accept(words, "(");
        if (!words_take_count(words, &position) || (parentheses && !words_accept(words, ")")))
            return false;
    }
    if (!words_at_end(words))
        return false;
    return WRITE("import sys\n\n%sa, b = 0, 1\nfor _ in range(%" PRIu64 "):\n    a, b = b, a + b\n"
                 "print(f\"F(%" PRIu64 ") = {a}, counted from F(0) = 0, F(1) = 1\")\n",
                 print_all_digits, position, position);
}

bool form_series(struct request_words *words, struct buffer *program)
{
    NUMBER_SERIES_LOCAL struct number_series series;
    if (!number_series_read(words, &series) || !words_at_end(words) || series.is_literal)
        return false;
    return write_numbers(&series, NULL, program) &&
           WRITE("print(%s)\n", series.is_list ? "numbers" : "list(numbers)");
}
