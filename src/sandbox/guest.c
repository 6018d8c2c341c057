/* An interpreter in this process. Invariant: `instance` is instantiated when `instantiated`; guest
 * addresses are used only through linear_memory_at. */
#include "sandbox/guest.h"

#include "engine/guest_instance.h"
#include "engine/object_cache.h"
#include "sandbox/guest_files.h"
#include "sandbox/guest_output.h"
#include "sandbox/guest_pages.h"
#include "shannon_guest.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What an interpreter may print while it starts, in bytes. */
#define INITIAL_OUTPUT_MAX 512
/* Of a reactor; see interpreters/cpython/guest/reactor.c. */
#define WORKING_FOLDER "/workspace"

/* What every program does. It leaves nothing that another could see. */
#define SHORT_PROGRAM "print(1)\n1"

/* The functions of a reactor, in the order of shannon_guest.h. */
enum reactor_function {
    ABI_VERSION,
    INITIALIZE,
    REFRESH,
    INTERRUPT_WORDS,
    ALLOCATE,
    RUN,
    RESULT_ADDRESS,
    RESULT_SIZE,
    REACTOR_FUNCTION_COUNT
};

static const struct {
    const char *name;
    size_t parameter_count;
} reactor_functions[REACTOR_FUNCTION_COUNT] = {
    [ABI_VERSION] = {"shannon_abi_version", 0},
    [INITIALIZE] = {"shannon_initialize", 1},
    [REFRESH] = {"shannon_refresh", 0},
    [INTERRUPT_WORDS] = {"shannon_interrupt_words", 0},
    [ALLOCATE] = {"shannon_allocate", 1},
    [RUN] = {"shannon_run", 2},
    [RESULT_ADDRESS] = {"shannon_result_address", 0},
    [RESULT_SIZE] = {"shannon_result_size", 0},
};

struct guest {
    struct wasi_host *wasi;
    struct guest_instance *instance;
    bool reactor;
    const struct guest_export *functions[REACTOR_FUNCTION_COUNT]; /* if it is one */
    const struct guest_export *start;                             /* `_start`, or NULL */
    bool instantiated;
    /* Where to write to interrupt a program; checked when the reactor was initialised. */
    volatile uint32_t *interrupt_words[SHANNON_INTERRUPT_WORDS_MAXIMUM];
    uint32_t interrupt_word_count;
    /* What is left of the request's standard input. */
    const uint8_t *standard_input;
    size_t standard_input_size;
};

static struct guest the_guest;

/* ---- loading ---- */

/* A relative path shall lead to the same folder in a program whose working folder is another. */
static int append_guest_path(struct buffer *guest_path, const struct guest *guest, const char *path)
{
    if (!guest->reactor || path[0] == '/')
        return buffer_append_text(guest_path, path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    bool here = path[0] == '\0' || strcmp(path, ".") == 0;
    return buffer_append_format(guest_path, "%s%s%s", WORKING_FOLDER, here ? "" : "/",
                                here ? "" : path);
}

static int grant_folder(struct guest *guest, const char *path, struct error *error)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno,
                               "cannot open the folder %s that is to be readable (--allow-read, "
                               "wasi.allowed_paths)",
                               path);
    BUFFER_LOCAL struct buffer guest_path = BUFFER_EMPTY;
    if (append_guest_path(&guest_path, guest, path) != 0) {
        (void)close(fd);
        return error_set(error, ERROR_INTERNAL, "out of memory");
    }
    return wasi_host_add_preopen(guest->wasi, fd, guest_path.data, false, error);
}

static int grant_all(struct guest *guest, const struct guest_options *options, struct error *error)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (wasi_host_set_standard(guest->wasi, fd, fd, error) != 0)
            return -1;
    }
    /* Each run has its own limit. */
    if (wasi_host_add_scratch(guest->wasi, 0, error) != 0)
        return -1;
    for (size_t i = 0; i < options->allowed_path_count; i++) {
        if (grant_folder(guest, options->allowed_paths[i], error) != 0)
            return -1;
    }
    for (size_t i = 0; i < options->variable_count; i++) {
        if (wasi_host_add_variable(guest->wasi, options->variables[i], error) != 0)
            return -1;
    }
    return 0;
}

