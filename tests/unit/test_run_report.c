/* src/sandbox/run_report.c: what a child says is decoded only when it is well-formed. */
#include "sandbox/run_report.h"

#include "sandbox/guest_channel.h"
#include "shannon_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct run_report example = {
    .kind = RUN_REPORT_ENDED,
    .outcome = {.ending = GUEST_EXITED, .exit_code = 300},
    .growth_refused = true,
    .mute = true,
    .stderr_truncated = true,
    .files_dropped = true,
    .memory_size = (uint64_t)5 << 32,
    .records = (const uint8_t *)"some bytes",
    .records_size = 10,
};

/* The report as the service gets it: without the head of its frame, which is checked. */
static void encode(const struct run_report *report, struct buffer *bytes)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    struct guest_channel_head head;
    assert_int_equal(run_report_append(&frame, report), 0);
    assert_true(frame.size >= sizeof(head));
    memcpy(&head, frame.data, sizeof(head));
    assert_int_equal(head.kind, GUEST_CHANNEL_REPORT);
    assert_int_equal(head.size, frame.size - sizeof(head));
    buffer_clear(bytes);
    assert_int_equal(buffer_append(bytes, frame.data + sizeof(head), head.size), 0);
}

static int read_buffer(const struct buffer *bytes, struct run_report *report)
{
    return run_report_read(bytes->data, bytes->size, report);
}

static void what_is_written_is_read(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    (void)state;
    encode(&example, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), 0);
    assert_int_equal(report.kind, RUN_REPORT_ENDED);
    assert_int_equal(report.outcome.ending, GUEST_EXITED);
    assert_int_equal(report.outcome.trap, TRAP_NONE);
    assert_int_equal(report.outcome.exit_code, 300);
    assert_true(report.growth_refused);
    assert_true(report.mute);
    assert_false(report.stdout_truncated);
    assert_true(report.stderr_truncated);
    assert_true(report.files_dropped);
    assert_int_equal(report.memory_size, (uint64_t)5 << 32);
    assert_int_equal(report.records_size, 10);
    assert_memory_equal(report.records, "some bytes", 10);
    assert_int_equal(report.files_size, 0);
    assert_int_equal(report.file_count, 0);
}

static void each_mark_stands_alone(void **state)
{
    (void)state;
    for (int mark = 0; mark < 6; mark++) {
        const struct run_report sent = {
            .kind = RUN_REPORT_ENDED,
            .growth_refused = mark == 0,
            .mute = mark == 1,
            .stdout_truncated = mark == 2,
            .stderr_truncated = mark == 3,
            .files_dropped = mark == 4,
        };
        struct run_report report;
        BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
        encode(&sent, &bytes);
        assert_int_equal(read_buffer(&bytes, &report), 0);
        assert_int_equal(report.growth_refused, mark == 0);
        assert_int_equal(report.mute, mark == 1);
        assert_int_equal(report.stdout_truncated, mark == 2);
        assert_int_equal(report.stderr_truncated, mark == 3);
        assert_int_equal(report.files_dropped, mark == 4);
    }
}

static void every_truncation_and_extension_is_refused(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    (void)state;
    encode(&example, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        /* A block of exactly this size, so that a sanitizer sees a read beyond it. */
        uint8_t *cut = malloc(size == 0 ? 1 : size);
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        assert_int_equal(run_report_read(cut, size, &report), -1);
        free(cut);
    }
    assert_int_equal(buffer_append(&bytes, "x", 1), 0);
    assert_int_equal(read_buffer(&bytes, &report), -1);
}

