/* src/sandbox/run_request.c: through a socket pair, as a guest process gets its requests. readv(2)
 * is wrapped, so that a request comes in pieces of any size. */
#include "sandbox/run_request.h"

#include "sandbox/guest_channel.h"
#include "shannon_guest.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* run_request_receive reads up to this into a place of its own. */
#define SMALL ((size_t)65536)

#define STATE_LIMIT ((uint64_t)9 << 32)

/* ---- pieces ---- */

static size_t piece_size; /* what a read gets at most; 0: all there is */
static size_t interrupted_reads;

ssize_t __real_readv(int fd, const struct iovec *vectors, int count);
ssize_t __wrap_readv(int fd, const struct iovec *vectors, int count);
ssize_t __wrap_readv(int fd, const struct iovec *vectors, int count)
{
    struct iovec piece = vectors[0];
    if (interrupted_reads > 0) {
        interrupted_reads--;
        errno = EINTR;
        return -1;
    }
    if (piece_size == 0)
        return __real_readv(fd, vectors, count);
    if (piece.iov_len > piece_size)
        piece.iov_len = piece_size;
    return __real_readv(fd, &piece, 1);
}

/* ---- the channel ---- */

static int service_end;
static int process_end;
static pid_t sender;

static int open_channel(void **state)
{
    int ends[2];
    (void)state;
    piece_size = 0;
    interrupted_reads = 0;
    sender = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    service_end = ends[0];
    process_end = ends[1];
    return 0;
}

static void wait_for_sender(void)
{
    int status;
    if (sender < 0)
        return;
    assert_int_equal(waitpid(sender, &status, 0), sender);
    assert_int_equal(status, 0);
    sender = -1;
}

static int close_channel(void **state)
{
    (void)state;
    wait_for_sender();
    if (service_end >= 0)
        (void)close(service_end);
    (void)close(process_end);
    return 0;
}

/* Sends from a process of its own, as a request may be larger than a socket takes at once. */
static void send_bytes(const void *bytes, size_t size)
{
    wait_for_sender();
    sender = fork();
    assert_true(sender >= 0);
    if (sender == 0)
        _exit(guest_channel_write_all(service_end, bytes, size) == 0 ? 0 : 1);
}

static void close_service_end(void)
{
    wait_for_sender();
    (void)close(service_end);
    service_end = -1;
}

/* ---- requests ---- */

static const char *const arguments[] = {"main.py", "one", ""};
static const char *const variables[] = {"A=1"};
static const struct execution_file files[] = {
    {.path = "a", .path_size = 1, .bytes = "alpha", .size = 5},
    {.path = "sub/empty", .path_size = 9, .bytes = "", .size = 0},
    {.path = "z\n", .path_size = 2, .bytes = "o\0mega", .size = 6},
};
static const struct execution_request example = {
    .code = "print(1)\0x",
    .code_size = 10,
    .filename = "main.py",
    .arguments = arguments,
    .argument_count = 3,
    .variables = variables,
    .variable_count = 1,
    .stdin_bytes = "in\0put",
    .stdin_size = 6,
    .files = files,
    .file_count = 3,
    .timeout_ms = 1500,
    .memory_limit_bytes = (uint64_t)5 << 32,
    .scratch_limit_bytes = (uint64_t)6 << 32,
    .output_limit_bytes = (size_t)7 << 32,
    .files_limit_bytes = (size_t)8 << 32,
};

static int try_to_append(struct buffer *frame, const struct execution_request *request,
                         struct error *error)
{
    *error = ERROR_NONE;
    return run_request_append(frame, request, RUN_REQUEST_PYTHON, RUN_REQUEST_DUPLICATE,
                              SHANNON_RUN_FINAL, STATE_LIMIT, error);
}

static void append(struct buffer *frame, const struct execution_request *request)
{
    struct error error;
    assert_int_equal(try_to_append(frame, request, &error), 0);
}

static int receive(struct run_request *request, struct error *error)
{
    *error = ERROR_NONE;
    return run_request_receive(process_end, request, error);
}

struct visit {
    uint32_t kinds[16];
    size_t sizes[16];
    char bytes[16][32];
    size_t count;
};

