/* src/agent_core/execution_queue.c: with executions that begin and end when the test says so, in
 * the place of execution_start and execution_cancel. */
#include "agent_core/execution_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- executions of the test's own ---- */

#define STARTED_MAX 64

struct started {
    char code[16];
    struct execution_listener listener;
    bool cancelled;
    bool ended;
};

static struct started started[STARTED_MAX];
static size_t started_count;
static enum error_kind refusal; /* what execution_start answers next; ERROR_OK: it starts */

struct execution *__wrap_execution_start(struct zygote *zygote,
                                         const struct execution_request *request,
                                         const struct execution_listener *listener,
                                         struct error *error);
void __wrap_execution_cancel(struct execution *execution);

struct execution *__wrap_execution_start(struct zygote *zygote,
                                         const struct execution_request *request,
                                         const struct execution_listener *listener,
                                         struct error *error)
{
    assert_ptr_equal(zygote, &started);
    if (refusal != ERROR_OK) {
        error_set(error, refusal, "refused");
        refusal = ERROR_OK;
        return NULL;
    }
    assert_true(started_count < STARTED_MAX);
    struct started *now = &started[started_count++];
    *now = (struct started){.listener = *listener};
    (void)snprintf(now->code, sizeof(now->code), "%.*s", (int)request->code_size, request->code);
    return (struct execution *)now;
}

void __wrap_execution_cancel(struct execution *execution)
{
    ((struct started *)execution)->cancelled = true; /* its end comes from the loop */
}

/* The program ends. */
static void finish(size_t index, enum error_kind status)
{
    const struct execution_result result = {.status = status};
    assert_true(index < started_count && !started[index].ended);
    started[index].ended = true;
    started[index].listener.done(started[index].listener.argument, &result);
}

/* ---- the queue ---- */

static struct execution_queue *queue;
static struct buffer told; /* "CODE:STATUS;" for each that is done, in order */

static int begin(void **state)
{
    (void)state;
    started_count = 0;
    refusal = ERROR_OK;
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(execution_queue_running(queue), 0);
    assert_int_equal(execution_queue_waiting(queue), 0);
    execution_queue_free(queue);
    buffer_free(&told);
    return 0;
}

static void make_queue(size_t running, size_t waiting)
{
    struct error error = ERROR_NONE;
    queue = execution_queue_new(running, waiting, &error);
    assert_non_null(queue);
}

static void on_done(void *argument, const struct execution_result *result,
                    const struct error *error)
{
    assert_true((result == NULL) != (error == NULL));
    (void)buffer_append_format(&told, "%s:%s%s;", (const char *)argument,
                               result == NULL ? "not run, " : "",
                               error_kind_name(result == NULL ? error->kind : result->status));
}

static void on_output(void *argument, int stream, const void *bytes, size_t size)
{
    (void)buffer_append_format(&told, "%s>%d:%.*s;", (const char *)argument, stream, (int)size,
                               (const char *)bytes);
}

/* Adds an execution of the program `code` (which stays its argument), as a request would. */
static struct queued_execution *add(const char *code, enum error_kind *kind)
{
    struct error error = ERROR_NONE;
    struct execute_request execute = {
        .request = {.code = code, .code_size = strlen(code)},
        .body = json_object(), /* what a sanitizer would miss */
    };
    const struct execution_queue_listener listener = {
        .output = on_output, .done = on_done, .argument = (void *)code};
    struct queued_execution *queued = execution_queue_add(queue, (struct zygote *)&started, NULL,
                                                          &execute, code, &listener, &error);
    assert_null(execute.body); /* taken over, also on failure */
    assert_int_equal(queued == NULL, error.kind != ERROR_OK);
    if (kind != NULL)
        *kind = error.kind;
    return queued;
}

static void expect_told(const char *text)
{
    assert_string_equal(buffer_text(&told), text);
}

static bool is_open(void *argument)
{
    return *(const bool *)argument;
}

