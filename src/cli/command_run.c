/* `shannon run`: one Python program in the sandbox, in the foreground. */
#include "cli/command.h"
#include "cli/sandbox_options.h"
#include "cli/supervise.h"
#include "sandbox/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_SIZE_MAX ((size_t)32 << 20)

struct run_options {
    struct sandbox_options sandbox;
    const char *code;
    const char *interpreter;
    bool json;
};

static int read_all(int fd, const char *name, struct buffer *program, struct error *error)
{
    for (;;) {
        if (buffer_reserve(program, 65536) != 0)
            return error_set(error, ERROR_INTERNAL, "out of memory");
        ssize_t size = read(fd, program->data + program->size, 65536);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot read %s", name);
        if (size == 0)
            return 0;
        program->size += (size_t)size;
        program->data[program->size] = '\0';
        if (program->size > PROGRAM_SIZE_MAX)
            return error_set(error, ERROR_INVALID_REQUEST, "%s is over %zu MiB", name,
                             PROGRAM_SIZE_MAX >> 20);
    }
}

static int read_program(const char *file, struct buffer *program, struct error *error)
{
    if (strcmp(file, "-") == 0)
        return read_all(STDIN_FILENO, "the program on standard input", program, error);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot open %s", file);
    int result = read_all(fd, file, program, error);
    (void)close(fd);
    return result;
}

/* Fills code, filename and arguments; `arguments` is the caller's to free. */
static int take_program(const struct run_options *options, int argc, char **argv, int next,
                        struct buffer *program, struct execution_request *request,
                        const char ***arguments, struct error *error)
{
    const char *first = "-c";
    request->filename = "<string>";
    if (options->code != NULL) {
        request->code = options->code;
        request->code_size = strlen(options->code);
    } else {
        if (next >= argc && isatty(STDIN_FILENO))
            return error_set(error, ERROR_INVALID_REQUEST,
                             "no program: give -c CODE, a FILE, or - for standard input");
        first = next < argc ? argv[next++] : "-";
        if (read_program(first, program, error) != 0)
            return -1;
        request->filename = strcmp(first, "-") == 0 ? "<stdin>" : first;
        request->code = buffer_text(program);
        request->code_size = program->size;
    }
    size_t count = (size_t)(argc - next) + 1;
    *arguments = calloc(count, sizeof(**arguments));
    if (*arguments == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    (*arguments)[0] = first;
    for (size_t i = 1; i < count; i++)
        (*arguments)[i] = argv[(size_t)next + i - 1];
    request->arguments = *arguments;
    request->argument_count = count;
    return 0;
}

static int run(struct run_options *options, int argc, char **argv, int next,
               const struct config *config, struct error *error)
{
    struct guest_options guest = {0};
    struct execution_request request = {0};
    const char **arguments = NULL;
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer program = BUFFER_EMPTY;
    const char *name = options->interpreter;
    const char *configured_path = config_text(config, CONFIG_WASI_INTERPRETER_PATH);
    int status = -1;
    if (name == NULL && configured_path[0] == '\0')
        name = config_text(config, CONFIG_WASI_INTERPRETER);
    if (sandbox_options_apply(&options->sandbox, config, &guest, &request, error) == 0 &&
        interpreter_find(name, configured_path, &path, error) == 0 &&
        take_program(options, argc, argv, next, &program, &request, &arguments, error) == 0) {
        guest.wasm_path = buffer_text(&path);
        status =
            supervise("run", options->json ? SUPERVISE_JSON : SUPERVISE_PYTHON, &guest, &request);
    }
    free(arguments);
    return status;
}

int command_run(int argc, char **argv)
{
    struct run_options options = {0};
    const struct option rows[] = {
        {"-c", OPTION_LAST, &options.code, "CODE", "the program; what follows are its arguments"},
        {"--interpreter", OPTION_TEXT, &options.interpreter, "NAME",
         "an interpreter's name or the path of a python.wasm (default: wasi.interpreter)"},
        {"--json", OPTION_FLAG, &options.json, NULL,
         "print one JSON object with status, output and usage at the end"},
        SANDBOX_OPTION_ROWS(options.sandbox),
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "run", "[OPTION...] [-c CODE | FILE | -] [ARGUMENT...]",
        "Runs a Python program in the sandbox: no network, no files but the folders allowed,\n"
        "limited time and memory. Without -c or FILE the program is read from standard input.",
        rows,
        "Exit status: the program's own; 124 execution timeout, 137 memory limit or killed,\n"
        "134 trap or stack exhausted, 125 shannon's own failure, 127 interpreter not found."};
    struct error error = ERROR_NONE;
    int next;
    int status = options_parse(&table, argc, argv, &next, &error);
    if (status == 0) {
        struct config *config = config_load(options.sandbox.config_file, &error);
        status = config == NULL ? -1 : run(&options, argc, argv, next, config, &error);
        config_free(config);
    } else if (status == 1) {
        return 0;
    }
    free(options.sandbox.allowed_paths.items);
    free(options.sandbox.variables.items);
    return status < 0 ? options_fail("run", &error) : status;
}