/* Whether the module has all functions of a reactor. */
static bool find_functions(struct guest *guest)
{
    bool found = true;
    for (size_t i = 0; i < REACTOR_FUNCTION_COUNT; i++) {
        guest->functions[i] = guest_instance_find(guest->instance, reactor_functions[i].name,
                                                  reactor_functions[i].parameter_count);
        found = found && guest->functions[i] != NULL;
    }
    guest->start = guest_instance_find(guest->instance, "_start", 0);
    return found;
}

int guest_prepare(const struct guest_options *options, struct buffer *object_path,
                  struct error *error)
{
    return object_cache_get(options->wasm_path, wasi_preview1_imports, options->progress,
                            options->progress_argument, object_path, error);
}

struct guest *guest_load(const struct guest_options *options, const char *object_path,
                         struct error *error)
{
    struct guest *guest = &the_guest;
    guest->wasi = wasi_host_new(NULL);
    if (guest->wasi == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    guest->instance = guest_instance_load(object_path, wasi_preview1_imports, guest->wasi, error);
    if (guest->instance == NULL)
        return NULL;
    guest->reactor = find_functions(guest);
    if (grant_all(guest, options, error) != 0)
        return NULL;
    if (!guest->reactor && guest->start == NULL) {
        error_set(error, ERROR_INVALID_REQUEST,
                  "%s exports no _start function, so it is not a WASI command", options->wasm_path);
        return NULL;
    }
    wasi_host_set_memory(guest->wasi, guest_instance_memory(guest->instance));
    /* A reactor has a working folder, a command takes relative paths to be beneath this. */
    if (!guest->reactor && wasi_host_add_workspace(guest->wasi, ".", error) != 0)
        return NULL;
    return guest;
}

struct linear_memory *guest_memory(struct guest *guest)
{
    return guest_instance_memory(guest->instance);
}

struct wasi_host *guest_wasi(struct guest *guest)
{
    return guest->wasi;
}

bool guest_can_be_saved(const struct guest *guest)
{
    return guest->reactor && guest_instance_is_memory_only(guest->instance);
}

int guest_set_memory(struct guest *guest, int image, uint64_t image_size, uint64_t size,
                     struct error *error)
{
    return guest_instance_set_memory(guest->instance, image, image_size, size, error);
}

size_t guest_descriptors(const struct guest *guest, int *descriptors, size_t maximum)
{
    return wasi_host_descriptors(guest->wasi, descriptors, maximum);
}

static size_t read_standard_input(void *argument, const struct iovec *vectors, int count)
{
    struct guest *guest = argument;
    size_t done = 0;
    for (int i = 0; i < count && guest->standard_input_size > 0; i++) {
        size_t size = vectors[i].iov_len < guest->standard_input_size ? vectors[i].iov_len
                                                                      : guest->standard_input_size;
        memcpy(vectors[i].iov_base, guest->standard_input, size);
        guest->standard_input += size;
        guest->standard_input_size -= size;
        done += size;
    }
    return done;
}

int guest_capture(struct guest *guest, struct error *error)
{
    const struct wasi_stream input = {.read = read_standard_input, .argument = guest};
    if (wasi_host_set_stream(guest->wasi, 0, &input, error) != 0)
        return -1;
    return guest_output_connect(guest->wasi, error);
}

/* ---- calls into the guest ---- */

static int call_failed(enum reactor_function function, const struct guest_outcome *outcome,
                       struct error *error)
{
    const char *name = reactor_functions[function].name;
    if (outcome->ending == GUEST_TRAPPED)
        return error_set(error, ERROR_INTERNAL, "the interpreter's %s trapped: %s", name,
                         trap_name(outcome->trap));
    return error_set(error, ERROR_INTERNAL, "the interpreter's %s exited with status %u", name,
                     outcome->exit_code);
}

/* Calls one of the reactor's own functions, which are expected to return. */
static int call_reactor(struct guest *guest, enum reactor_function function,
                        const uint32_t *arguments, uint32_t *result, struct error *error)
{
    struct guest_outcome outcome =
        guest_instance_call(guest->functions[function], arguments, result);
    return outcome.ending == GUEST_RETURNED ? 0 : call_failed(function, &outcome, error);
}

static int instantiate(struct guest *guest, uint64_t memory_limit, struct error *error)
{
    if (guest_instance_instantiate(guest->instance, memory_limit, error) != 0)
        return -1;
    guest->instantiated = true;
    return 0;
}

/* Checks what shannon_interrupt_words answers, once: its words are written from a signal handler.
 */
static int take_interrupt_words(struct guest *guest, struct error *error)
{
    const struct linear_memory *memory = guest_instance_memory(guest->instance);
    uint32_t address = 0;
    struct shannon_interrupt_words words;
    if (call_reactor(guest, INTERRUPT_WORDS, NULL, &address, error) != 0)
        return -1;
    const void *place = linear_memory_at(memory, address, sizeof(words));
    if (place == NULL)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the interpreter's interrupt words are not in its memory");
    memcpy(&words, place, sizeof(words));
    if (words.count == 0 || words.count > SHANNON_INTERRUPT_WORDS_MAXIMUM)
        return error_set(error, ERROR_INVALID_REQUEST, "the interpreter has %u interrupt words",
                         words.count);
    for (uint32_t i = 0; i < words.count; i++) {
        guest->interrupt_words[i] = linear_memory_at(memory, words.addresses[i], sizeof(uint32_t));
        if (guest->interrupt_words[i] == NULL || words.addresses[i] % sizeof(uint32_t) != 0)
            return error_set(error, ERROR_INVALID_REQUEST,
                             "an interrupt word of the interpreter is not in its memory");
    }
    guest->interrupt_word_count = words.count;
    return 0;
}

int guest_initialize(struct guest *guest, uint32_t flags, uint64_t memory_limit,
                     struct error *error)
{
    uint32_t version = 0;
    uint32_t status = 1;
    if (!guest->reactor)
        return 0;
    if (instantiate(guest, memory_limit, error) != 0 ||
        call_reactor(guest, ABI_VERSION, NULL, &version, error) != 0)
        return -1;
    if (version != SHANNON_ABI_VERSION)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the interpreter speaks version %u of the reactor interface, this program "
                         "version %u. Build the interpreter again with `make interpreter`",
                         version, SHANNON_ABI_VERSION);
    guest_output_begin(INITIAL_OUTPUT_MAX, false);
    int result = call_reactor(guest, INITIALIZE, &flags, &status, error);
    char said[INITIAL_OUTPUT_MAX + 1];
    guest_output_take(said, sizeof(said));
    if (result != 0)
        return -1;
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "the interpreter did not start (status %u). %s",
                         status, said);
    return take_interrupt_words(guest, error);
}