static void nothing_starts_while_the_gate_is_closed(void **state)
{
    bool open = false;
    (void)state;
    make_queue(2, 3);
    execution_queue_set_gate(queue, is_open, &open);
    for (size_t i = 0; i < 3; i++)
        assert_non_null(add("a", NULL));
    enum error_kind kind;
    assert_null(add("b", &kind));
    assert_int_equal(kind, ERROR_BUSY);
    execution_queue_go_on(queue);
    assert_int_equal(execution_queue_running(queue), 0);
    assert_int_equal(execution_queue_waiting(queue), 3);
    open = true;
    execution_queue_go_on(queue);
    assert_int_equal(execution_queue_running(queue), 2);
    assert_int_equal(execution_queue_waiting(queue), 1);
    open = false;
    finish(0, ERROR_OK);
    assert_int_equal(execution_queue_running(queue), 1);
    open = true;
    finish(1, ERROR_OK);
    finish(2, ERROR_OK);
    expect_told("a:ok;a:ok;a:ok;");
}

static void first_come_is_first_served(void **state)
{
    static const char *const codes[] = {"a", "b", "c", "d", "e"};
    (void)state;
    make_queue(2, 10);
    for (size_t i = 0; i < 5; i++)
        assert_non_null(add(codes[i], NULL));
    assert_int_equal(started_count, 2);
    assert_int_equal(execution_queue_running(queue), 2);
    assert_int_equal(execution_queue_waiting(queue), 3);
    finish(1, ERROR_OK);
    assert_int_equal(started_count, 3);
    assert_string_equal(started[2].code, "c");
    finish(0, ERROR_TIMEOUT);
    finish(2, ERROR_OK);
    assert_string_equal(started[3].code, "d");
    assert_string_equal(started[4].code, "e");
    assert_int_equal(execution_queue_waiting(queue), 0);
    finish(4, ERROR_OK);
    finish(3, ERROR_OK);
    expect_told("b:ok;a:timeout;c:ok;e:ok;d:ok;");
}

static void a_full_queue_is_busy(void **state)
{
    enum error_kind kind;
    (void)state;
    make_queue(1, 1);
    (void)add("a", NULL);
    (void)add("b", NULL);
    assert_null(add("c", &kind));
    assert_int_equal(kind, ERROR_BUSY);
    finish(0, ERROR_OK);
    assert_non_null(add("d", &kind));
    assert_null(add("e", &kind));
    finish(1, ERROR_OK);
    finish(2, ERROR_OK);
    expect_told("a:ok;b:ok;d:ok;");
}

static void without_room_to_wait_one_runs_or_none(void **state)
{
    enum error_kind kind;
    (void)state;
    make_queue(1, 0);
    (void)add("a", NULL);
    assert_null(add("b", &kind));
    assert_int_equal(kind, ERROR_BUSY);
    finish(0, ERROR_OK);
    (void)add("c", NULL);
    finish(1, ERROR_OK);
    expect_told("a:ok;c:ok;");
}

static void one_that_cannot_start_is_told_at_once(void **state)
{
    enum error_kind kind;
    (void)state;
    make_queue(1, 5);
    refusal = ERROR_INTERPRETER_NOT_FOUND;
    assert_null(add("a", &kind));
    assert_int_equal(kind, ERROR_INTERPRETER_NOT_FOUND);
    expect_told(""); /* by the answer, and not again */
    assert_int_equal(execution_queue_running(queue), 0);
}

/* Its turn comes, and it cannot start: the next has its turn. */
static void one_that_cannot_start_later_makes_room(void **state)
{
    (void)state;
    make_queue(1, 5);
    (void)add("a", NULL);
    (void)add("b", NULL);
    (void)add("c", NULL);
    refusal = ERROR_INTERNAL;
    finish(0, ERROR_OK);
    expect_told("a:ok;b:not run, internal;");
    assert_string_equal(started[1].code, "c");
    finish(1, ERROR_OK);
}

static void executions_are_found_by_id_and_by_tag(void **state)
{
    (void)state;
    make_queue(1, 5);
    struct queued_execution *first = add("a", NULL);
    struct queued_execution *second = add("b", NULL);
    const char *ids[] = {queued_execution_id(first), queued_execution_id(second)};
    char former[33];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(strlen(ids[i]), 32);
        assert_int_equal(strspn(ids[i], "0123456789abcdef"), 32);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_ptr_equal(execution_queue_find(queue, ids[0]), first);
    assert_ptr_equal(execution_queue_find(queue, ids[1]), second);
    assert_ptr_equal(execution_queue_find(queue, "a"), first);
    assert_ptr_equal(execution_queue_find(queue, "b"), second);
    assert_null(execution_queue_find(queue, "c"));
    (void)snprintf(former, sizeof(former), "%s", ids[0]);
    finish(0, ERROR_OK);
    assert_null(execution_queue_find(queue, former));
    assert_ptr_equal(execution_queue_find(queue, "b"), second);
    finish(1, ERROR_OK);
}

