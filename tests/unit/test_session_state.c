/* src/sandbox/session_state.c: over a linear memory as a zygote shares it and a host with scratch,
 * in place of sandbox/guest.c, whose functions are wrapped. */
#include "sandbox/session_state.h"

#include "base/buffer.h"
#include "engine/linear_memory.h"
#include "sandbox/guest.h"
#include "wasi/wasi_host.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE WASM_PAGE_SIZE
#define IMAGE_SIZE ((uint64_t)2 * PAGE)
#define MEMORY_LIMIT ((uint64_t)64 << 20)
#define SCRATCH_LIMIT ((uint64_t)16 << 20)
#define STATE_LIMIT ((uint64_t)64 << 20)

struct guest {
    struct linear_memory memory;
    struct wasi_host *host;
};

struct linear_memory *__wrap_guest_memory(struct guest *guest);
struct wasi_host *__wrap_guest_wasi(struct guest *guest);
int __wrap_guest_set_memory(struct guest *guest, int image, uint64_t image_size, uint64_t size,
                            struct error *error);

struct linear_memory *__wrap_guest_memory(struct guest *guest)
{
    return &guest->memory;
}

struct wasi_host *__wrap_guest_wasi(struct guest *guest)
{
    return guest->host;
}

int __wrap_guest_set_memory(struct guest *guest, int image, uint64_t image_size, uint64_t size,
                            struct error *error)
{
    return linear_memory_replace(&guest->memory, image, image_size, size, error);
}

/* ---- a guest ---- */

struct fixture {
    struct guest guest;
    struct session_context context;
    uint8_t image[IMAGE_SIZE];
};