int guest_refresh(struct guest *guest, struct error *error)
{
    uint32_t status = 1;
    if (!guest->reactor)
        return 0;
    if (call_reactor(guest, REFRESH, NULL, &status, error) != 0)
        return -1;
    if (status != 0)
        return error_set(error, ERROR_INTERNAL,
                         "the interpreter's copy could not be made to differ from its siblings");
    return 0;
}

void guest_interrupt(struct guest *guest)
{
    wasi_host_interrupt(guest->wasi);
    for (uint32_t i = 0; i < guest->interrupt_word_count; i++)
        *guest->interrupt_words[i] = 1;
}

static void fill_report(struct guest *guest, const struct guest_outcome *outcome,
                        struct run_report *report)
{
    const struct linear_memory *memory = guest_instance_memory(guest->instance);
    *report = (struct run_report){.kind = RUN_REPORT_ENDED,
                                  .outcome = *outcome,
                                  .growth_refused = memory->growth_refused,
                                  .memory_size = memory->peak};
}

/* The reactor's result records, if the guest can still give them. */
static void fill_records(struct guest *guest, struct run_report *report)
{
    uint32_t address = 0;
    uint32_t size = 0;
    if (call_reactor(guest, RESULT_ADDRESS, NULL, &address, NULL) != 0 ||
        call_reactor(guest, RESULT_SIZE, NULL, &size, NULL) != 0)
        return;
    const void *records = linear_memory_at(guest_instance_memory(guest->instance), address, size);
    if (records == NULL || size > RUN_REPORT_RECORDS_MAX)
        return;
    report->records = records;
    report->records_size = size;
}

