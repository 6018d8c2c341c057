/* An interpreter in this process. Invariant: `instance` is instantiated when `instantiated`; guest
 * addresses are used only through linear_memory_at. */
#include "sandbox/guest.h"

#include "engine/guest_instance.h"
#include "engine/object_cache.h"
#include "shannon_guest.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct guest {
    struct wasi_host *wasi;
    struct guest_instance *instance;
    bool reactor;
    bool instantiated;
};

static struct guest the_guest;

/* ---- loading ---- */

static int grant_folder(struct guest *guest, const char *path, struct error *error)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno,
                               "cannot open the folder %s that is to be readable (--allow-read, "
                               "wasi.allowed_paths)",
                               path);
    return wasi_host_add_preopen(guest->wasi, fd, path, false, error);
}

static int grant_all(struct guest *guest, const struct guest_options *options, struct error *error)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (wasi_host_set_standard(guest->wasi, fd, fd, error) != 0)
            return -1;
    }
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

static bool has_reactor_exports(const struct guest_instance *instance)
{
    return guest_instance_exports(instance, "shannon_abi_version", 0) &&
           guest_instance_exports(instance, "shannon_initialize", 1) &&
           guest_instance_exports(instance, "shannon_allocate", 1) &&
           guest_instance_exports(instance, "shannon_run", 2) &&
           guest_instance_exports(instance, "shannon_result_address", 0) &&
           guest_instance_exports(instance, "shannon_result_size", 0);
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
    if (grant_all(guest, options, error) != 0)
        return NULL;
    guest->instance = guest_instance_load(object_path, wasi_preview1_imports, guest->wasi, error);
    if (guest->instance == NULL)
        return NULL;
    guest->reactor = has_reactor_exports(guest->instance);
    if (!guest->reactor && !guest_instance_exports(guest->instance, "_start", 0)) {
        error_set(error, ERROR_INVALID_REQUEST,
                  "%s exports no _start function, so it is not a WASI command", options->wasm_path);
        return NULL;
    }
    wasi_host_set_memory(guest->wasi, guest_instance_memory(guest->instance));
    return guest;
}

bool guest_is_reactor(const struct guest *guest)
{
    return guest->reactor;
}

/* ---- calls into the guest ---- */

static int call_failed(const char *name, const struct guest_outcome *outcome, struct error *error)
{
    if (outcome->ending == GUEST_TRAPPED)
        return error_set(error, ERROR_INTERNAL, "the interpreter's %s trapped: %s", name,
                         trap_name(outcome->trap));
    return error_set(error, ERROR_INTERNAL, "the interpreter's %s exited with status %u", name,
                     outcome->exit_code);
}

/* Calls one of the reactor's own functions, which are expected to return. */
static int call_reactor(struct guest *guest, const char *name, const uint32_t *arguments,
                        size_t count, uint32_t *result, struct error *error)
{
    struct guest_outcome outcome =
        guest_instance_call(guest->instance, name, arguments, count, result);
    return outcome.ending == GUEST_RETURNED ? 0 : call_failed(name, &outcome, error);
}

static int instantiate(struct guest *guest, uint64_t memory_limit, struct error *error)
{
    if (guest_instance_instantiate(guest->instance, memory_limit, error) != 0)
        return -1;
    guest->instantiated = true;
    return 0;
}

int guest_initialize(struct guest *guest, bool preload, uint64_t memory_limit, struct error *error)
{
    uint32_t version = 0;
    uint32_t status = 1;
    uint32_t flags = preload ? SHANNON_INITIALIZE_PRELOAD : 0;
    if (!guest->reactor)
        return 0;
    if (instantiate(guest, memory_limit, error) != 0 ||
        call_reactor(guest, "shannon_abi_version", NULL, 0, &version, error) != 0)
        return -1;
    if (version != SHANNON_ABI_VERSION)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the interpreter speaks version %u of the reactor interface, this program "
                         "version %u. Build the interpreter again with `make interpreter`",
                         version, SHANNON_ABI_VERSION);
    if (call_reactor(guest, "shannon_initialize", &flags, 1, &status, error) != 0)
        return -1;
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "the interpreter did not start (status %u)",
                         status);
    return 0;
}