static void no_bit_flip_makes_an_enum_out_of_range(void **state)
{
    struct run_report report;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    (void)state;
    encode(&example, &bytes);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        if (read_buffer(&bytes, &report) == 0) {
            assert_true(report.kind == RUN_REPORT_ENDED || report.kind == RUN_REPORT_FAILED);
            assert_in_range(report.failure, ERROR_OK, ERROR_INTERNAL);
            assert_in_range(report.outcome.ending, GUEST_RETURNED, GUEST_TRAPPED);
            assert_in_range(report.outcome.trap, TRAP_NONE, TRAP_COUNT - 1);
            assert_ptr_equal(report.records + report.records_size, report.files);
            assert_ptr_equal(report.files + report.files_size, bytes.data + bytes.size);
        }
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void a_process_fails_of_what_a_process_can_fail_of(void **state)
{
    static const bool possible[] = {
        [ERROR_OK] = true,
        [ERROR_MEMORY_LIMIT] = true,
        [ERROR_STACK_EXHAUSTED] = true,
        [ERROR_TRAP] = true,
        [ERROR_INTERPRETER_NOT_FOUND] = true,
        [ERROR_INVALID_REQUEST] = true,
        [ERROR_INTERNAL] = true,
    };
    struct run_report report;
    (void)state;
    for (unsigned kind = 0; kind < ERROR_INTERNAL + 3; kind++) {
        BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
        const struct run_report failed = {.kind = RUN_REPORT_FAILED,
                                          .failure = (enum error_kind)kind};
        const struct run_report ended = {.kind = RUN_REPORT_ENDED,
                                         .failure = (enum error_kind)kind};
        encode(&failed, &bytes);
        assert_int_equal(read_buffer(&bytes, &report),
                         kind <= ERROR_INTERNAL && possible[kind] ? 0 : -1);
        encode(&ended, &bytes);
        assert_int_equal(read_buffer(&bytes, &report), kind == ERROR_OK ? 0 : -1);
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
        assert_int_equal(run_report_read(bytes, seed % sizeof(bytes), &report), -1);
    }
}

static void a_guest_that_claims_too_much_gets_none_of_it(void **state)
{
    struct run_report report = example;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    uint8_t *records = calloc(1, RUN_REPORT_RECORDS_MAX + 1);
    (void)state;
    assert_non_null(records);
    report.records = records;
    report.records_size = RUN_REPORT_RECORDS_MAX + 1;
    encode(&report, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), 0);
    assert_int_equal(report.records_size, 0);
    assert_int_equal(report.outcome.exit_code, 300);
    report.records = records;
    report.records_size = RUN_REPORT_RECORDS_MAX;
    encode(&report, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), 0);
    assert_int_equal(report.records_size, RUN_REPORT_RECORDS_MAX);
    free(records);
}

/* What stands in an answer is a number of JSON, which has no more than 63 bits. */
static void a_size_beyond_all_measure_is_refused(void **state)
{
    struct run_report sent = {.kind = RUN_REPORT_ENDED, .memory_size = INT64_MAX};
    struct run_report report;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    (void)state;
    encode(&sent, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), 0);
    sent.memory_size++;
    encode(&sent, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), -1);
}

/* ---- files ---- */

static void put_file(struct buffer *files, const char *path, const char *content, uint64_t size,
                     uint32_t bytes_size)
{
    const struct run_report_file file = {
        .size = size, .bytes_size = bytes_size, .path_size = (uint32_t)strlen(path)};
    assert_int_equal(buffer_append(files, &file, sizeof(file)), 0);
    assert_int_equal(buffer_append_text(files, path), 0);
    assert_int_equal(buffer_append(files, content, strlen(content)), 0);
}

/* The files of a report as one text: "PATH(SIZE)=CONTENT;", "?" for contents that are missing. */
static int describe(void *argument, const char *path, size_t path_size, uint64_t size,
                    const void *bytes)
{
    return buffer_append_format(argument, "%.*s(%llu)=%.*s;", (int)path_size, path,
                                (unsigned long long)size, bytes == NULL ? 1 : (int)size,
                                bytes == NULL ? "?" : (const char *)bytes);
}

static int stop_at_second(void *argument, const char *path, size_t path_size, uint64_t size,
                          const void *bytes)
{
    int *count = argument;
    (void)path;
    (void)path_size;
    (void)size;
    (void)bytes;
    return ++*count == 2 ? 77 : 0;
}

static void files_are_visited_in_order(void **state)
{
    struct run_report sent = example;
    struct run_report report;
    int count = 0;
    BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    (void)state;
    put_file(&files, "a", "alpha", 5, 5);
    put_file(&files, "big", "", (uint64_t)7 << 32, 0);
    put_file(&files, "empty", "", 0, 0);
    put_file(&files, "z/z", "omega", 5, 5);
    sent.files = (const uint8_t *)files.data;
    sent.files_size = files.size;
    sent.file_count = 4;
    encode(&sent, &bytes);
    assert_int_equal(read_buffer(&bytes, &report), 0);
    assert_int_equal(report.file_count, 4);
    assert_memory_equal(report.records, "some bytes", 10);
    assert_int_equal(run_report_visit_files(&report, describe, &text), 0);
    assert_string_equal(buffer_text(&text),
                        "a(5)=alpha;big(30064771072)=?;empty(0)=;z/z(5)=omega;");
    assert_int_equal(run_report_visit_files(&report, stop_at_second, &count), 77);
    assert_int_equal(count, 2);
}