static int remember(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    struct visit *visit = argument;
    assert_true(visit->count < 16 && size < 32);
    visit->kinds[visit->count] = kind;
    visit->sizes[visit->count] = size;
    memcpy(visit->bytes[visit->count++], bytes, size);
    return 0;
}

static int describe_file(void *argument, const char *path, size_t path_size, const void *bytes,
                         size_t size)
{
    struct buffer *text = argument;
    return buffer_append(text, path, path_size) | buffer_append_text(text, "=") |
           buffer_append(text, bytes, size) | buffer_append_text(text, ";");
}

static void check_example(const struct run_request *request)
{
    static const uint32_t kinds[] = {SHANNON_REQUEST_FLAGS,      SHANNON_REQUEST_CODE,
                                     SHANNON_REQUEST_FILENAME,   SHANNON_REQUEST_ARGUMENT,
                                     SHANNON_REQUEST_ARGUMENT,   SHANNON_REQUEST_ARGUMENT,
                                     SHANNON_REQUEST_ENVIRONMENT};
    static const char listed[] = "a=alpha;sub/empty=;z\n=o\0mega;";
    const uint32_t run_flags = SHANNON_RUN_FINAL;
    struct visit visit = {0};
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    assert_int_equal(request->head.kind, RUN_REQUEST_PYTHON);
    assert_int_equal(request->head.flags, RUN_REQUEST_DUPLICATE);
    assert_int_equal(request->head.timeout_ms, 1500);
    assert_int_equal(request->head.memory_limit_bytes, (uint64_t)5 << 32);
    assert_int_equal(request->head.scratch_limit_bytes, (uint64_t)6 << 32);
    assert_int_equal(request->head.output_limit_bytes, (uint64_t)7 << 32);
    assert_int_equal(request->head.files_limit_bytes, (uint64_t)8 << 32);
    assert_int_equal(request->head.state_limit_bytes, STATE_LIMIT);
    assert_int_equal(run_request_visit(request, remember, &visit), 0);
    assert_int_equal(visit.count, 7);
    assert_memory_equal(visit.kinds, kinds, sizeof(kinds));
    assert_int_equal(visit.sizes[0], sizeof(run_flags));
    assert_memory_equal(visit.bytes[0], &run_flags, sizeof(run_flags));
    assert_int_equal(visit.sizes[1], 10);
    assert_memory_equal(visit.bytes[1], "print(1)\0x", 10);
    assert_int_equal(visit.sizes[5], 0);
    assert_memory_equal(visit.bytes[6], "A=1", 3);
    assert_int_equal(request->head.stdin_size, 6);
    assert_memory_equal(request->standard_input, "in\0put", 6);
    assert_int_equal(request->head.file_count, 3);
    assert_int_equal(run_request_visit_files(request, describe_file, &text), 0);
    assert_int_equal(text.size, sizeof(listed) - 1);
    assert_memory_equal(text.data, listed, text.size);
}

static void what_is_written_is_read(void **state)
{
    struct error error;
    struct run_request request;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    send_bytes(frame.data, frame.size);
    assert_int_equal(receive(&request, &error), 1);
    check_example(&request);
}

static void streaming_is_a_flag(void **state)
{
    struct execution_request streamed = example;
    struct error error;
    struct run_request request;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    streamed.stream_output = true;
    append(&frame, &streamed);
    send_bytes(frame.data, frame.size);
    assert_int_equal(receive(&request, &error), 1);
    assert_int_equal(request.head.flags, RUN_REQUEST_STREAM | RUN_REQUEST_DUPLICATE);
}

static void a_frame_is_put_behind_what_is_there(void **state)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer both = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    assert_int_equal(buffer_append_text(&both, "before"), 0);
    append(&both, &example);
    assert_int_equal(both.size, frame.size + 6);
    assert_memory_equal(both.data, "before", 6);
    assert_memory_equal(both.data + 6, frame.data, frame.size);
}

