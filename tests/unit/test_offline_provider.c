/* src/llm_service/offline_provider.c and the grammars under it. That the programs compute what was
 * asked for is shown where they run: tests/e2e/test_llm_service.py. */
#include "llm_service/offline_provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_program(const char *request, const char *program)
{
    BUFFER_LOCAL struct buffer got = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    int result = offline_provider_write(request, &got, &error);
    if (result != 0 || strcmp(buffer_text(&got), program) != 0)
        print_error("request: [%s]\nwanted: [%s]\ngot: [%s]\n", request, program,
                    buffer_text(&got));
    assert_int_equal(result, 0);
    assert_string_equal(buffer_text(&got), program);
}

static void expect_same_program(const char *request, const char *other)
{
    BUFFER_LOCAL struct buffer program = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    if (offline_provider_write(other, &program, &error) != 0)
        print_error("not understood: [%s]\n", other);
    expect_program(request, buffer_text(&program));
}

static void expect_not_understood(const char *request)
{
    BUFFER_LOCAL struct buffer got = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    int result = offline_provider_write(request, &got, &error);
    if (result != -1)
        print_error("understood: [%s]\nas: [%s]\n", request, buffer_text(&got));
    assert_int_equal(result, -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "OPENAI_API_KEY"));
    assert_non_null(strstr(error.message, "OPENAI_BASE_URL"));
    assert_non_null(strstr(error.message, "LLM_MODEL"));
    assert_non_null(strstr(error.message, "factorial of N"));
    assert_int_equal(got.size, 0);
}

static void the_guides_requests_become_programs(void **state)
{
    (void)state;
    expect_program("Execute Python code to calculate factorial of 10",
                   "import math\n\nprint(math.factorial(10))\n");
    expect_program("Use Python to generate the first 20 Fibonacci numbers",
                   "def first_fibonacci(count):\n"
                   "    numbers = []\n"
                   "    a, b = 0, 1\n"
                   "    for _ in range(count):\n"
                   "        numbers.append(a)\n"
                   "        a, b = b, a + b\n"
                   "    return numbers\n"
                   "\n\n"
                   "numbers = first_fibonacci(20)\n"
                   "print(numbers)\n");
}

static void a_program_is_what_a_person_would_write(void **state)
{
    (void)state;
    expect_program("what is 2+2", "print(2 + 2)\n");
    expect_program("calculate 3*(4+5)", "print(3 * (4 + 5))\n");
    expect_program("what is 100 + 15% of 200", "print(100 + (15 / 100 * 200))\n");
    expect_program("square root of 16", "import math\n\nprint(math.sqrt(16))\n");
    expect_program("sum of 1, 2 and -3", "numbers = [1, 2, -3]\nprint(sum(numbers))\n");
    expect_program("sum of 0.1, 0.2", "import math\n\nnumbers = [0.1, 0.2]\n"
                                      "print(math.fsum(numbers))\n");
    expect_program("average of the numbers from 1 to 10",
                   "import statistics\n\nnumbers = range(1, 10 + 1)\n"
                   "print(statistics.mean(numbers))\n");
    expect_program("sort 3, 1, 2 in descending order",
                   "numbers = [3, 1, 2]\nprint(sorted(numbers, reverse=True))\n");
    expect_program("sort pear, 'a fig'", "words = [\"pear\", \"a fig\"]\n"
                                         "print(sorted(words, key=str.lower))\n");
    expect_program("gcd of 12 and 18", "import math\n\nnumbers = [12, 18]\n"
                                       "print(math.gcd(*numbers))\n");
    expect_program("factorial of 5000", "import math\nimport sys\n\n"
                                        "sys.set_int_max_str_digits(0)\n"
                                        "print(math.factorial(5000))\n");
    expect_program("2 ** 5000", "import sys\n\nsys.set_int_max_str_digits(0)\nprint(2**5000)\n");
}

