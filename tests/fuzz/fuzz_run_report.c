/* libFuzzer target: any bytes as the report of a child that is not to be trusted, read and decided
 * upon as a parent does.
 *
 *     build-fuzzing/tests/fuzz/fuzz_run_report -max_total_time=600 CORPUS
 * tests/fuzz/corpus/run_report
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

struct visited {
    const struct run_report *report;
    uint32_t count;
};

static int visit_file(void *argument, const char *path, size_t path_size, uint64_t size,
                      const void *bytes)
{
    struct visited *visited = argument;
    const char *files = (const char *)visited->report->files;
    const char *end = files + visited->report->files_size;
    volatile char last = 0;
    require(path >= files && path <= end && path_size <= (size_t)(end - path));
    require(size <= INT64_MAX);
    if (bytes != NULL) {
        const char *contents = bytes;
        require(contents == path + path_size && size <= (uint64_t)(end - contents));
        last = size > 0 ? contents[size - 1] : 0;
    }
    (void)last;
    visited->count++;
    return 0;
}

static void check_report(const struct run_report *report, const uint8_t *data, size_t size)
{
    struct visited visited = {.report = report};
    require(report->kind == RUN_REPORT_ENDED || report->kind == RUN_REPORT_FAILED);
    require(report->failure <= ERROR_INTERNAL && report->outcome.ending <= GUEST_TRAPPED &&
            report->outcome.trap < TRAP_COUNT);
    require(report->records >= data && report->records + report->records_size == report->files);
    require(report->files + report->files_size == data + size);
    require(report->memory_size <= INT64_MAX);
    for (uint32_t kind = 0; kind < 6; kind++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        bool found = run_report_text(report, kind, &text);
        require(text.size <= SHANNON_RESULT_TEXT_MAXIMUM && (found || text.size == 0));
    }
    require(run_report_visit_files(report, visit_file, &visited) == 0);
    require(visited.count == report->file_count && visited.count <= RUN_REPORT_FILES_MAX);
}

/* What is read is written again as it was. */
static void check_same_again(const struct run_report *report, const uint8_t *data, size_t size)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    if (report->records_size > RUN_REPORT_RECORDS_MAX)
        return;
    require(run_report_append(&frame, report) == 0);
    require(frame.size >= size && memcmp(frame.data + (frame.size - size), data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct execution_end end = {.reported = true, .memory_limit_bytes = 65536};
    struct execution_result result = {0};
    struct run_report report;
    if (run_report_read(data, size, &report) == 0) {
        check_report(&report, data, size);
        check_same_again(&report, data, size);
    }
    execution_status_decide(&end, data, size, &report, &result);
    require((result.status == ERROR_OK) == (result.message[0] == '\0'));
    require(memchr(result.message, 0, sizeof(result.message)) != NULL);
    require(text_valid_utf8(result.message, strlen(result.message)) == strlen(result.message));
    execution_result_free(&result);
    return 0;
}
