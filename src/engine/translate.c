/* Drives wasm2c and clang. Invariant: no child process outlives a call. */
#include "engine/translate.h"

#include "base/interruption.h"
#include "engine/object_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64
#define LOG_NAME "translate.log"
#define CANNOT_RUN 126 /* exit status of a child that did not become the tool; as a shell's */

/* -ffp-contract=off: WebAssembly has no fused multiply-add. -fno-strict-aliasing: linear memory has
 * no types. -fstack-clash-protection: a module can have frames of any size, which must not step
 * over the guard of the stack. The generated code needs no other protection of its stack frames:
 * its stack is not addressable by the guest. */
static const char *const compile_flags[] = {
    "-std=gnu17",
    "-O2",
    "-fPIC",
    "-w",
    "-fvisibility=hidden",
    "-fno-strict-aliasing",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-stack-protector",
    "-fstack-clash-protection",
    "-fno-asynchronous-unwind-tables",
    "-fcf-protection=none",
    "-fno-plt",
};

#define COMPILE_FLAG_COUNT (sizeof(compile_flags) / sizeof(compile_flags[0]))

const char *translate_flags(void)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < COMPILE_FLAG_COUNT; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s ", compile_flags[i]);
    }
    return text;
}

/* ---- finding ---- */

bool translate_find_program(const char *name, char *path, size_t size)
{
    const char *search = getenv("PATH");
    if (search == NULL || search[0] == '\0')
        search = "/usr/local/bin:/usr/bin:/bin";
    while (*search != '\0') {
        size_t length = strcspn(search, ":");
        struct stat status;
        if (length > 0 && search[0] == '/' &&
            (size_t)snprintf(path, size, "%.*s/%s", (int)length, search, name) < size &&
            access(path, X_OK) == 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode))
            return true;
        search += length + (search[length] == ':' ? 1 : 0);
    }
    return false;
}

int translate_find_tools(struct translate_tools *tools, struct error *error)
{
    bool wasm2c = translate_find_program("wasm2c", tools->wasm2c, sizeof(tools->wasm2c));
    bool clang = translate_find_program("clang-19", tools->clang, sizeof(tools->clang)) ||
                 translate_find_program("clang", tools->clang, sizeof(tools->clang));
    if (wasm2c && clang)
        return 0;
    return error_set(error, ERROR_INTERNAL,
                     "%s%s%s not found, and there is no translated copy of this interpreter in the "
                     "cache. Install with: apt-get install%s%s",
                     wasm2c ? "" : "wasm2c", !wasm2c && !clang ? " and " : "",
                     clang ? "" : "a C compiler (clang-19)", wasm2c ? "" : " wabt",
                     clang ? "" : " clang-19 lld-19");
}

/* ---- running ---- */

struct translation {
    const struct translate_tools *tools;
    const char *directory;
    struct timespec start;
    translate_progress *progress;
    void *argument;
    const char *step;
};

static unsigned elapsed_ms(const struct translation *translation)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long milliseconds = (now.tv_sec - translation->start.tv_sec) * 1000LL +
                             (now.tv_nsec - translation->start.tv_nsec) / 1000000;
    return (unsigned)milliseconds;
}

static void tell(const struct translation *translation)
{
    if (translation->progress != NULL)
        translation->progress(translation->argument, translation->step, elapsed_ms(translation));
}

/* In the child. */
static _Noreturn void become_tool(const char *directory, const char *log, char *const arguments[],
                                  pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int input = open("/dev/null", O_RDONLY);
    int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    /* A compiler must not go on for a minute when the process that wanted its work is dead. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && input >= 0 && output >= 0 &&
        dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 && chdir(directory) == 0)
        (void)execv(arguments[0], arguments);
    _exit(CANNOT_RUN);
}

/* Starts a tool in the translation's folder, its output appended to the log. */
static pid_t start_tool(const struct translation *translation, char *const arguments[],
                        struct error *error)
{
    BUFFER_LOCAL struct buffer log = BUFFER_EMPTY;
    if (buffer_append_format(&log, "%s/" LOG_NAME, translation->directory) != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_tool(translation->directory, buffer_text(&log), arguments, parent);
    if (pid < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot start %s", arguments[0]);
    return pid;
}

/* The last line the tools wrote that says "error" or "No space", for the message. */
static void log_excerpt(const char *directory, char *text, size_t size)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    text[0] = '\0';
    if (buffer_append_format(&path, "%s/" LOG_NAME, directory) != 0)
        return;
    FILE *file = fopen(buffer_text(&path), "re");
    if (file == NULL)
        return;
    char line[512];
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, "error") != NULL || strstr(line, "No space") != NULL)
            (void)snprintf(text, size, "%.300s", line);
    }
    (void)fclose(file);
}