static void texts_of_the_request_stay_inside_string_literals(void **state)
{
    (void)state;
    expect_program("reverse the string 'a\"b\\c'", "text = \"a\\\"b\\\\c\"\nprint(text[::-1])\n");
    expect_program("reverse the text: x\ny\tz\x7f",
                   "text = \"x\\ny\\x09z\\x7f\"\nprint(text[::-1])\n");
    expect_program("count the words in the text: \"); import os; (\"",
                   "text = \"); import os; (\"\nprint(len(text.split()))\n");
    expect_program("reverse \"\xc3\xa4\xe2\x82\xac\"",
                   "text = \"\xc3\xa4\xe2\x82\xac\"\nprint(text[::-1])\n");
}

static void the_frame_around_a_request_does_not_change_it(void **state)
{
    (void)state;
    static const char *const framed[] = {
        "factorial of 10",
        "Calculate the factorial of 10",
        "What is the factorial of 10?",
        "please calculate the factorial of 10.",
        "Can you compute the factorial of ten, please?",
        "Write Python code to calculate the factorial of 10 and print the result",
        "Calculate the factorial of 10 using Python",
        "Execute Python code to calculate the factorial of 10 for me, thank you.",
        "FACTORIAL OF 10",
        "10!",
        "factorial(10)",
        "  10 factorial\n",
    };
    for (size_t i = 0; i < sizeof(framed) / sizeof(framed[0]); i++)
        expect_same_program(framed[i], "Execute Python code to calculate factorial of 10");
    expect_same_program("what is twenty-five times two hundred ten", "25 * 210");
    expect_same_program("Find all prime numbers below one thousand", "primes up to 999");
}

static void what_is_not_read_to_the_end_is_not_understood(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "",
        "please",
        "?",
        "hello",
        "What is the weather in Berlin?",
        "print(1)",
        "import os",
        "factorial of -5",
        "factorial of 2.5",
        "factorial of 10 and 11",
        "factorial of 9999999999999999999",
        "factorial of 5; import os",
        "first 20 Fibonacci numbers and their sum",
        "sum of the first 10 numbers",
        "sum of 1,000 and 2",
        "sum of 007",
        "sum of [1, 2",
        "sum of 1, 2]",
        "sum of 1, 2,",
        "mean of []",
        "count from 1 to 5",
        "squares from 1 to 10",
        "sort 3, apple",
        "sort",
        "2 +",
        "(2 + 2",
        "2 + 2)",
        "2^10",
        "2 squared ** 3",
        "42",
        "0x10 + 1",
        "is 3.5 prime",
        "is 9999999999999999999999999 prime",
        "gcd of 1.5 and 2",
        "reverse the numbers 1, 2, 3",
        "reverse \"a\" + \"b\"",
        "primes below 0",
        "numbers from 6 to 3",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        expect_not_understood(requests[i]);
}

static void large_and_deep_requests_are_bounded(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer request = BUFFER_EMPTY;
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buffer_append_text(&request, "("), 0);
    expect_not_understood(buffer_text(&request));
    buffer_clear(&request);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buffer_append_text(&request, "- "), 0);
    expect_not_understood(buffer_text(&request));
    buffer_clear(&request);
    assert_int_equal(buffer_append_text(&request, "sum of 1"), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buffer_append_text(&request, ", 1"), 0);
    BUFFER_LOCAL struct buffer program = BUFFER_EMPTY;
    assert_int_equal(offline_provider_write(buffer_text(&request), &program, NULL), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(buffer_append_text(&request, ", 12345678901234567890"), 0);
    expect_not_understood(buffer_text(&request));
    buffer_clear(&request);
    assert_int_equal(buffer_append_text(&request, "1 + "), 0);
    for (int i = 0; i < 1001; i++)
        assert_int_equal(buffer_append_text(&request, "9"), 0);
    expect_not_understood(buffer_text(&request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guides_requests_become_programs),
        cmocka_unit_test(a_program_is_what_a_person_would_write),
        cmocka_unit_test(texts_of_the_request_stay_inside_string_literals),
        cmocka_unit_test(the_frame_around_a_request_does_not_change_it),
        cmocka_unit_test(what_is_not_read_to_the_end_is_not_understood),
        cmocka_unit_test(large_and_deep_requests_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