static void a_request_comes_in_pieces_of_any_size(void **state)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    for (piece_size = 1; piece_size <= frame.size + 1; piece_size++) {
        struct error error;
        struct run_request request;
        send_bytes(frame.data, frame.size);
        assert_int_equal(receive(&request, &error), 1);
        check_example(&request);
    }
}

static void an_interrupted_read_is_made_again(void **state)
{
    struct error error;
    struct run_request request;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    for (size_t first = 1; first < frame.size; first += 7) {
        piece_size = first;
        interrupted_reads = 2;
        send_bytes(frame.data, frame.size);
        assert_int_equal(receive(&request, &error), 1);
        check_example(&request);
    }
}

/* Requests whose rest, behind the head, is about as large as the place for small ones; each follows
 * the one before on the same channel. */
static void small_and_large_requests_follow_each_other(void **state)
{
    static const size_t sizes[] = {SMALL - 1, SMALL,     SMALL + 1, (size_t)1 << 20,
                                   1,         SMALL + 1, SMALL * 3, SMALL};
    char *code = malloc((size_t)1 << 20);
    (void)state;
    assert_non_null(code);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct execution_request request = {.code = code};
        struct execution_request sized = request;
        struct run_request received;
        struct error error;
        size_t heads = sizeof(struct guest_channel_head) + sizeof(struct run_request_head);
        BUFFER_LOCAL struct buffer empty = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
        append(&empty, &request);
        size_t least = empty.size - heads;
        size_t rest = sizes[i] < least ? least : sizes[i];
        sized.code_size = rest - least;
        memset(code, 'a' + (int)i, sized.code_size);
        append(&frame, &sized);
        assert_int_equal(frame.size, heads + rest);
        send_bytes(frame.data, frame.size);
        assert_int_equal(receive(&received, &error), 1);
        assert_int_equal(received.head.records_size, rest);
        assert_memory_equal(received.records, frame.data + heads, rest);
    }
    free(code);
}

static void a_channel_that_is_closed_is_the_end(void **state)
{
    struct error error;
    struct run_request request;
    (void)state;
    close_service_end();
    assert_int_equal(receive(&request, &error), 0);
    assert_int_equal(error.kind, ERROR_OK);
}

/* Whatever part of a request came before. */
static void a_channel_that_closes_in_the_middle_is_the_end(void **state)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    for (size_t size = 1; size < frame.size; size++) {
        struct error error;
        struct run_request request;
        send_bytes(frame.data, size);
        close_service_end();
        assert_int_equal(receive(&request, &error), 0);
        assert_int_equal(error.kind, ERROR_OK);
        (void)close(process_end);
        assert_int_equal(open_channel(state), 0);
    }
}

static void a_large_request_that_ends_early_is_the_end(void **state)
{
    struct execution_request request = example;
    struct run_request received;
    struct error error;
    char *code = calloc(1, (size_t)1 << 20);
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    assert_non_null(code);
    request.code = code;
    request.code_size = (size_t)1 << 20;
    append(&frame, &request);
    send_bytes(frame.data, frame.size - 1);
    (void)close(service_end); /* the sender has its own */
    service_end = -1;
    assert_int_equal(receive(&received, &error), 0);
    free(code);
}

/* ---- what is no request ---- */

/* Receives a frame with a head of its own choice. */
static int receive_sizes(uint32_t kind, uint32_t size, const struct buffer *frame)
{
    const struct guest_channel_head head = {.kind = kind, .size = size};
    struct run_request request;
    struct error error;
    BUFFER_LOCAL struct buffer changed = BUFFER_EMPTY;
    assert_int_equal(buffer_append(&changed, &head, sizeof(head)), 0);
    assert_int_equal(
        buffer_append(&changed, frame->data + sizeof(head), frame->size - sizeof(head)), 0);
    send_bytes(changed.data, changed.size);
    close_service_end();
    int result = receive(&request, &error);
    assert_int_equal(error.kind, result < 0 ? ERROR_INTERNAL : ERROR_OK);
    (void)close(process_end);
    assert_int_equal(open_channel(NULL), 0);
    return result;
}