static int tool_failed(const struct translation *translation, int status, struct error *error)
{
    char excerpt[320];
    if (interruption_pending() != 0) /* a terminal's Ctrl-C reaches the tools as well */
        return error_set(error, ERROR_KILLED, "interrupted while %s", translation->step);
    log_excerpt(translation->directory, excerpt, sizeof(excerpt));
    if (strstr(excerpt, "No space left") != NULL || strstr(excerpt, "Disk quota") != NULL)
        return error_set(error, ERROR_INTERNAL,
                         "no disk space in %s while %s; free about 300 MB there, or set "
                         "SHANNON_CACHE_DIR to a folder that has them",
                         translation->directory, translation->step);
    if (WIFSIGNALED(status))
        return error_set(error, ERROR_INTERNAL, "%s was ended by signal %d%s", translation->step,
                         WTERMSIG(status),
                         WTERMSIG(status) == SIGKILL ? " (was memory short? clang needs about 1 GB)"
                                                     : "");
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
        return error_set(error, ERROR_INTERNAL, "%s failed: the tool cannot be run in %s",
                         translation->step, translation->directory);
    return error_set(error, ERROR_INTERNAL, "%s failed: %s", translation->step,
                     excerpt[0] == '\0' ? "the tool gave no reason" : excerpt);
}

/* Waits for one of the children; tells of progress meanwhile. 0 when this process is asked to end.
 */
static pid_t wait_for_tool(const struct translation *translation, const pid_t *pids, size_t count,
                           int *status)
{
    unsigned polls = 0;
    for (;;) {
        for (size_t i = 0; i < count; i++) {
            if (pids[i] > 0 && waitpid(pids[i], status, WNOHANG) == pids[i])
                return pids[i];
        }
        if (interruption_pending() != 0)
            return 0;
        (void)poll(NULL, 0, 20); /* children of a library: SIGCHLD is the caller's own */
        if (++polls % 50 == 0)
            tell(translation);
    }
}

static void end_tools(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] > 0) {
            (void)kill(pids[i], SIGKILL);
            (void)waitpid(pids[i], NULL, 0);
        }
    }
}

static int run_tool(const struct translation *translation, char *const arguments[],
                    struct error *error)
{
    pid_t pid = start_tool(translation, arguments, error);
    if (pid < 0)
        return -1;
    int status = -1;
    if (wait_for_tool(translation, &pid, 1, &status) == 0)
        end_tools(&pid, 1);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0
                                                         : tool_failed(translation, status, error);
}

/* ---- the steps ---- */

static int run_wasm2c(const struct translation *translation, const char *wasm_path,
                      struct error *error)
{
    /* wasm2c runs inside the folder. */
    char *absolute = realpath(wasm_path, NULL);
    if (absolute == NULL)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot open %s", wasm_path);
    char *arguments[] = {(char *)translation->tools->wasm2c,
                         "--no-debug-names",
                         "-n",
                         OBJECT_SOURCE_MODULE_NAME,
                         "-o",
                         "wasm2c.c",
                         absolute,
                         NULL};
    int result = run_tool(translation, arguments, error);
    free(absolute);
    return result;
}

