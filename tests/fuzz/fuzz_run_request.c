/* libFuzzer target: any bytes as a request in a guest process, its head and the rest. What passes
 * the check is walked through; what the service writes passes.
 *
 *     build-fuzzing/tests/fuzz/fuzz_run_request -max_total_time=600 CORPUS
 * tests/fuzz/corpus/run_request
 */
#include "sandbox/guest_channel.h"
#include "sandbox/run_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct walk {
    const uint8_t *next; /* where the part goes on */
    const uint8_t *end;
    size_t count;
    uint8_t sum; /* so that every byte is touched */
};

static void touch(struct walk *walk, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    require(from >= walk->next && from <= walk->end && size <= (size_t)(walk->end - from));
    for (size_t i = 0; i < size; i++)
        walk->sum ^= from[i];
    walk->next = from + size;
}

static int visit_record(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct walk *walk = argument;
    (void)kind;
    touch(walk, bytes, size);
    walk->count++;
    return 0;
}

static int visit_file(void *argument, const char *path, size_t path_size, const void *bytes,
                      size_t size)
{
    struct walk *walk = argument;
    touch(walk, path, path_size);
    touch(walk, bytes, size);
    walk->count++;
    return 0;
}

static void walk_through(const struct run_request *request, const uint8_t *rest, size_t size)
{
    const struct run_request_head *head = &request->head;
    struct walk records = {.next = request->records, .end = request->records + head->records_size};
    struct walk input = {.next = request->standard_input,
                         .end = request->standard_input + head->stdin_size};
    struct walk files = {.next = request->files, .end = request->files + head->files_size};
    require(request->records == rest && records.end == request->standard_input &&
            input.end == request->files && files.end == rest + size);
    require(head->kind <= RUN_REQUEST_COMMAND);
    require(run_request_visit(request, visit_record, &records) == 0);
    require(records.next == records.end || records.count == 0);
    touch(&input, request->standard_input, head->stdin_size);
    require(run_request_visit_files(request, visit_file, &files) == 0);
    require(files.next == files.end && files.count == head->file_count);
}

/* The fuzzer would not find the magic number and the sums; it is given them for each other byte. */
static void check(const uint8_t *data, size_t size, bool mend)
{
    struct run_request_head head;
    struct run_request request;
    if (size < sizeof(head))
        return;
    memcpy(&head, data, sizeof(head));
    const uint8_t *rest = data + sizeof(head);
    size -= sizeof(head);
    if (mend) {
        head.kind %= 2;
        head.records_size %= (uint32_t)size + 1;
        head.stdin_size %= (uint32_t)(size - head.records_size) + 1;
        head.files_size = (uint32_t)(size - head.records_size - head.stdin_size);
    }
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    require(exact != NULL);
    memcpy(exact, rest, size);
    if (run_request_check(&head, exact, size, &request) == 0)
        walk_through(&request, exact, size);
    free(exact);
}

/* A request of the service's, made of the data. */
static void check_written(const uint8_t *data, size_t size)
{
    struct execution_file files[4];
    struct run_request_head head;
    struct run_request request;
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    if (size < 8)
        return;
    size_t part = (size - 8) / 8;
    const char *text = (const char *)data + 8;
    for (size_t i = 0; i < 4; i++)
        files[i] = (struct execution_file){.path = text + i * part,
                                           .path_size = part < data[i] ? part : data[i],
                                           .bytes = text + (4 + i) * part,
                                           .size = part < data[4 + i] ? part : data[4 + i]};
    const struct execution_request execution = {.code = text,
                                                .code_size = part,
                                                .stdin_bytes = text,
                                                .stdin_size = part < data[7] ? part : data[7],
                                                .files = files,
                                                .file_count = data[0] % 5};
    require(run_request_append(&frame, &execution, RUN_REQUEST_PYTHON, 0, 0, 0, &error) == 0);
    size_t head_at = sizeof(struct guest_channel_head);
    memcpy(&head, frame.data + head_at, sizeof(head));
    const uint8_t *rest = (const uint8_t *)frame.data + head_at + sizeof(head);
    size_t rest_size = frame.size - head_at - sizeof(head);
    require(run_request_check(&head, rest, rest_size, &request) == 0);
    walk_through(&request, rest, rest_size);
    require(request.head.file_count == execution.file_count &&
            request.head.stdin_size == execution.stdin_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, false);
    check(data, size, true);
    check_written(data, size);
    return 0;
}
