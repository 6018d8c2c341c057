/* libFuzzer target: any bytes as what a hostile guest process sends, in pieces of any size, taken
 * and made an answer of as the service does. The first four bytes say into which pieces the rest is
 * cut.
 *
 *     build-fuzzing/tests/fuzz/fuzz_guest_channel -max_total_time=600 CORPUS
 * tests/fuzz/corpus/guest_channel
 */
#include "agent_core/execution_answer.h"
#include "base/json_text.h"
#include "sandbox/execution_status.h"
#include "sandbox/guest_channel.h"
#include "sandbox/run_report.h"
#include "sandbox/session_state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX 1000

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What a service makes of a process: its output up to a limit, and the answer. */
struct service {
    struct execution_result result;
    struct buffer answers;
    size_t frames;
    bool stop_at_report;
};

static void take_output(struct buffer *target, bool *truncated, const uint8_t *bytes, size_t size)
{
    size_t room = target->size < OUTPUT_MAX ? OUTPUT_MAX - target->size : 0;
    size_t kept = size < room ? size : room;
    require(size <= GUEST_CHANNEL_OUTPUT_MAX);
    require(buffer_append(target, bytes, kept) == 0);
    *truncated |= kept < size;
}

/* The answer is JSON, whatever the process said. */
static void answer(struct service *service, const uint8_t *bytes, size_t size)
{
    const struct execution_end end = {.reported = true, .memory_limit_bytes = 65536};
    struct execution_result *result = &service->result;
    struct run_report report;
    struct json_fault fault = JSON_FAULT_NONE;
    size_t start = service->answers.size;
    execution_status_decide(&end, bytes, size, &report, result);
    json_t *written = execution_answer(result, NULL);
    require(written != NULL && json_text_append(written, &service->answers) == 0);
    json_t *read =
        json_text_parse(service->answers.data + start, service->answers.size - start, &fault);
    require(read != NULL && json_equal(read, written));
    require(json_integer_value(
                json_object_get(json_object_get(read, "usage"), "peak_memory_bytes")) >= 0);
    json_decref(read);
    json_decref(written);
    result->report = NULL;
}

static int on_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes, size_t size)
{
    struct service *service = argument;
    struct execution_result *result = &service->result;
    service->frames++;
    switch (kind) {
    case GUEST_CHANNEL_STDOUT:
        take_output(&result->stdout_bytes, &result->stdout_truncated, bytes, size);
        break;
    case GUEST_CHANNEL_STDERR:
        take_output(&result->stderr_bytes, &result->stderr_truncated, bytes, size);
        break;
    case GUEST_CHANNEL_REPORT:
        require(size <= RUN_REPORT_SIZE_MAX);
        answer(service, bytes, size);
        return service->stop_at_report ? 1 : 0;
    case GUEST_CHANNEL_SAVED:
        require(size <= sizeof(struct session_saved));
        break;
    default:
        abort(); /* no process sends it */
    }
    return 0;
}

/* Hands over the bytes in pieces, each in a block of its own size. */
static int take(struct service *service, const uint8_t *data, size_t size, const uint8_t pieces[4])
{
    struct guest_channel_reader reader = {0};
    int result = 0;
    for (size_t at = 0, i = 0; at < size && result == 0; i++) {
        size_t piece = pieces[i % 4] == 0 ? size : pieces[i % 4];
        if (piece > size - at)
            piece = size - at;
        uint8_t *exact = malloc(piece);
        require(exact != NULL);
        memcpy(exact, data + at, piece);
        result = guest_channel_take(&reader, exact, piece, on_frame, service);
        free(exact);
        at += piece;
        require(reader.pending.size <= at);
    }
    guest_channel_reader_free(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t whole[4] = {0};
    struct service first = {0};
    struct service second = {0};
    if (size < 4)
        return 0;
    first.stop_at_report = second.stop_at_report = (data[0] & 1) != 0;
    /* The pieces make no difference. */
    int results[] = {take(&first, data + 4, size - 4, whole),
                     take(&second, data + 4, size - 4, data)};
    require(results[0] == results[1] && first.frames == second.frames);
    require(first.answers.size == second.answers.size &&
            memcmp(buffer_text(&first.answers), buffer_text(&second.answers), first.answers.size) ==
                0);
    require(strcmp(buffer_text(&first.result.stdout_bytes),
                   buffer_text(&second.result.stdout_bytes)) == 0);
    buffer_free(&first.answers);
    buffer_free(&second.answers);
    execution_result_free(&first.result);
    execution_result_free(&second.result);
    return 0;
}