/* Decodes a report whose files are `files`, said to be `count`. */
static int read_files(const struct buffer *files, uint32_t count)
{
    struct run_report sent = {.kind = RUN_REPORT_ENDED,
                              .files = (const uint8_t *)files->data,
                              .files_size = files->size,
                              .file_count = count};
    struct run_report report;
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    encode(&sent, &bytes);
    uint8_t *exact = malloc(bytes.size);
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.size);
    int result = run_report_read(exact, bytes.size, &report);
    if (result == 0)
        assert_int_equal(run_report_visit_files(&report, describe, &text), 0);
    free(exact);
    return result;
}

static void damaged_files_are_refused(void **state)
{
    static const struct {
        uint64_t size;
        uint32_t bytes_size;
        uint32_t path_size;
        const char *rest;
    } cases[] = {
        {5, 5, 2, "papart"},                   /* one byte short */
        {3, 3, 2, "papart"},                   /* one too many */
        {4, 3, 2, "papar"},                    /* a part of the contents */
        {3, 4, 2, "papart"},                   /* more than the contents */
        {0, 4, 2, "papart"},                   /* contents of an empty file */
        {4, 4, 0xffffffff, "papart"},          /* a path beyond the end */
        {4, 4, 0xfffffffe, "papart"},          /* that wraps to the right size */
        {0xfffffffe, 0xfffffffe, 8, "papart"}, /* the same of the contents */
        {(uint64_t)1 << 63, 0, 6, "papart"},   /* larger than any file */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct run_report_file file = {.size = cases[i].size,
                                             .bytes_size = cases[i].bytes_size,
                                             .path_size = cases[i].path_size};
        BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
        assert_int_equal(buffer_append(&files, &file, sizeof(file)), 0);
        assert_int_equal(buffer_append_text(&files, cases[i].rest), 0);
        if (read_files(&files, 1) == 0)
            fail_msg("case %zu is taken", i);
    }
}

static void files_are_as_many_as_they_are_said_to_be(void **state)
{
    BUFFER_LOCAL struct buffer files = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(read_files(&files, 0), 0);
    assert_int_equal(read_files(&files, 1), -1);
    for (uint32_t i = 0; i < RUN_REPORT_FILES_MAX; i++)
        put_file(&files, "path", "x", 1, 1);
    assert_int_equal(read_files(&files, RUN_REPORT_FILES_MAX), 0);
    assert_int_equal(read_files(&files, RUN_REPORT_FILES_MAX - 1), -1);
    put_file(&files, "path", "x", 1, 1);
    assert_int_equal(read_files(&files, RUN_REPORT_FILES_MAX), -1);
    assert_int_equal(read_files(&files, RUN_REPORT_FILES_MAX + 1), -1);
    assert_int_equal(read_files(&files, UINT32_MAX), -1);
}

/* ---- records ---- */

static void text_of(const void *records, size_t size, uint32_t kind, struct buffer *text)
{
    const struct run_report report = {.records = records, .records_size = size};
    bool found = run_report_text(&report, kind, text);
    if (!found)
        assert_int_equal(text->size, 0);
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
    /* An empty record is not the same as none. */
    const struct run_report report = {.records = (const uint8_t *)records,
                                      .records_size = sizeof(records)};
    assert_true(run_report_text(&report, 9, &text));
    assert_false(run_report_text(&report, 3, &text));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(each_mark_stands_alone),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(no_bit_flip_makes_an_enum_out_of_range),
        cmocka_unit_test(a_process_fails_of_what_a_process_can_fail_of),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_guest_that_claims_too_much_gets_none_of_it),
        cmocka_unit_test(a_size_beyond_all_measure_is_refused),
        cmocka_unit_test(files_are_visited_in_order),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(files_are_as_many_as_they_are_said_to_be),
        cmocka_unit_test(records_are_found),
        cmocka_unit_test(damaged_records_are_no_records),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests_name("run_report", tests, NULL, NULL);
}
