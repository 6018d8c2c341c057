/* src/sandbox/guest_files.c: files on their way from a request into scratch, and from there into a
 * report. What paths may be and what counts as changed is wasi_scratch_owner. */
#include "sandbox/guest_files.h"

#include "sandbox/guest_channel.h"
#include "test_wasi_fixture.h"

#include <stdio.h>
#include <string.h>

#define CREATE WASI_OFLAGS_CREAT

/* A request in this process, which points into `frame`. */
static void make_request(struct buffer *frame, const struct execution_file *files, size_t count,
                         uint64_t scratch_limit, struct run_request *request)
{
    const struct execution_request execution = {.code = "",
                                                .files = files,
                                                .file_count = count,
                                                .timeout_ms = 1,
                                                .memory_limit_bytes = MEMORY_LIMIT,
                                                .scratch_limit_bytes = scratch_limit};
    const size_t start = sizeof(struct guest_channel_head) + sizeof(request->head);
    struct error error = ERROR_NONE;
    assert_int_equal(run_request_append(frame, &execution, RUN_REQUEST_PYTHON, 0, 0, 0, &error), 0);
    memcpy(&request->head, frame->data + sizeof(struct guest_channel_head), sizeof(request->head));
    const struct run_request_head head = request->head;
    assert_int_equal(run_request_check(&head, (const uint8_t *)frame->data + start,
                                       frame->size - start, request),
                     0);
}

static int put_within(struct fixture *fixture, const struct execution_file *files, size_t count,
                      uint64_t scratch_limit, struct error *error)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    struct run_request request;
    *error = ERROR_NONE;
    make_request(&frame, files, count, scratch_limit, &request);
    return guest_files_put(fixture->host, &request, error);
}

static int put(struct fixture *fixture, const struct execution_file *files, size_t count,
               struct error *error)
{
    return put_within(fixture, files, count, SCRATCH_LIMIT, error);
}

static struct execution_file file(const char *path, const char *bytes)
{
    return (struct execution_file){
        .path = path, .path_size = strlen(path), .bytes = bytes, .size = strlen(bytes)};
}

static void guest_writes(struct fixture *fixture, const char *path, const char *text)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, WORKSPACE, path, CREATE, READ_WRITE, &fd), 0);
    assert_int_equal(guest_write(fixture, fd, text), 0);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static void expect_content(struct fixture *fixture, const char *path, const char *text)
{
    uint32_t fd;
    char content[64];
    assert_int_equal(guest_open(fixture, WORKSPACE, path, 0, READ_ONLY, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, content, sizeof(content)), 0);
    assert_string_equal(content, text);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static int append_description(void *argument, const char *path, size_t path_size, uint64_t size,
                              const void *bytes)
{
    char text[64];
    (void)snprintf(text, sizeof(text), " %zu ", (size_t)size);
    assert_int_equal(buffer_append(argument, path, path_size), 0);
    assert_int_equal(buffer_append(argument, text, strlen(text)), 0);
    if (bytes == NULL && size > 0)
        bytes = "-", size = 1;
    assert_int_equal(buffer_append(argument, bytes, size), 0);
    return buffer_append(argument, ";", 1);
}

/* Collects, and sends the report through what the service reads: "PATH SIZE BYTES;" for each file,
 * "-" where the bytes are missing. */
static void expect_collected(struct fixture *fixture, uint64_t limit, const char *expected,
                             bool dropped)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    const size_t start = sizeof(struct guest_channel_head);
    struct run_report report = {.kind = RUN_REPORT_ENDED, .outcome = {.ending = GUEST_RETURNED}};
    struct run_report read;
    guest_files_collect(fixture->host, limit, &report);
    assert_int_equal(run_report_append(&frame, &report), 0);
    assert_int_equal(run_report_read(frame.data + start, frame.size - start, &read), 0);
    assert_int_equal(read.files_dropped, dropped);
    assert_int_equal(run_report_visit_files(&read, append_description, &text), 0);
    assert_int_equal(buffer_append(&text, "", 1), 0);
    assert_string_equal(text.data, expected);
}

/* ---- in ---- */

static void files_of_a_request_are_there_and_are_no_change(void **state)
{
    struct fixture *fixture = *state;
    const struct execution_file files[] = {file("a", "alpha"), file("sub/folder/b", "beta"),
                                           file("empty", "")};
    struct error error;
    assert_int_equal(put(fixture, files, 3, &error), 0);
    expect_content(fixture, "a", "alpha");
    expect_content(fixture, "sub/folder/b", "beta");
    expect_content(fixture, "empty", "");
    expect_collected(fixture, 100, "", false);
}

