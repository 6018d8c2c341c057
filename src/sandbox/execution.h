/* One execution: a request, a process that runs it, and what became of it.
 *
 * The process is a child that holds the interpreter, locks itself down and runs the program once.
 * The parent, here, captures its output, ends it at its limits and reports. What the parent knows
 * (status, usage, exit code) never depends on what the guest wrote.
 *
 * All functions run on the thread of the event loop they were given.
 */
#ifndef SHANNON_SANDBOX_EXECUTION_H
#define SHANNON_SANDBOX_EXECUTION_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct guest_options;
struct run_report;
struct zygote;
struct execution;

/* A file that a program finds below /workspace. */
struct execution_file {
    const char *path; /* relative, `path_size` bytes */
    size_t path_size;
    const void *bytes;
    size_t size;
};

/* Everything is borrowed for the duration of the call that takes it. */
struct execution_request {
    const char *code; /* UTF-8 source, `code_size` bytes */
    size_t code_size;
    const char *filename;         /* in tracebacks; NULL: "main.py" */
    const char *const *arguments; /* sys.argv, argv[0] first; NULL: argv is [filename] */
    size_t argument_count;
    const char *const *variables; /* NAME=VALUE for os.environ */
    size_t variable_count;
    const char *stdin_bytes; /* `stdin_size` bytes; then end of file */
    size_t stdin_size;
    const struct execution_file *files;
    size_t file_count;
    uint32_t timeout_ms;          /* wall time; 0 is invalid */
    uint32_t processor_limit_ms;  /* processor time; 0: as much as the wall time allows */
    uint64_t memory_limit_bytes;  /* linear memory and scratch files; 0 is invalid */
    uint64_t scratch_limit_bytes; /* scratch files alone; 0: the file system is read-only */
    size_t output_limit_bytes;    /* for stdout and stderr each; the rest is dropped and marked */
    size_t files_limit_bytes;     /* of the contents of files that come back */
    bool stream_output;           /* `output` is called as output comes */
};

struct execution_result {
    enum error_kind status;
    char message[512]; /* one sentence for a person; "" when status is ok */
    int exit_code;     /* the program's own; 124 timeout, 137 killed or out of memory, 134 trap */
    struct buffer stdout_bytes;
    struct buffer stderr_bytes;
    bool stdout_truncated;
    bool stderr_truncated;
    /* Of the Python exception that ended the program; "" when there was none. Written by the guest:
     * data, never a source of decisions. */
    struct buffer error_type;
    struct buffer error_message;
    struct buffer traceback;
    /* The repr of the value of a last bare expression; has_value false when there was none. */
    struct buffer value;
    bool has_value;
    /* What to do about an exception that comes from the sandbox's limits and not from the program's
     * own logic; NULL for any other ending. Static. */
    const char *advice;
    uint64_t wall_us;
    uint64_t cpu_us;
    uint64_t peak_memory_bytes; /* of linear memory and scratch files together */
    /* What the program wrote below /workspace: execution_result_visit_files. */
    const struct run_report *report; /* NULL when there is none */
    bool files_dropped;              /* there were more files than can be told of */
};

/* Calls `visit` for each file that the program wrote below /workspace, sorted by path (which is any
 * bytes but NUL). `bytes` is NULL when the contents are not here, for being too much. */
int execution_result_visit_files(const struct execution_result *result,
                                 int (*visit)(void *argument, const char *path, size_t path_size,
                                              uint64_t size, const void *bytes),
                                 void *argument);

/* A piece of output as it comes, when the request streams it: 1 stdout, 2 stderr. The execution may
 * be cancelled in it. */
typedef void execution_output(void *argument, int stream, const void *bytes, size_t size);

/* Called once, from the event loop, when the program's end and all its output are known; its
 * process may still be going. The result and its buffers are valid during the call only. The
 * execution is freed after it. */
typedef void execution_done(void *argument, const struct execution_result *result);

struct execution_listener {
    execution_output *output; /* NULL unless the request streams */
    execution_done *done;
    void *argument;
};

/* Starts an execution in a guest process of `zygote`. NULL with ERROR_INTERNAL when no process can
 * be had, ERROR_INVALID_REQUEST when a limit is 0 or the request too large,
 * ERROR_INTERPRETER_NOT_FOUND when the zygote's file is gone, or why the zygote could not be
 * started just now. `done` is then never called. */
struct execution *execution_start(struct zygote *zygote, const struct execution_request *request,
                                  const struct execution_listener *listener, struct error *error);

/* Starts an execution in a process that loads the interpreter itself, as `shannon run` does:
 * nothing is warm, nothing is shared. When `captured` is false the program has this process's own
 * standard streams, and stdin_bytes is not used. `options` are borrowed for the call, which takes
 * as long as translating the interpreter does when the cache has no object of it. Otherwise as
 * execution_start. */
struct execution *execution_start_direct(struct event_base *loop,
                                         const struct guest_options *options, bool captured,
                                         const struct execution_request *request,
                                         const struct execution_listener *listener,
                                         struct error *error);

/* Starts the WASI command `options->wasm_path` with `request->arguments` (argv[0] first) in a
 * process of its own, as `shannon wasi` does; code, filename and variables of the request are not
 * used. Otherwise as execution_start_direct without capture. */
struct execution *execution_start_command(struct event_base *loop,
                                          const struct guest_options *options,
                                          const struct execution_request *request,
                                          const struct execution_listener *listener,
                                          struct error *error);

/* Ends the execution at once; `done` is called later with ERROR_KILLED. */
void execution_cancel(struct execution *execution);

#endif