static int run_reactor(struct guest *guest, const struct run_request *request,
                       struct run_report *report, struct error *error)
{
    struct linear_memory *memory = guest_instance_memory(guest->instance);
    uint32_t size = request->head.records_size;
    uint32_t arguments[2] = {0, size};
    struct guest_outcome outcome =
        guest_instance_call(guest->functions[ALLOCATE], &size, &arguments[0]);
    if (outcome.ending != GUEST_RETURNED)
        return call_failed(ALLOCATE, &outcome, error);
    void *place = linear_memory_at(memory, arguments[0], size);
    if (arguments[0] == 0 || place == NULL)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: there is no room for the program itself. Raise "
                         "wasi.memory_limit_bytes (or --memory)");
    memcpy(place, request->records, size);
    uint32_t status = 0;
    outcome = guest_instance_call(guest->functions[RUN], arguments, &status);
    fill_report(guest, &outcome, report);
    if (outcome.ending == GUEST_RETURNED) {
        report->outcome.exit_code = status;
        fill_records(guest, report);
    }
    return 0;
}

/* ---- commands ---- */

static int start_command(struct guest *guest, uint64_t memory_limit, struct run_report *report,
                         struct error *error)
{
    if (instantiate(guest, memory_limit, error) != 0)
        return -1;
    struct guest_outcome outcome = guest_instance_call(guest->start, NULL, NULL);
    fill_report(guest, &outcome, report);
    report->mute = true;
    return 0;
}

struct command_line {
    struct guest *guest;
    struct error *error;
    bool first_argument_seen;
};

static int add_copy(struct command_line *line, const char *bytes, size_t size,
                    int (*add)(struct wasi_host *, const char *, struct error *))
{
    char *text = strndup(bytes, size);
    if (text == NULL)
        return error_set(line->error, ERROR_INTERNAL, "out of memory");
    int result = add(line->guest->wasi, text, line->error);
    free(text);
    return result;
}

static int visit_code(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct command_line *line = argument;
    if (kind == SHANNON_REQUEST_CODE)
        return add_copy(line, bytes, size, wasi_host_add_argument);
    return 0;
}

static int visit_rest(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct command_line *line = argument;
    if (kind == SHANNON_REQUEST_ENVIRONMENT)
        return add_copy(line, bytes, size, wasi_host_add_variable);
    if (kind != SHANNON_REQUEST_ARGUMENT)
        return 0;
    if (!line->first_argument_seen) { /* argv[0] is "-c" to a Python that gets its code that way */
        line->first_argument_seen = true;
        return 0;
    }
    return add_copy(line, bytes, size, wasi_host_add_argument);
}

static int run_python_command(struct guest *guest, const struct run_request *request,
                              struct run_report *report, struct error *error)
{
    struct command_line line = {.guest = guest, .error = error};
    if (wasi_host_add_argument(guest->wasi, "python", error) != 0 ||
        wasi_host_add_argument(guest->wasi, "-c", error) != 0)
        return -1;
    if (run_request_visit(request, visit_code, &line) != 0 ||
        run_request_visit(request, visit_rest, &line) != 0)
        return error_set(error, ERROR_INTERNAL, "a request is damaged");
    return start_command(guest, request->head.memory_limit_bytes, report, error);
}

static int visit_argument(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct command_line *line = argument;
    if (kind == SHANNON_REQUEST_ARGUMENT)
        return add_copy(line, bytes, size, wasi_host_add_argument);
    return 0;
}