/* A session's earlier files stay, and are no change of this run's. */
static void files_of_an_earlier_run_stay(void **state)
{
    struct fixture *fixture = *state;
    const struct execution_file again = file("a", "new");
    struct error error;
    guest_writes(fixture, "a", "old");
    guest_writes(fixture, "b", "kept");
    expect_collected(fixture, 100, "a 3 old;b 4 kept;", false);
    assert_int_equal(put(fixture, &again, 1, &error), 0);
    expect_content(fixture, "a", "new");
    expect_content(fixture, "b", "kept");
    expect_collected(fixture, 100, "", false);
    guest_writes(fixture, "b", "x");
    expect_collected(fixture, 100, "b 4 xept;", false);
}

static void a_path_that_leads_elsewhere_is_refused(void **state)
{
    static const char *const paths[] = {"/etc/passwd", "../outside/secret", "a/../../x", "", "a/"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct execution_file files[] = {file("good", "x"), file(paths[i], "x")};
        struct error error;
        assert_int_equal(put(fixture, files, 2, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        assert_non_null(strstr(error.message, "/workspace"));
    }
    host_check_content(fixture, "outside/secret", "SECRET");
}

static void limits_hold_for_files_of_a_request(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer content = BUFFER_EMPTY;
    struct error error;
    assert_int_equal(buffer_reserve(&content, 100000), 0);
    memset(content.data, 'x', 100000);
    const struct execution_file large = {
        .path = "large", .path_size = 5, .bytes = content.data, .size = 100000};
    uint64_t charged = fixture->memory.charged;
    assert_int_equal(put_within(fixture, &large, 1, 100000, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    linear_memory_set_limit(&fixture->memory, fixture->memory.size + charged + 50000);
    assert_int_equal(put(fixture, &large, 1, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    assert_int_equal(fixture->memory.charged, charged);
    linear_memory_set_limit(&fixture->memory, MEMORY_LIMIT);
    assert_int_equal(put(fixture, &large, 1, &error), 0);
}

/* 0 is no limit for what a request brings, and leaves nothing for the program. */
static void a_file_system_that_is_read_only_has_the_files_of_the_request(void **state)
{
    struct fixture *fixture = *state;
    const struct execution_file given = file("a", "alpha");
    struct error error;
    assert_int_equal(put_within(fixture, &given, 1, 0, &error), 0);
    expect_content(fixture, "a", "alpha");
    assert_int_equal(guest_open(fixture, WORKSPACE, "b", CREATE, READ_WRITE, NULL),
                     WASI_ERRNO_ROFS);
    expect_collected(fixture, 100, "", false);
}

/* ---- out ---- */

static void contents_come_while_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    guest_writes(fixture, "a", "12345");
    guest_writes(fixture, "b", "1234567890");
    guest_writes(fixture, "c", "123");
    expect_collected(fixture, 18, "a 5 12345;b 10 1234567890;c 3 123;", false);
    expect_collected(fixture, 17, "a 5 12345;b 10 1234567890;c 3 -;", false);
    /* What is too large leaves its room to the next. */
    expect_collected(fixture, 9, "a 5 12345;b 10 -;c 3 123;", false);
    expect_collected(fixture, 0, "a 5 -;b 10 -;c 3 -;", false);
}

/* Holes take no memory in scratch: a file that is far larger than all limits costs nothing here. */
static void a_file_of_holes_is_named(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, WORKSPACE, "holes", CREATE, READ_WRITE, &fd), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, UINT64_C(3) << 30), 0);
    expect_collected(fixture, 1 << 20, "holes 3221225472 -;", false);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0), 0);
    expect_collected(fixture, 1 << 20, "holes 0 ;", false);
}

static void files_beyond_the_most_are_dropped_and_it_is_said(void **state)
{
    struct fixture *fixture = *state;
    struct run_report report = {.kind = RUN_REPORT_ENDED};
    char path[16];
    for (unsigned i = 0; i < RUN_REPORT_FILES_MAX; i++) {
        (void)snprintf(path, sizeof(path), "%u", i);
        guest_writes(fixture, path, "x");
    }
    guest_files_collect(fixture->host, 1 << 20, &report);
    assert_int_equal(report.file_count, RUN_REPORT_FILES_MAX);
    assert_false(report.files_dropped);
    guest_writes(fixture, "one more", "x");
    report = (struct run_report){.kind = RUN_REPORT_ENDED};
    guest_files_collect(fixture->host, 1 << 20, &report);
    assert_int_equal(report.file_count, RUN_REPORT_FILES_MAX);
    assert_true(report.files_dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(files_of_a_request_are_there_and_are_no_change),
        SCRATCH_TEST(files_of_an_earlier_run_stay),
        SCRATCH_TEST(a_path_that_leads_elsewhere_is_refused),
        SCRATCH_TEST(limits_hold_for_files_of_a_request),
        SCRATCH_TEST(a_file_system_that_is_read_only_has_the_files_of_the_request),
        SCRATCH_TEST(contents_come_while_there_is_room),
        SCRATCH_TEST(a_file_of_holes_is_named),
        SCRATCH_TEST(files_beyond_the_most_are_dropped_and_it_is_said),
    };
    return cmocka_run_group_tests_name("guest_files", tests, NULL, NULL);
}
