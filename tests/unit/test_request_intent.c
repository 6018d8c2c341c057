/* src/llm_service/request_intent.c */
#include "llm_service/request_intent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct code_case {
    const char *request;
    const char *code;
};

static void expect_code(const char *request, const char *code)
{
    BUFFER_LOCAL struct buffer got = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    enum request_intent intent = request_intent_read(request, &got, &error);
    if (intent != REQUEST_CODE || strcmp(buffer_text(&got), code) != 0)
        print_error("request: [%s]\nerror: %s\nwanted: [%s]\ngot: [%s]\n", request, error.message,
                    code, buffer_text(&got));
    assert_int_equal(intent, REQUEST_CODE);
    assert_string_equal(buffer_text(&got), code);
}

static void expect_question(const char *request)
{
    BUFFER_LOCAL struct buffer got = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    enum request_intent intent = request_intent_read(request, &got, &error);
    if (intent != REQUEST_QUESTION)
        print_error("request: [%s]\nerror: %s\ncode: [%s]\n", request, error.message,
                    buffer_text(&got));
    assert_int_equal(intent, REQUEST_QUESTION);
    assert_int_equal(got.size, 0);
}

static void expect_refused(const char *request, const char *part_of_message)
{
    BUFFER_LOCAL struct buffer got = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    enum request_intent intent = request_intent_read(request, &got, &error);
    if (intent != REQUEST_REFUSED || strstr(error.message, part_of_message) == NULL)
        print_error("request: [%s]\nerror: %s\n", request, error.message);
    assert_int_equal(intent, REQUEST_REFUSED);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, part_of_message));
    assert_int_equal(got.size, 0);
}

static void an_introduction_with_a_colon_carries_code(void **state)
{
    (void)state;
    static const char *const introductions[] = {
        "Execute this Python code:",
        "execute this python code:",
        "EXECUTE THIS PYTHON CODE:",
        "Execute Python:",
        "Execute python code:",
        "Execute:",
        "Run this Python code:",
        "Run Python:",
        "Run:",
        "Run this:",
        "Please run this Python code:",
        "please, execute the following Python script:",
        "Could you please run the following python3 program for me:",
        "I want you to run this code:",
        "I would like you to execute this piece of Python code in the sandbox:",
        "Use Python to run:",
        "Using Python, execute this:",
        "Hi, can you run this snippet and show me its output:",
        "Evaluate this Python code:",
        "Python:",
        "Python code:",
        "  \n Execute this Python code :",
        "Run this Python 3 code:",
    };
    for (size_t i = 0; i < sizeof(introductions) / sizeof(introductions[0]); i++) {
        char request[256];
        (void)snprintf(request, sizeof(request), "%s print('Hello from WASI Python')",
                       introductions[i]);
        expect_code(request, "print('Hello from WASI Python')");
        (void)snprintf(request, sizeof(request), "%sprint(1)", introductions[i]);
        expect_code(request, "print(1)");
        (void)snprintf(request, sizeof(request), "%s\nx = 1\nprint(x)\n", introductions[i]);
        expect_code(request, "x = 1\nprint(x)");
    }
}

