/* src/sandbox/run_report.c: what a child says is decoded only when it is well-formed. */
#include "sandbox/run_report.h"

#include "shannon_guest.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void write_frame(const struct run_report *report, struct buffer *frame)
{
    int ends[2];
    buffer_clear(frame);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(run_report_write(ends[1], report), 0);
    (void)close(ends[1]);
    for (;;) {
        assert_int_equal(buffer_reserve(frame, 65536), 0);
        ssize_t size = read(ends[0], frame->data + frame->size, 65536);
        assert_true(size >= 0);
        if (size == 0)
            break;
        frame->size += (size_t)size;
    }
    (void)close(ends[0]);
}

static const struct run_report example = {
    .kind = RUN_REPORT_ENDED,
    .outcome = {.ending = GUEST_EXITED, .exit_code = 300},
    .growth_refused = true,
    .mute = true,
    .memory_size = (uint64_t)5 << 32,
    .records = (const uint8_t *)"some bytes",
    .records_size = 10,
};

static void what_is_written_is_read(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    write_frame(&example, &frame);
    assert_int_equal(run_report_read(&frame, &report), 0);
    assert_int_equal(report.kind, RUN_REPORT_ENDED);
    assert_int_equal(report.outcome.ending, GUEST_EXITED);
    assert_int_equal(report.outcome.trap, TRAP_NONE);
    assert_int_equal(report.outcome.exit_code, 300);
    assert_true(report.growth_refused);
    assert_true(report.mute);
    assert_int_equal(report.memory_size, (uint64_t)5 << 32);
    assert_int_equal(report.records_size, 10);
    assert_memory_equal(report.records, "some bytes", 10);
}

static void every_truncation_and_extension_is_refused(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    write_frame(&example, &frame);
    for (size_t size = 0; size < frame.size; size++) {
        /* A block of exactly this size, so that a sanitizer sees a read beyond it. */
        struct buffer cut = {.data = malloc(size == 0 ? 1 : size), .size = size};
        assert_non_null(cut.data);
        memcpy(cut.data, frame.data, size);
        assert_int_equal(run_report_read(&cut, &report), -1);
        free(cut.data);
    }
    assert_int_equal(buffer_append(&frame, "x", 1), 0);
    assert_int_equal(run_report_read(&frame, &report), -1);
}

static void no_bit_flip_makes_an_enum_out_of_range(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    write_frame(&example, &frame);
    for (size_t bit = 0; bit < frame.size * 8; bit++) {
        frame.data[bit / 8] ^= (char)(1 << bit % 8);
        if (run_report_read(&frame, &report) == 0) {
            assert_true(report.kind == RUN_REPORT_ENDED || report.kind == RUN_REPORT_FAILED);
            assert_in_range(report.failure, ERROR_OK, ERROR_INTERNAL);
            assert_in_range(report.outcome.ending, GUEST_RETURNED, GUEST_TRAPPED);
            assert_in_range(report.outcome.trap, TRAP_NONE, TRAP_COUNT - 1);
            assert_ptr_equal(report.records + report.records_size, frame.data + frame.size);
        }
        frame.data[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void garbage_is_refused(void **state)
{
    struct run_report report;
    uint32_t seed = 1;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char bytes[200];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        const struct buffer frame = {.data = bytes, .size = seed % sizeof(bytes)};
        assert_int_equal(run_report_read(&frame, &report), -1);
    }
}

static void a_guest_that_claims_too_much_gets_none_of_it(void **state)
{
    struct run_report report = example;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    uint8_t *records = calloc(1, RUN_REPORT_SIZE_MAX);
    (void)state;
    assert_non_null(records);
    report.records = records;
    report.records_size = RUN_REPORT_SIZE_MAX;
    write_frame(&report, &frame);
    assert_int_equal(run_report_read(&frame, &report), 0);
    assert_int_equal(report.records_size, 0);
    assert_int_equal(report.outcome.exit_code, 300);
    free(records);
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    assert_int_equal(run_report_write(ends[1], &example), -1);
    (void)close(ends[1]);
}

/* ---- records ---- */

static void text_of(const void *records, size_t size, uint32_t kind, struct buffer *text)
{
    const struct run_report report = {.records = records, .records_size = size};
    run_report_text(&report, kind, text);
}

static void records_are_found(void **state)
{
    static const uint32_t records[] = {1, 4, 0x64636261, 9, 0, 2, 8, 0x34333231, 0x38373635};
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)state;
    text_of(records, sizeof(records), 1, &text);
    assert_string_equal(buffer_text(&text), "abcd");
    text_of(records, sizeof(records), 2, &text);
    assert_string_equal(buffer_text(&text), "12345678");
    text_of(records, sizeof(records), 9, &text);
    assert_string_equal(buffer_text(&text), "");
    text_of(records, sizeof(records), 3, &text);
    assert_string_equal(buffer_text(&text), "");
}

static void damaged_records_are_no_records(void **state)
{
    static const uint32_t beyond[] = {1, 5, 0x64636261};
    static const uint32_t huge[] = {1, 0xffffffff, 0x64636261};
    static const uint32_t wrapping[] = {7, 0xfffffff8, 1, 0};
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)state;
    text_of(beyond, sizeof(beyond), 1, &text);
    assert_int_equal(text.size, 0);
    text_of(huge, sizeof(huge), 1, &text);
    assert_int_equal(text.size, 0);
    text_of(wrapping, sizeof(wrapping), 1, &text);
    assert_int_equal(text.size, 0);
    for (size_t size = 0; size < 8; size++) {
        text_of(beyond, size, 1, &text);
        assert_int_equal(text.size, 0);
    }
}

static void long_texts_are_cut(void **state)
{
    size_t size = SHANNON_RESULT_TEXT_MAXIMUM + 100;
    uint8_t *records = calloc(1, sizeof(struct shannon_record) + size);
    const struct shannon_record record = {.kind = 1, .length = (uint32_t)size};
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)state;
    assert_non_null(records);
    memcpy(records, &record, sizeof(record));
    memset(records + sizeof(record), 'a', size);
    text_of(records, sizeof(record) + size, 1, &text);
    assert_int_equal(text.size, SHANNON_RESULT_TEXT_MAXIMUM);
    free(records);
}

static int ignore_broken_pipes(void **state)
{
    (void)state;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(no_bit_flip_makes_an_enum_out_of_range),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_guest_that_claims_too_much_gets_none_of_it),
        cmocka_unit_test(a_reader_that_is_gone_is_an_error),
        cmocka_unit_test(records_are_found),
        cmocka_unit_test(damaged_records_are_no_records),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests_name("run_report", tests, ignore_broken_pipes, NULL);
}
