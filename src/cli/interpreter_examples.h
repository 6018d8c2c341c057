/* Python programs whose right output is known: what `shannon interpreter check` runs. */
#ifndef SHANNON_CLI_INTERPRETER_EXAMPLES_H
#define SHANNON_CLI_INTERPRETER_EXAMPLES_H

struct interpreter_example {
    const char *name;
    const char *code;
    const char *output; /* the whole standard output */
    int exit_code;
};

/* The first one tells whether the module runs Python at all. Ends with a NULL name. */
extern const struct interpreter_example interpreter_examples[];

#endif