static int make_file(const void *bytes, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The guest is as it was forked: it has the image's memory, and its host has done nothing yet. */
static void begin_anew(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    wasi_host_free(fixture->guest.host);
    linear_memory_set_limit(&fixture->guest.memory, MEMORY_LIMIT);
    assert_int_equal(linear_memory_replace(&fixture->guest.memory, fixture->context.image_fd,
                                           IMAGE_SIZE, IMAGE_SIZE, &error),
                     0);
    fixture->guest.host = wasi_host_new(&fixture->guest.memory);
    assert_non_null(fixture->guest.host);
    assert_int_equal(wasi_host_add_scratch(fixture->guest.host, SCRATCH_LIMIT, &error), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = ERROR_NONE;
    struct session_context *context = &fixture->context;
    if (linear_memory_create(&fixture->guest.memory, 2, 100, MEMORY_LIMIT, &error) != 0)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < IMAGE_SIZE; i++)
        fixture->image[i] = (uint8_t)(i / 64);
    memcpy(fixture->guest.memory.base, fixture->image, IMAGE_SIZE);
    context->image_fd = linear_memory_share(&fixture->guest.memory, &error);
    assert_true(context->image_fd >= 0);
    memset(context->interpreter, 1, sizeof(context->interpreter));
    memset(context->image, 2, sizeof(context->image));
    context->state_fd = -1;
    context->save_fds[0] = make_file("", 0);
    context->save_fds[1] = make_file("", 0);
    context->pagemap_fd = -1;
    begin_anew(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_free(fixture->guest.host);
    linear_memory_destroy(&fixture->guest.memory);
    (void)close(fixture->context.image_fd);
    (void)close(fixture->context.save_fds[0]);
    (void)close(fixture->context.save_fds[1]);
    free(fixture);
    return 0;
}

static void put_file(struct fixture *fixture, const char *path, const void *bytes, size_t size)
{
    struct error error = ERROR_NONE;
    if (wasi_host_scratch_put(fixture->guest.host, path, strlen(path), bytes, size, &error) != 0)
        fail_msg("%s", error.message);
}

/* Saves the guest; what was saved is appended to `state`. */
static void save(struct fixture *fixture, struct buffer *state)
{
    struct session_saved saved;
    int fd = fixture->context.save_fds[fixture->context.saves % 2];
    assert_int_equal(ftruncate(fd, 0), 0);
    session_state_save(&fixture->context, &fixture->guest, STATE_LIMIT, &saved);
    assert_int_equal(saved.status, ERROR_OK);
    assert_int_equal(saved.size, lseek(fd, 0, SEEK_END));
    assert_int_equal(buffer_reserve(state, saved.size), 0);
    assert_int_equal(pread(fd, state->data + state->size, saved.size, 0), (ssize_t)saved.size);
    state->size += saved.size;
}

static int restore_within(struct fixture *fixture, const void *bytes, size_t size, uint64_t limit,
                          struct error *error)
{
    *error = ERROR_NONE;
    begin_anew(fixture);
    fixture->context.state_fd = make_file(bytes, size);
    int result = session_state_restore(&fixture->context, &fixture->guest, limit, error);
    (void)close(fixture->context.state_fd);
    fixture->context.state_fd = -1;
    return result;
}

static int restore(struct fixture *fixture, const void *bytes, size_t size, struct error *error)
{
    return restore_within(fixture, bytes, size, MEMORY_LIMIT, error);
}

/* ---- states that are made here ---- */

static struct session_state_head good_head(const struct fixture *fixture)
{
    struct session_state_head head = {.memory_size = IMAGE_SIZE};
    memcpy(head.magic, SESSION_STATE_MAGIC, sizeof(head.magic));
    memcpy(head.interpreter, fixture->context.interpreter, sizeof(head.interpreter));
    memcpy(head.image, fixture->context.image, sizeof(head.image));
    return head;
}

static void append(struct buffer *state, const void *bytes, size_t size)
{
    assert_int_equal(buffer_append(state, bytes, size), 0);
}

/* Appends what a host that did nothing saves, and puts its size into the head. */
static void append_host(struct fixture *fixture, struct buffer *state)
{
    struct error error = ERROR_NONE;
    struct session_state_head head;
    size_t former = state->size;
    begin_anew(fixture);
    assert_int_equal(wasi_host_save(fixture->guest.host, state, &error), 0);
    memcpy(&head, state->data, sizeof(head));
    head.host_size = state->size - former;
    memcpy(state->data, &head, sizeof(head));
}

/* A state with these runs, each of whose bytes is 0xee. */
static void make_state(struct fixture *fixture, struct buffer *state,
                       const struct session_state_run *runs, uint32_t count, uint64_t memory_size)
{
    struct session_state_head head = good_head(fixture);
    head.run_count = count;
    head.memory_size = memory_size;
    append(state, &head, sizeof(head));
    for (uint32_t i = 0; i < count; i++) {
        append(state, &runs[i], sizeof(runs[i]));
        assert_int_equal(buffer_reserve(state, runs[i].size), 0);
        memset(state->data + state->size, 0xee, runs[i].size);
        state->size += runs[i].size;
    }
    append_host(fixture, state);
}

static void refused_as_damaged(struct fixture *fixture, const struct buffer *state)
{
    struct error error;
    assert_int_equal(restore(fixture, state->data, state->size, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "damaged"));
}

/* ---- what is saved comes back ---- */

/* Writes here and there: to both ends of a page, to both sides of a page's end, and grows. */
static void do_something(struct fixture *fixture)
{
    uint8_t *base = fixture->guest.memory.base;
    assert_int_equal(linear_memory_grow(&fixture->guest.memory, 3), 2);
    base[0] = 0xaa;
    base[4095] = 0xab;
    memset(base + 8190, 0xac, 5);
    base[IMAGE_SIZE - 1] = 0xad;
    base[5 * PAGE - 1] = 0xae;
    base[20000] = base[20000]; /* written and as before */
    put_file(fixture, "folder/file", "content", 7);
}

static void check_moves(struct fixture *fixture)
{
    BUFFER_LOCAL struct buffer first = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer second = BUFFER_EMPTY;
    struct session_state_head heads[2];
    struct error error;
    uint8_t *former = malloc(5 * PAGE);
    assert_non_null(former);
    do_something(fixture);
    memcpy(former, fixture->guest.memory.base, 5 * PAGE);
    uint64_t charged = fixture->guest.memory.charged;
    save(fixture, &first);
    assert_true(first.size < 4096); /* the difference only */
    if (restore(fixture, first.data, first.size, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(fixture->guest.memory.size, 5 * PAGE);
    assert_int_equal(fixture->guest.memory.charged, charged);
    assert_memory_equal(fixture->guest.memory.base, former, 5 * PAGE);
    save(fixture, &second);
    memcpy(&heads[0], first.data, sizeof(heads[0]));
    memcpy(&heads[1], second.data, sizeof(heads[1]));
    assert_true(heads[1].monotonic_ns >= heads[0].monotonic_ns);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data + sizeof(heads[0]), second.data + sizeof(heads[1]),
                        first.size - sizeof(heads[0]));
    free(former);
}

static void what_is_saved_comes_back(void **state)
{
    check_moves(*state);
}

/* The kernel tells which pages were written. */
static void what_is_saved_by_the_page_map_comes_back(void **state)
{
    struct fixture *fixture = *state;
    fixture->context.pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    assert_true(fixture->context.pagemap_fd >= 0);
    check_moves(fixture);
    (void)close(fixture->context.pagemap_fd);
}

static void the_clock_does_not_go_back(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct session_state_head head;
    struct error error;
    const uint64_t later = wasi_host_monotonic(fixture->guest.host) + ((uint64_t)1 << 60);
    wasi_host_set_monotonic_floor(fixture->guest.host, later);
    save(fixture, &saved);
    assert_int_equal(restore(fixture, saved.data, saved.size, &error), 0);
    assert_true(wasi_host_monotonic(fixture->guest.host) >= later);
    /* A time that no guest can have had, from which the clock would soon begin at 0 again. */
    memcpy(&head, saved.data, sizeof(head));
    head.monotonic_ns = UINT64_MAX;
    memcpy(saved.data, &head, sizeof(head));
    refused_as_damaged(fixture, &saved);
}

static void states_go_to_two_files_in_turn(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer first = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer second = BUFFER_EMPTY;
    struct error error;
    save(fixture, &first);
    fixture->guest.memory.base[100] = 0x77;
    save(fixture, &second);
    assert_int_equal(lseek(fixture->context.save_fds[0], 0, SEEK_END), first.size);
    assert_int_equal(restore(fixture, first.data, first.size, &error), 0);
    assert_int_equal(fixture->guest.memory.base[100], 1);
    assert_int_equal(restore(fixture, second.data, second.size, &error), 0);
    assert_int_equal(fixture->guest.memory.base[100], 0x77);
}

/* ---- what is refused ---- */

static void a_state_of_another_interpreter_is_refused_as_such(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error;
    do_something(fixture);
    save(fixture, &saved);
    for (size_t i = 0; i < INTERPRETER_DIGEST_SIZE; i++) {
        fixture->context.interpreter[i] ^= 1;
        assert_int_equal(restore(fixture, saved.data, saved.size, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        assert_non_null(strstr(error.message, "another build of the interpreter"));
        assert_non_null(strstr(error.message, "Delete it"));
        /* Not half restored: nothing of it is here. */
        assert_int_equal(fixture->guest.memory.size, IMAGE_SIZE);
        assert_memory_equal(fixture->guest.memory.base, fixture->image, IMAGE_SIZE);
        fixture->context.interpreter[i] ^= 1;
    }
    assert_int_equal(restore(fixture, saved.data, saved.size, &error), 0);
}

/* Each word of the head on its own. */
static void a_head_that_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct session_state_head good = good_head(fixture);
    struct session_state_head bad[10];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        bad[i] = good;
    bad[count++].magic[7] = '2'; /* another version */
    bad[count++].magic[0] = 0;
    bad[count++].image[0] ^= 1;
    bad[count++].memory_size = IMAGE_SIZE - PAGE;
    bad[count++].memory_size = IMAGE_SIZE + 1;
    bad[count++].memory_size = (uint64_t)65536 * PAGE;
    bad[count++].memory_size = UINT64_MAX - PAGE + 1;
    bad[count++].host_size = UINT64_MAX;
    bad[count++].host_size = ((uint64_t)1 << 30) + 1;
    bad[count++].reserved = 1;
    assert_int_equal(count, sizeof(bad) / sizeof(*bad));
    for (size_t i = 0; i < count; i++) {
        BUFFER_LOCAL struct buffer made = BUFFER_EMPTY;
        append(&made, &bad[i], sizeof(bad[i]));
        refused_as_damaged(fixture, &made);
        assert_memory_equal(fixture->guest.memory.base, fixture->image, IMAGE_SIZE);
    }
}

static void runs_lie_inside_the_memory_and_apart(void **state)
{
    static const struct {
        struct session_state_run runs[2];
        uint32_t count;
        bool good;
    } tests[] = {
        {{{0, 8}, {8, 8}}, 2, true},
        {{{0, 0}}, 0, true},
        {{{0, IMAGE_SIZE}}, 1, true},
        {{{IMAGE_SIZE - 8, 8}}, 1, true},
        {{{IMAGE_SIZE, 8}}, 1, false},      /* behind the end */
        {{{IMAGE_SIZE - 8, 16}}, 1, false}, /* across it */
        {{{8, IMAGE_SIZE}}, 1, false},      /* across it */
        {{{UINT32_MAX - 7, 8}}, 1, false},  /* across the end of 32 bits */
        {{{0, 16}, {8, 8}}, 2, false},      /* the second in the first */
        {{{0, 16}, {8, 16}}, 2, false},     /* they overlap */
        {{{8, 8}, {8, 8}}, 2, false},       /* the same twice */
        {{{16, 8}, {0, 8}}, 2, false},      /* in the wrong order */
        {{{4, 8}}, 1, false},               /* not at a unit */
        {{{0, 4}}, 1, false},               /* not a unit */
        {{{0, 0}}, 1, false},               /* none at all */
        {{{0, 8}, {64, 0}}, 2, false},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
        BUFFER_LOCAL struct buffer made = BUFFER_EMPTY;
        struct error error;
        make_state(fixture, &made, tests[i].runs, tests[i].count, IMAGE_SIZE);
        int result = restore(fixture, made.data, made.size, &error);
        if ((result == 0) != tests[i].good)
            fail_msg("%zu: %s", i, result == 0 ? "is restored" : error.message);
        if (!tests[i].good) {
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
            continue;
        }
        for (size_t at = 0; at < IMAGE_SIZE; at++) {
            const struct session_state_run *run = tests[i].runs;
            bool here = at - run[0].offset < run[0].size || at - run[1].offset < run[1].size;
            assert_int_equal(fixture->guest.memory.base[at], here ? 0xee : fixture->image[at]);
        }
    }
}

static void a_run_may_lie_in_memory_that_is_not_in_the_image(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer made = BUFFER_EMPTY;
    struct error error;
    const struct session_state_run run = {.offset = 4 * PAGE - 8, .size = 8};
    make_state(fixture, &made, &run, 1, 4 * PAGE);
    assert_int_equal(restore(fixture, made.data, made.size, &error), 0);
    assert_int_equal(fixture->guest.memory.base[4 * PAGE - 1], 0xee);
    assert_int_equal(fixture->guest.memory.base[4 * PAGE - 9], 0);
}

/* Runs, and a host's state, of which there is less or more than the head says. */
static void a_state_is_as_long_as_it_says(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct session_state_head head;
    struct error error;
    do_something(fixture);
    save(fixture, &saved);
    for (size_t size = 0; size < saved.size; size++) {
        BUFFER_LOCAL struct buffer cut = BUFFER_EMPTY;
        append(&cut, saved.data, size);
        refused_as_damaged(fixture, &cut);
    }
    memcpy(&head, saved.data, sizeof(head));
    for (int more = -1; more <= 1; more += 2) {
        struct session_state_head changed = head;
        changed.run_count = head.run_count + (uint32_t)more;
        memcpy(saved.data, &changed, sizeof(changed));
        refused_as_damaged(fixture, &saved);
        changed = head;
        changed.host_size = head.host_size + (uint64_t)(int64_t)more;
        memcpy(saved.data, &changed, sizeof(changed));
        refused_as_damaged(fixture, &saved);
    }
    memcpy(saved.data, &head, sizeof(head));
    assert_int_equal(restore(fixture, saved.data, saved.size, &error), 0);
    append(&saved, "", 1);
    refused_as_damaged(fixture, &saved);
}

/* ---- limits ---- */

static void over_the_limit(struct fixture *fixture, const struct buffer *state, uint64_t limit)
{
    struct error error;
    assert_int_equal(restore_within(fixture, state->data, state->size, limit, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    assert_ptr_equal(strstr(error.message, "Memory limit exceeded"), error.message);
}

static void a_memory_limit_holds_for_memory_and_files_together(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t content[100000];
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error;
    do_something(fixture);
    put_file(fixture, "large", content, sizeof(content));
    uint64_t needed = fixture->guest.memory.size + fixture->guest.memory.charged;
    save(fixture, &saved);
    over_the_limit(fixture, &saved, 5 * PAGE - 1);
    over_the_limit(fixture, &saved, 5 * PAGE);
    over_the_limit(fixture, &saved, needed - 1);
    assert_int_equal(restore_within(fixture, saved.data, saved.size, needed, &error), 0);
    /* The same for one that need not be brought back. */
    assert_int_equal(session_state_check_limit(&fixture->guest, needed, &error), 0);
    assert_int_equal(session_state_check_limit(&fixture->guest, needed - 1, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
}

static void a_state_has_a_limit(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer again = BUFFER_EMPTY;
    struct session_saved result;
    struct error error;
    do_something(fixture);
    save(fixture, &saved);
    for (uint64_t limit = 0; limit < saved.size; limit += 50) {
        session_state_save(&fixture->context, &fixture->guest, limit, &result);
        assert_int_equal(result.status, ERROR_MEMORY_LIMIT);
        assert_true(result.size <= limit);
    }
    session_state_save(&fixture->context, &fixture->guest, saved.size - 1, &result);
    assert_int_equal(result.status, ERROR_MEMORY_LIMIT);
    session_state_save(&fixture->context, &fixture->guest, saved.size, &result);
    assert_int_equal(result.status, ERROR_OK);
    /* Failures left the guest as it was. */
    save(fixture, &again);
    assert_int_equal(again.size, saved.size);
    assert_int_equal(restore(fixture, again.data, again.size, &error), 0);
}

static void a_state_that_cannot_be_written_is_not_saved(void **state)
{
    struct fixture *fixture = *state;
    struct session_saved saved;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int former = fixture->context.save_fds[0];
    assert_true(full >= 0);
    fixture->context.save_fds[0] = full;
    session_state_save(&fixture->context, &fixture->guest, STATE_LIMIT, &saved);
    assert_int_equal(saved.status, ERROR_INTERNAL);
    fixture->context.save_fds[0] = former;
    (void)close(full);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_saved_comes_back),
        TEST(what_is_saved_by_the_page_map_comes_back),
        TEST(the_clock_does_not_go_back),
        TEST(states_go_to_two_files_in_turn),
        TEST(a_state_of_another_interpreter_is_refused_as_such),
        TEST(a_head_that_cannot_be_is_refused),
        TEST(runs_lie_inside_the_memory_and_apart),
        TEST(a_run_may_lie_in_memory_that_is_not_in_the_image),
        TEST(a_state_is_as_long_as_it_says),
        TEST(a_memory_limit_holds_for_memory_and_files_together),
        TEST(a_state_has_a_limit),
        TEST(a_state_that_cannot_be_written_is_not_saved),
    };
    return cmocka_run_group_tests_name("session_state", tests, NULL, NULL);
}
