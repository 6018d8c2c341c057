/* libFuzzer target: any bytes as the JSON body of POST /v1/execute. What is accepted is within
 * every limit, no path of a file leads out of its folder, and it becomes a request that a guest
 * process takes. A fault is text.
 *
 *     build-fuzzing/tests/fuzz/fuzz_request_files -max_total_time=600 CORPUS
 * tests/fuzz/corpus/request_files
 */
#include "agent_core/execute_request.h"
#include "base/text.h"
#include "sandbox/guest_channel.h"
#include "sandbox/run_request.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The usual limits, whatever stands in the working directory. */
static const struct config *limits(void)
{
    static struct config *config;
    struct error error = ERROR_NONE;
    if (config != NULL)
        return config;
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    require(here >= 0 && chdir("/proc/self") == 0);
    config = config_load("/dev/null", &error);
    require(config != NULL && fchdir(here) == 0);
    (void)close(here);
    return config;
}

/* Where a walk along the path leads, in folders below its start; never above it. */
static void check_path(const char *path, size_t size)
{
    require(size > 0 && size <= REQUEST_FILE_PATH_MAXIMUM);
    require(memchr(path, 0, size) == NULL && path[0] != '/' && path[size - 1] != '/');
    for (size_t start = 0, at = 0; at <= size; at++) {
        if (at < size && path[at] != '/')
            continue;
        size_t part = at - start;
        require(part > 0);
        require(!(part == 1 && path[start] == '.'));
        require(!(part == 2 && path[start] == '.' && path[start + 1] == '.'));
        start = at + 1;
    }
}

struct visit {
    const struct execution_request *asked;
    size_t count;
};

static int visit_file(void *argument, const char *path, size_t path_size, const void *bytes,
                      size_t size)
{
    struct visit *visit = argument;
    require(visit->count < visit->asked->file_count);
    const struct execution_file *file = &visit->asked->files[visit->count++];
    require(file->path_size == path_size && memcmp(file->path, path, path_size) == 0);
    require(file->size == size && memcmp(file->bytes, bytes, size) == 0);
    return 0;
}

/* What the guest process gets is what was asked for. */
static void check_in_process(const struct execution_request *asked)
{
    struct run_request_head head;
    struct run_request request;
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    require(run_request_append(&frame, asked, RUN_REQUEST_PYTHON, 0, 0, 0, &error) == 0);
    size_t head_at = sizeof(struct guest_channel_head);
    memcpy(&head, frame.data + head_at, sizeof(head));
    require(run_request_check(&head, (const uint8_t *)frame.data + head_at + sizeof(head),
                              frame.size - head_at - sizeof(head), &request) == 0);
    struct visit visit = {.asked = asked};
    require(run_request_visit_files(&request, visit_file, &visit) == 0);
    require(visit.count == asked->file_count);
}

static void check_accepted(const struct execute_request *execute)
{
    const struct execution_request *request = &execute->request;
    require(request->code_size >= 1 && request->code_size <= 1048576);
    require(strlen(request->code) == request->code_size);
    require(request->timeout_ms >= 1 && request->timeout_ms <= 300000);
    require(request->processor_limit_ms <= 300000);
    require(request->memory_limit_bytes >= (uint64_t)EXECUTE_MEMORY_MINIMUM);
    require(request->argument_count >= 1 && request->argument_count <= 1025);
    require(request->file_count <= REQUEST_FILES_MAXIMUM);
    for (size_t i = 0; i < request->file_count; i++)
        check_path(request->files[i].path, request->files[i].path_size);
    for (size_t i = 0; i < request->variable_count; i++)
        require(strchr(request->variables[i], '=') > request->variables[i]);
    check_in_process(request);
}

static void check_fault(const struct json_fault *fault)
{
    size_t size = strnlen(fault->field, sizeof(fault->field));
    require(fault->error.kind == ERROR_INVALID_REQUEST);
    require(size < sizeof(fault->field) && text_valid_utf8(fault->field, size) == size);
    size = strlen(fault->error.message);
    require(size > 0 && text_valid_utf8(fault->error.message, size) == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_fault fault = JSON_FAULT_NONE;
    struct execute_request execute;
    json_t *body = json_text_parse((const char *)data, size, &fault);
    if (body == NULL)
        return 0;
    if (execute_request_read(&execute, body, limits(), &fault) == 0)
        check_accepted(&execute);
    else
        check_fault(&fault);
    execute_request_free(&execute);
    return 0;
}
