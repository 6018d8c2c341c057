/* libFuzzer target: any bytes as the report of a child that is not to be trusted, read and decided
 * upon as a parent does.
 *
 *     build-fuzz/tests/fuzz/fuzz_run_report -max_total_time=600 CORPUS tests/fuzz/corpus/run_report
 */
#include "base/text.h"
#include "sandbox/execution_status.h"
#include "sandbox/run_report.h"
#include "shannon_guest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_report(const struct run_report *report, const struct buffer *frame)
{
    require(report->kind == RUN_REPORT_ENDED || report->kind == RUN_REPORT_FAILED);
    require(report->failure <= ERROR_INTERNAL && report->outcome.ending <= GUEST_TRAPPED &&
            report->outcome.trap < TRAP_COUNT);
    require((const char *)report->records + report->records_size == frame->data + frame->size);
    for (uint32_t kind = 0; kind < 6; kind++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        run_report_text(report, kind, &text);
        require(text.size <= SHANNON_RESULT_TEXT_MAXIMUM);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct buffer frame = {.data = (char *)data, .size = size};
    const struct execution_end end = {.memory_limit_bytes = 65536};
    struct execution_result result = {0};
    struct run_report report;
    if (run_report_read(&frame, &report) == 0)
        check_report(&report, &frame);
    execution_status_decide(&end, &frame, &result);
    require((result.status == ERROR_OK) == (result.message[0] == '\0'));
    require(memchr(result.message, 0, sizeof(result.message)) != NULL);
    require(text_valid_utf8(result.message, strlen(result.message)) == strlen(result.message));
    execution_result_free(&result);
    return 0;
}