static void impossible_heads_are_refused(void **state)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    uint32_t size = (uint32_t)(frame.size - sizeof(struct guest_channel_head));
    assert_int_equal(receive_sizes(GUEST_CHANNEL_RUN, size, &frame), 1);
    for (uint32_t kind = 0; kind <= GUEST_CHANNEL_KIND_COUNT; kind++)
        assert_int_equal(receive_sizes(kind, size, &frame), kind == GUEST_CHANNEL_RUN ? 1 : -1);
    assert_int_equal(receive_sizes(UINT32_MAX, size, &frame), -1);
    /* Smaller than a head, and than what came: what is behind a request is no part of it. */
    for (uint32_t less = 0; less < size; less++)
        assert_int_equal(receive_sizes(GUEST_CHANNEL_RUN, less, &frame), -1);
    assert_int_equal(receive_sizes(GUEST_CHANNEL_RUN, size + 1, &frame), 0); /* the rest is due */
    assert_int_equal(
        receive_sizes(GUEST_CHANNEL_RUN,
                      (uint32_t)(RUN_REQUEST_SIZE_MAX + sizeof(struct run_request_head) + 1),
                      &frame),
        -1);
    assert_int_equal(receive_sizes(GUEST_CHANNEL_RUN, UINT32_MAX, &frame), -1);
}