static void surrounding_quotes_come_off_only_when_they_surround_everything(void **state)
{
    (void)state;
    static const struct code_case cases[] = {
        {"Execute Python: 'print(1)'", "print(1)"},
        {"Execute Python: \"print(1)\"", "print(1)"},
        {"Execute Python: `print(1)`", "print(1)"},
        {"Execute Python: ``print('`')``", "print('`')"},
        {"Execute Python: ```print(1)```", "print(1)"},
        {"Execute Python: ```python print(1)```", "print(1)"},
        {"Execute Python: ```python = 3```", "python = 3"},
        {"Execute Python: \"print('hi')\"", "print('hi')"},
        {"Execute Python: 'print(\"hi\")'", "print(\"hi\")"},
        {"Execute Python: \"\"\"print(1)\nprint(2)\"\"\"", "print(1)\nprint(2)"},
        {"Execute Python: \xe2\x80\x9cprint(1)\xe2\x80\x9d", "print(1)"},
        {"Execute Python: \"x = 1\nprint(x)\"", "x = 1\nprint(x)"},
        {"Execute Python: print('it''s')", "print('it''s')"},
        {"Execute Python: 'print('it''s')'", "'print('it''s')'"},
        {"Execute Python: 'a' + 'b'", "'a' + 'b'"},
        {"Execute Python: 'a'; print('b')", "'a'; print('b')"},
        {"Execute Python: \"a\".join([\"b\"])", "\"a\".join([\"b\"])"},
        {"Execute Python: \"print(\\\"hi\\\")\"", "print(\"hi\")"},
        {"Execute Python: 'print(\\'hi\\')'", "print('hi')"},
        {"Execute Python: \"print('a\\nb')\"", "print('a\\nb')"},
        {"Execute Python: 'ends with a backslash\\'", "'ends with a backslash\\'"},
        {"Execute Python: x = `1`", "x = `1`"},
        {"Execute Python: 'print(1)", "'print(1)"},
        {"Execute Python: print(1)'", "print(1)'"},
        {"Execute Python: '", "'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_code(cases[i].request, cases[i].code);
}

static void code_is_kept_byte_for_byte(void **state)
{
    (void)state;
    static const struct code_case cases[] = {
        {"Execute Python: for i in range(3):\n    print(i)\n", "for i in range(3):\n    print(i)"},
        {"Execute Python:\n    a = 1\n    if a:\n        print(a)", "a = 1\nif a:\n    print(a)"},
        {"Execute Python:\n\n\tx = 1\n\n\tprint(x)\n\n", "x = 1\n\nprint(x)"},
        {"Execute Python: print({'a': 1, 'b': [2]})", "print({'a': 1, 'b': [2]})"},
        {"Execute Python: print('Execute Python: x')", "print('Execute Python: x')"},
        {"Execute Python: print('\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d')",
         "print('\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d')"},
        {"Execute Python: x = 1\r\nprint(x)\r\n", "x = 1\r\nprint(x)"},
        {"Execute Python: s = \"\"\"\n```js\nalert(1)\n```\n\"\"\"\nprint(s)",
         "s = \"\"\"\n```js\nalert(1)\n```\n\"\"\"\nprint(s)"},
        {"Execute Python: print('```')", "print('```')"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_code(cases[i].request, cases[i].code);
}

static void fenced_blocks_carry_code(void **state)
{
    (void)state;
    static const struct code_case cases[] = {
        {"```python\nprint(1)\n```", "print(1)\n"},
        {"```py\nprint(1)\n```", "print(1)\n"},
        {"```Python3\nprint(1)\n```", "print(1)\n"},
        {"```python3.11\nprint(1)\n```", "print(1)\n"},
        {"``` python\nprint(1)\n```", "print(1)\n"},
        {"```python title=\"x.py\"\nprint(1)\n```", "print(1)\n"},
        {"```{.python}\nprint(1)\n```", "print(1)\n"},
        {"```\nprint(1)\n```", "print(1)\n"},
        {"~~~python\nprint(1)\n~~~", "print(1)\n"},
        {"````python\nprint('''\n```\n''')\n````", "print('''\n```\n''')\n"},
        {"```python\r\nprint(1)\r\n```\r\n", "print(1)\r\n"},
        {"Execute this Python code:\n```python\nprint(1)\n```", "print(1)\n"},
        {"Execute this Python code: ```python\nprint(1)\n```", "print(1)\n"},
        {"Please run this\n\n```\nprint(1)\n```\n\nand tell me what it prints.", "print(1)\n"},
        {"What does this print? ```py\nprint(1)\n```", "print(1)\n"},
        {"Use `print` here: ```py\nprint(1)\n```", "print(1)\n"},
        {"Execute this code: it says hello\n```python\nprint('hello')\n```", "print('hello')\n"},
        {"```python\nprint(1)", "print(1)\n"},
        {"```python\nprint(1)```", "print(1)\n"},
        {"  ```python\n  if 1:\n      print(1)\n  ```", "if 1:\n    print(1)\n"},
        {"```python\n    print(1)\n```", "print(1)\n"},
        {"```python\nx = 1\n```\nand then\n```python\nprint(x)\n```", "x = 1\nprint(x)\n"},
        {"```\nx = 1\n```\nand then\n```\nprint(x)\n```", "x = 1\nprint(x)\n"},
        {"`print(1)`", "print(1)"},
        {"```print(1)```", "print(1)"},
        {"Run `print(1)`", "print(1)"},
        {"Run ```print(1)```", "print(1)"},
        {"Execute this Python code `print(1)`", "print(1)"},
        {"Execute this Python code 'print(1)'", "print(1)"},
        {"Run this Python code\nprint(1)", "print(1)"},
        {"Run this Python code - print(1)", "print(1)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_code(cases[i].request, cases[i].code);
}

static void questions_carry_no_code(void **state)
{
    (void)state;
    static const char *const questions[] = {
        "Execute Python code to calculate factorial of 10",
        "Use Python to generate the first 20 Fibonacci numbers",
        "Execute Python code to sort: 3, 1, 2",
        "What is 2+2?",
        "Evaluate: 2 + 2",
        "Evaluate this Python expression: 2 + 2",
        "Calculate: 2 + 2",
        "Show me Python code: factorial",
        "print(1)",
        "python",
        "Execute Python",
        "Run this Python code",
        "Run the tests - all of them",
        "Run `ls` and `pwd`",
        "Run 'quoted'",
        "How do I run this: ls",
        "x",
        "Execute this Python code that prints 1",
        "Translate this to Python, please\n```js\nlet x = 1\n```",
    };
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        expect_question(questions[i]);
}

static void what_cannot_be_run_is_refused_with_a_reason(void **state)
{
    (void)state;
    expect_refused("", "empty");
    expect_refused(" \n\t ", "empty");
    expect_refused("Execute this Python code:", "no code follows");
    expect_refused("Execute this Python code:   \n\n", "no code follows");
    expect_refused("Execute this Python code: \"  \"", "no code follows");
    expect_refused("```python\n```", "empty");
    expect_refused("```python", "empty");
    expect_refused("```js\nconsole.log(1)\n```", "js");
    expect_refused("```javascript\nconsole.log(1)\n```", "only Python");
    expect_refused("Run this:\n```bash\nls\n```", "bash");
    expect_refused("Can you execute it?\n```c++\nint main(){}\n```", "c++");
    expect_refused("```python\nprint(1)\n```\n```js\nx\n```", "js");
    expect_refused("Run this code: ```ruby\nputs 1\n```", "ruby");
    expect_refused("```python\nprint(1)\n```\nIt should print\n```\n1\n```", "with and without");
}

static void long_and_odd_requests_are_read_in_full(void **state)
{
    (void)state;
    BUFFER_LOCAL struct buffer request = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer code = BUFFER_EMPTY;
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer_append_format(&code, "x%d = '`\"'\n", i), 0);
    assert_int_equal(buffer_append_format(&request, "```python\n%s```", buffer_text(&code)), 0);
    expect_code(buffer_text(&request), buffer_text(&code));

    buffer_clear(&request);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer_append_text(&request, "` \"' "), 0);
    expect_question(buffer_text(&request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_introduction_with_a_colon_carries_code),
        cmocka_unit_test(surrounding_quotes_come_off_only_when_they_surround_everything),
        cmocka_unit_test(code_is_kept_byte_for_byte),
        cmocka_unit_test(fenced_blocks_carry_code),
        cmocka_unit_test(questions_carry_no_code),
        cmocka_unit_test(what_cannot_be_run_is_refused_with_a_reason),
        cmocka_unit_test(long_and_odd_requests_are_read_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