static void fill_report(struct guest *guest, const struct guest_outcome *outcome,
                        struct run_report *report)
{
    const struct linear_memory *memory = guest_instance_memory(guest->instance);
    *report = (struct run_report){.kind = RUN_REPORT_ENDED,
                                  .outcome = *outcome,
                                  .growth_refused = memory->growth_refused,
                                  .memory_size = memory->size};
}

/* The reactor's result records, if the guest can still give them. */
static void fill_records(struct guest *guest, struct run_report *report)
{
    uint32_t address = 0;
    uint32_t size = 0;
    if (call_reactor(guest, "shannon_result_address", NULL, 0, &address, NULL) != 0 ||
        call_reactor(guest, "shannon_result_size", NULL, 0, &size, NULL) != 0)
        return;
    const void *records = linear_memory_at(guest_instance_memory(guest->instance), address, size);
    if (records == NULL || size > RUN_REPORT_SIZE_MAX)
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
    linear_memory_set_limit(memory, request->head.memory_limit_bytes);
    struct guest_outcome outcome =
        guest_instance_call(guest->instance, "shannon_allocate", &size, 1, &arguments[0]);
    if (outcome.ending != GUEST_RETURNED)
        return call_failed("shannon_allocate", &outcome, error);
    void *place = linear_memory_at(memory, arguments[0], size);
    if (arguments[0] == 0 || place == NULL)
        return error_set(error, ERROR_MEMORY_LIMIT,
                         "Memory limit exceeded: there is no room for the program itself. Raise "
                         "wasi.memory_limit_bytes (or --memory)");
    memcpy(place, request->records, size);
    uint32_t status = 0;
    outcome = guest_instance_call(guest->instance, "shannon_run", arguments, 2, &status);
    fill_report(guest, &outcome, report);
    if (outcome.ending == GUEST_RETURNED) {
        report->outcome.exit_code = status;
        fill_records(guest, report);
    }
    return 0;
}

int guest_rehearse(struct guest *guest, struct error *error)
{
    static const char program[] = "pass";
    const struct shannon_record head = {.kind = SHANNON_REQUEST_CODE,
                                        .length = sizeof(program) - 1};
    uint32_t size = (uint32_t)(sizeof(head) + sizeof(program) - 1);
    uint32_t arguments[2] = {0, size};
    uint32_t status = 1;
    if (!guest->reactor)
        return 0;
    if (call_reactor(guest, "shannon_allocate", &size, 1, &arguments[0], error) != 0)
        return -1;
    uint8_t *place = linear_memory_at(guest_instance_memory(guest->instance), arguments[0], size);
    if (arguments[0] == 0 || place == NULL)
        return error_set(error, ERROR_INTERNAL, "the interpreter has no memory for a rehearsal");
    memcpy(place, &head, sizeof(head));
    memcpy(place + sizeof(head), program, sizeof(program) - 1);
    if (call_reactor(guest, "shannon_run", arguments, 2, &status, error) != 0)
        return -1;
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "the interpreter's rehearsal ended with status %u",
                         status);
    return 0;
}

/* ---- commands ---- */

static int start_command(struct guest *guest, uint64_t memory_limit, struct run_report *report,
                         struct error *error)
{
    if (instantiate(guest, memory_limit, error) != 0)
        return -1;
    struct guest_outcome outcome = guest_instance_call(guest->instance, "_start", NULL, 0, NULL);
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
    if (!guest_instance_exports(guest->instance, "_start", 0))
        return error_set(error, ERROR_INVALID_REQUEST, "the module exports no _start function");
    if (run_request_visit(request, visit_argument, &line) != 0)
        return error_set(error, ERROR_INTERNAL, "a request is damaged");
    return start_command(guest, request->head.memory_limit_bytes, report, error);
}

int guest_run(struct guest *guest, const struct run_request *request, struct run_report *report,
              struct error *error)
{
    if (request->head.kind == RUN_REQUEST_COMMAND)
        return run_command(guest, request, report, error);
    return guest->reactor ? run_reactor(guest, request, report, error)
                          : run_python_command(guest, request, report, error);
}
