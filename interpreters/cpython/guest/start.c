/*
 * The command entry: `python-3.11.wasm ARGUMENTS...` on any WASI runtime.
 *
 * wasi-libc's own crt1 relies on the linker to wrap every export with constructor and destructor
 * calls. The reactor exports must not be wrapped, so this file takes crt1's place and makes those
 * calls itself, once.
 */
#include <Python.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

void __wasm_call_ctors(void);
void __wasm_call_dtors(void);

/* wasi-libc's wchar and Python's own start-up report out-of-memory themselves; before them, this
 * does. */
static _Noreturn void fail(const char *message)
{
    fprintf(stderr, "python: %s\n", message);
    _Exit(71); /* EX_OSERR */
}

/* The arguments as a NULL-terminated argv; never freed, as main's is not. */
static char **read_arguments(int *argument_count)
{
    __wasi_size_t count = 0;
    __wasi_size_t buffer_size = 0;
    if (__wasi_args_sizes_get(&count, &buffer_size) != __WASI_ERRNO_SUCCESS)
        fail("the runtime does not give the program's arguments");
    char **arguments = calloc((size_t)count + 1, sizeof(char *));
    char *buffer = malloc((size_t)buffer_size + 1);
    if (arguments == NULL || buffer == NULL)
        fail("out of memory while reading the arguments");
    if (count > 0 &&
        __wasi_args_get((uint8_t **)arguments, (uint8_t *)buffer) != __WASI_ERRNO_SUCCESS)
        fail("the runtime does not give the program's arguments");
    *argument_count = (int)count;
    return arguments;
}

/*
 * `RUNTIME python.wasm -- -c CODE`: some runtimes swallow the separator and some hand it on. To
 * Python it would mean that "-c" is the name of a script, which nobody who writes this intends; so
 * a separator followed by an option goes.
 */
static void drop_separator(int *argument_count, char **arguments)
{
    if (*argument_count < 3 || strcmp(arguments[1], "--") != 0 || arguments[2][0] != '-')
        return;
    memmove(&arguments[1], &arguments[2], (size_t)(*argument_count - 1) * sizeof(char *));
    *argument_count -= 1;
}

__attribute__((export_name("_start"))) void _start(void)
{
    static int started;
    if (started)
        __builtin_trap(); /* a command instance runs once */
    started = 1;

    __wasm_call_ctors();
    int argument_count = 0;
    char **arguments = read_arguments(&argument_count);
    drop_separator(&argument_count, arguments);
    int status = Py_BytesMain(argument_count, arguments);
    if (status != 0)
        exit(status);
    __wasm_call_dtors();
}