static pid_t start_compiler(const struct translation *translation, const char *source,
                            struct error *error)
{
    char *arguments[ARGUMENTS_MAX];
    char object[64];
    size_t count = 0;
    (void)snprintf(object, sizeof(object), "%s.o", source);
    arguments[count++] = (char *)translation->tools->clang;
    for (size_t i = 0; i < COMPILE_FLAG_COUNT; i++)
        arguments[count++] = (char *)compile_flags[i];
    arguments[count++] = "-c";
    arguments[count++] = (char *)source;
    arguments[count++] = "-o";
    arguments[count++] = object;
    arguments[count] = NULL;
    return start_tool(translation, arguments, error);
}

static int compile_all(const struct translation *translation, char (*sources)[32], size_t count,
                       unsigned jobs, struct error *error)
{
    pid_t running[OBJECT_SOURCE_CHUNKS_MAX] = {0};
    size_t next = 0;
    size_t done = 0;
    while (done < count) {
        for (size_t i = 0; i < jobs && next < count; i++) {
            if (running[i] > 0)
                continue;
            running[i] = start_compiler(translation, sources[next++], error);
            if (running[i] < 0) {
                end_tools(running, jobs);
                return -1;
            }
        }
        int status = -1;
        pid_t ended = wait_for_tool(translation, running, jobs, &status);
        for (size_t i = 0; i < jobs; i++) {
            if (running[i] == ended)
                running[i] = 0;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            end_tools(running, jobs);
            return tool_failed(translation, status, error);
        }
        done++;
    }
    return 0;
}

static int link_object(const struct translation *translation, char (*sources)[32], size_t count,
                       bool large, struct error *error)
{
    char objects[OBJECT_SOURCE_CHUNKS_MAX + 3][64];
    char *arguments[ARGUMENTS_MAX];
    size_t used = 0;
    arguments[used++] = (char *)translation->tools->clang;
    arguments[used++] = "-shared";
    arguments[used++] = "-Wl,-z,now";
    arguments[used++] = "-Wl,-z,relro";
    if (large) /* so that code can lie on huge pages; see guest_text.h */
        arguments[used++] = "-Wl,-z,max-page-size=2097152";
    arguments[used++] = "-Wl,--build-id=none";
    arguments[used++] = "-o";
    arguments[used++] = "object.so";
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(objects[i], sizeof(objects[i]), "%.31s.o", sources[i]);
        arguments[used++] = objects[i];
    }
    arguments[used++] = "-lm";
    arguments[used] = NULL;
    return run_tool(translation, arguments, error);
}

int translate_module(const struct translate_tools *tools, const char *wasm_path,
                     const struct wasm_module *module, const char *directory, unsigned jobs,
                     translate_progress *progress, void *argument, struct error *error)
{
    struct translation translation = {
        .tools = tools, .directory = directory, .progress = progress, .argument = argument};
    char sources[OBJECT_SOURCE_CHUNKS_MAX + 3][32];
    bool large = module->size >= 262144;
    size_t chunks = large ? OBJECT_SOURCE_CHUNKS_MAX : 1;
    size_t count = 0;
    if (jobs < 1)
        jobs = 1;
    if (jobs > OBJECT_SOURCE_CHUNKS_MAX)
        jobs = OBJECT_SOURCE_CHUNKS_MAX;
    clock_gettime(CLOCK_MONOTONIC, &translation.start);

    translation.step = "translating WebAssembly to C";
    tell(&translation);
    if (run_wasm2c(&translation, wasm_path, error) != 0 ||
        object_source_write(directory, module, chunks, error) != 0)
        return -1;

    translation.step = "compiling C to native code";
    tell(&translation);
    for (size_t i = 0; i < chunks; i++)
        (void)snprintf(sources[count++], sizeof(sources[0]), "chunk%zu.c", i);
    (void)snprintf(sources[count++], sizeof(sources[0]), "guest_runtime.c");
    (void)snprintf(sources[count++], sizeof(sources[0]), "guest_glue.c");
    (void)snprintf(sources[count++], sizeof(sources[0]), "data.s");
    if (compile_all(&translation, sources, count, jobs, error) != 0)
        return -1;

    translation.step = "linking native code";
    tell(&translation);
    return link_object(&translation, sources, count, large, error);
}