static void one_that_waits_is_cancelled_at_once(void **state)
{
    (void)state;
    make_queue(1, 5);
    (void)add("a", NULL);
    struct queued_execution *second = add("b", NULL);
    (void)add("c", NULL);
    execution_queue_cancel(second);
    expect_told("b:killed;");
    assert_int_equal(execution_queue_waiting(queue), 1);
    assert_int_equal(started_count, 1);
    finish(0, ERROR_OK);
    assert_string_equal(started[1].code, "c");
    finish(1, ERROR_OK);
}

static void one_that_runs_is_cancelled_soon(void **state)
{
    (void)state;
    make_queue(1, 5);
    struct queued_execution *first = add("a", NULL);
    (void)add("b", NULL);
    execution_queue_cancel(first);
    assert_true(started[0].cancelled);
    expect_told("");
    assert_int_equal(execution_queue_running(queue), 1); /* until it has ended */
    finish(0, ERROR_KILLED);
    expect_told("a:killed;");
    finish(1, ERROR_OK);
}

static void output_goes_to_its_listener(void **state)
{
    (void)state;
    make_queue(2, 5);
    (void)add("a", NULL);
    (void)add("b", NULL);
    started[1].listener.output(started[1].listener.argument, 1, "out", 3);
    started[0].listener.output(started[0].listener.argument, 2, "err", 3);
    expect_told("b>1:out;a>2:err;");
    finish(0, ERROR_OK);
    finish(1, ERROR_OK);
}

static void a_closed_queue_ends_all_and_takes_nothing(void **state)
{
    enum error_kind kind;
    (void)state;
    make_queue(2, 5);
    (void)add("a", NULL);
    (void)add("b", NULL);
    (void)add("c", NULL);
    (void)add("d", NULL);
    execution_queue_close(queue);
    expect_told("c:killed;d:killed;");
    assert_true(started[0].cancelled && started[1].cancelled);
    assert_null(add("e", &kind));
    assert_int_equal(kind, ERROR_BUSY);
    finish(0, ERROR_KILLED);
    finish(1, ERROR_KILLED);
    assert_int_equal(started_count, 2);
    assert_null(add("f", &kind));
    expect_told("c:killed;d:killed;a:killed;b:killed;");
}

/* One that is told can ask for another. */
static const char *next_code;

static void add_another(void *argument, const struct execution_result *result,
                        const struct error *error)
{
    on_done(argument, result, error);
    assert_non_null(add(next_code, NULL));
}

static void one_that_is_told_can_add_another(void **state)
{
    struct error error = ERROR_NONE;
    struct execute_request execute = {.request = {.code = "a", .code_size = 1},
                                      .body = json_object()};
    const struct execution_queue_listener listener = {.done = add_another, .argument = "a"};
    (void)state;
    make_queue(1, 5);
    assert_non_null(execution_queue_add(queue, (struct zygote *)&started, NULL, &execute, "a",
                                        &listener, &error));
    (void)add("b", NULL);
    next_code = "c";
    finish(0, ERROR_OK);
    assert_int_equal(execution_queue_running(queue), 1); /* and never more */
    assert_int_equal(execution_queue_waiting(queue), 1);
    assert_string_equal(started[1].code, "b"); /* which came before */
    finish(1, ERROR_OK);
    finish(2, ERROR_OK);
    expect_told("a:ok;b:ok;c:ok;");
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(first_come_is_first_served),
        CASE(nothing_starts_while_the_gate_is_closed),
        CASE(a_full_queue_is_busy),
        CASE(without_room_to_wait_one_runs_or_none),
        CASE(one_that_cannot_start_is_told_at_once),
        CASE(one_that_cannot_start_later_makes_room),
        CASE(executions_are_found_by_id_and_by_tag),
        CASE(one_that_waits_is_cancelled_at_once),
        CASE(one_that_runs_is_cancelled_soon),
        CASE(output_goes_to_its_listener),
        CASE(a_closed_queue_ends_all_and_takes_nothing),
        CASE(one_that_is_told_can_add_another),
    };
    return cmocka_run_group_tests_name("execution_queue", tests, NULL, NULL);
}