static void two_requests_at_once_are_refused(void **state)
{
    struct error error;
    struct run_request request;
    BUFFER_LOCAL struct buffer frames = BUFFER_EMPTY;
    (void)state;
    append(&frames, &example);
    append(&frames, &example);
    send_bytes(frames.data, frames.size);
    wait_for_sender();
    assert_int_equal(receive(&request, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
}

static int stop_at_second(void *argument, uint32_t kind, const char *bytes, size_t size)
{
    size_t *count = argument;
    (void)kind;
    (void)bytes;
    (void)size;
    return ++*count == 2 ? 77 : 0;
}

static int stop_at_second_file(void *argument, const char *path, size_t path_size,
                               const void *bytes, size_t size)
{
    (void)path_size;
    return stop_at_second(argument, 0, path, size) + (bytes == NULL ? 1 : 0);
}

static void a_visitor_can_stop(void **state)
{
    struct error error;
    struct run_request request;
    size_t count = 0;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    send_bytes(frame.data, frame.size);
    assert_int_equal(receive(&request, &error), 1);
    assert_int_equal(run_request_visit(&request, stop_at_second, &count), 77);
    assert_int_equal(count, 2);
    count = 0;
    assert_int_equal(run_request_visit_files(&request, stop_at_second_file, &count), 77);
    assert_int_equal(count, 2);
}

/* A request that is not copied before it is known to be too much. */
static void too_much_is_refused(void **state)
{
    struct execution_request request = example;
    struct error error;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    size_t size = RUN_REQUEST_SIZE_MAX + 1;
    char *code = calloc(1, size);
    (void)state;
    assert_non_null(code);
    request.code = code;
    request.code_size = size;
    assert_int_equal(try_to_append(&frame, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "over 128 MiB"));
    request.code_size = size - 10; /* fits by itself, but not with the rest */
    assert_int_equal(try_to_append(&frame, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    const struct execution_file large = {
        .path = "a", .path_size = 1, .bytes = code, .size = size - 10};
    request = example;
    request.files = &large;
    request.file_count = 1;
    assert_int_equal(try_to_append(&frame, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_int_equal(frame.size, 0);
    free(code);
}

/* One size counts on both sides: what is sent is received, and one byte more is not sent. */
static void as_much_as_is_allowed_goes_through(void **state)
{
    struct error error;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    size_t heads = sizeof(struct guest_channel_head) + sizeof(struct run_request_head);
    (void)state;
    assert_int_equal(try_to_append(&frame, &example, &error), 0);
    size_t size = RUN_REQUEST_SIZE_MAX - (frame.size - heads) + example.stdin_size;
    buffer_clear(&frame);
    char *input = calloc(1, size + 1);
    assert_non_null(input);
    struct execution_request request = example;
    request.stdin_bytes = input;
    request.stdin_size = size + 1;
    assert_int_equal(try_to_append(&frame, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    request.stdin_size = size;
    assert_int_equal(try_to_append(&frame, &request, &error), 0);
    assert_int_equal(frame.size - heads, RUN_REQUEST_SIZE_MAX);
    struct run_request_head head;
    struct run_request received;
    memcpy(&head, frame.data + sizeof(struct guest_channel_head), sizeof(head));
    assert_int_equal(run_request_check(&head, (const uint8_t *)frame.data + heads,
                                       frame.size - heads, &received),
                     0);
    assert_int_equal(received.head.stdin_size, size);
    free(input);
}

/* Checks a copy, in a block of exactly its size, and walks through it when it passes. */
static int check_copy(const struct run_request_head *head, const uint8_t *rest, size_t size)
{
    struct run_request request;
    size_t count = 10;
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, rest, size);
    int result = run_request_check(head, copy, size, &request);
    if (result == 0) {
        (void)run_request_visit(&request, stop_at_second, &count);
        assert_int_equal(run_request_visit_files(&request, describe_file, &text), 0);
        assert_true(request.standard_input + head->stdin_size == request.files);
    }
    free(copy);
    return result;
}

static void a_damaged_request_is_refused_or_visited_safely(void **state)
{
    struct run_request_head head;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    size_t head_at = sizeof(struct guest_channel_head);
    size_t rest_at = head_at + sizeof(head);
    uint8_t *rest = (uint8_t *)frame.data + rest_at;
    size_t size = frame.size - rest_at;
    memcpy(&head, frame.data + head_at, sizeof(head));
    assert_int_equal(check_copy(&head, rest, size), 0);
    for (size_t less = 0; less < size; less++)
        assert_int_equal(check_copy(&head, rest, less), -1);
    for (size_t bit = 0; bit < size * 8; bit++) {
        rest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        (void)check_copy(&head, rest, size);
        rest[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof(head) * 8; bit++) {
        ((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        (void)check_copy(&head, rest, size);
        ((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void sizes_that_wrap_are_refused(void **state)
{
    struct run_request_head head;
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    (void)state;
    append(&frame, &example);
    size_t head_at = sizeof(struct guest_channel_head);
    const uint8_t *rest = (const uint8_t *)frame.data + head_at + sizeof(head);
    size_t size = frame.size - head_at - sizeof(head);
    memcpy(&head, frame.data + head_at, sizeof(head));
    const struct run_request_head good = head;
    head.records_size += 1u << 31; /* two halves that add up to 2^32 more */
    head.stdin_size += 1u << 31;
    assert_int_equal(check_copy(&head, rest, size), -1);
    head = good;
    head.stdin_size -= 1;
    head.files_size += 1;
    assert_int_equal(check_copy(&head, rest, size), -1);
    head = good;
    head.kind = RUN_REQUEST_COMMAND + 1;
    assert_int_equal(check_copy(&head, rest, size), -1);
    head = good;
    head.file_count = UINT32_MAX;
    assert_int_equal(check_copy(&head, rest, size), -1);
    head.file_count = good.file_count - 1;
    assert_int_equal(check_copy(&head, rest, size), -1);
    head = good;
    head.magic ^= 1;
    assert_int_equal(check_copy(&head, rest, size), -1);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, open_channel, close_channel)
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_read),
        CASE(streaming_is_a_flag),
        cmocka_unit_test(a_frame_is_put_behind_what_is_there),
        CASE(a_request_comes_in_pieces_of_any_size),
        CASE(an_interrupted_read_is_made_again),
        CASE(small_and_large_requests_follow_each_other),
        CASE(a_channel_that_is_closed_is_the_end),
        CASE(a_channel_that_closes_in_the_middle_is_the_end),
        CASE(a_large_request_that_ends_early_is_the_end),
        CASE(impossible_heads_are_refused),
        CASE(two_requests_at_once_are_refused),
        CASE(a_visitor_can_stop),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(as_much_as_is_allowed_goes_through),
        cmocka_unit_test(a_damaged_request_is_refused_or_visited_safely),
        cmocka_unit_test(sizes_that_wrap_are_refused),
    };
    return cmocka_run_group_tests_name("run_request", tests, NULL, NULL);
}