static int run_command(struct guest *guest, const struct run_request *request,
                       struct run_report *report, struct error *error)
{
    struct command_line line = {.guest = guest, .error = error};
    if (guest->start == NULL)
        return error_set(error, ERROR_INVALID_REQUEST, "the module exports no _start function");
    if (run_request_visit(request, visit_argument, &line) != 0)
        return error_set(error, ERROR_INTERNAL, "a request is damaged");
    return start_command(guest, request->head.memory_limit_bytes, report, error);
}

int guest_run(struct guest *guest, const struct run_request *request, struct run_report *report,
              struct error *error)
{
    guest->standard_input = request->standard_input;
    guest->standard_input_size = request->head.stdin_size;
    wasi_host_renew_streams(guest->wasi);
    /* One byte more than is kept, by which the service sees that there was more: a process that is
     * killed cannot report it. */
    uint64_t output_limit = request->head.output_limit_bytes;
    guest_output_begin(output_limit < UINT64_MAX ? output_limit + 1 : output_limit,
                       (request->head.flags & RUN_REQUEST_STREAM) != 0);
    linear_memory_set_limit(guest_instance_memory(guest->instance),
                            request->head.memory_limit_bytes);
    if (guest_files_put(guest->wasi, request, error) != 0)
        return -1;
    int result = request->head.kind == RUN_REQUEST_COMMAND
                     ? run_command(guest, request, report, error)
                 : guest->reactor ? run_reactor(guest, request, report, error)
                                  : run_python_command(guest, request, report, error);
    if (result == 0)
        guest_files_collect(guest->wasi, request->head.files_limit_bytes, report);
    return result;
}

/* ---- rehearsals ---- */

/* Runs the short program for what that does to the process's pages and caches. */
static int rehearse(struct guest *guest, struct error *error)
{
    static const struct {
        struct shannon_record flags_head;
        uint32_t flags;
        struct shannon_record code_head;
        char code[sizeof(SHORT_PROGRAM) - 1];
    } records = {
        .flags_head = {.kind = SHANNON_REQUEST_FLAGS, .length = sizeof(records.flags)},
        .flags = SHANNON_RUN_FINAL | SHANNON_RUN_VALUE,
        .code_head = {.kind = SHANNON_REQUEST_CODE, .length = sizeof(records.code)},
        .code = SHORT_PROGRAM,
    };
    const struct run_request request = {
        .head = {.kind = RUN_REQUEST_PYTHON,
                 .memory_limit_bytes = guest_instance_memory(guest->instance)->limit,
                 .records_size = offsetof(typeof(records), code) + sizeof(records.code)},
        .records = (const uint8_t *)&records,
    };
    struct run_report report;
    int result = guest_run(guest, &request, &report, error);
    guest_output_forget();
    if (result != 0)
        return -1;
    if (report.outcome.ending != GUEST_RETURNED || report.outcome.exit_code != 0)
        return error_set(error, ERROR_INTERNAL, "the interpreter's rehearsal ended with status %u",
                         report.outcome.exit_code);
    return 0;
}

/* The whole life of a short program. */
static int run_short_program(void *argument)
{
    struct guest *guest = argument;
    return rehearse(guest, NULL) | guest_refresh(guest, NULL) | rehearse(guest, NULL);
}

int guest_share(struct guest *guest, const struct lockdown *lockdown, int *image,
                struct error *error)
{
    *image = -1;
    if (!guest->reactor)
        return 0;
    *image = guest_instance_share(guest->instance, error);
    if (*image < 0)
        return -1;
    guest_pages_learn(guest_instance_memory(guest->instance), *image, lockdown, run_short_program,
                      guest);
    return 0;
}

int guest_warm(struct guest *guest, bool hurry, struct error *error)
{
    if (!guest->reactor)
        return 0;
    guest_pages_populate(guest_instance_memory(guest->instance));
    if (hurry)
        return 0;
    return rehearse(guest, error);
}
