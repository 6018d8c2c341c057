/* src/engine/trap.c: each test is a child process, as a process has one guest. */
#include "engine/trap.h"

#include "engine/linear_memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define AS_EXPECTED 40
#define OTHERWISE 41

static struct linear_memory memory;
/* In the middle of memory, as it is while the shadow stack is well. */
static uint32_t stack_pointer = 100u << 20;

#define PAGES 3200u /* 200 MiB */

/* In the child: the guest's code is all code, unless `outside` says that there is none. */
static void install(bool outside)
{
    struct error error = ERROR_NONE;
    struct guest_layout layout = {.memory = &memory,
                                  .text_start = NULL,
                                  .text_end = outside ? NULL : (const void *)UINTPTR_MAX,
                                  .stack_pointer = &stack_pointer};
    if (linear_memory_create(&memory, PAGES, PAGES, (uint64_t)1 << 30, &error) != 0 ||
        trap_handlers_install(&layout, &error) != 0)
        _exit(OTHERWISE);
}

/* The wait status of a child that runs `body`. */
static int run(int (*body)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect(int (*body)(void))
{
    int status = run(body);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != AS_EXPECTED)
        fail_msg("the child ended with wait status %d", status);
}

static bool ended_as(void (*function)(void *), void *argument, enum guest_ending ending,
                     enum trap_kind trap, uint32_t exit_code)
{
    struct guest_outcome outcome = guest_call_protected(function, argument);
    return outcome.ending == ending && outcome.trap == trap && outcome.exit_code == exit_code;
}

/* ---- what a guest can do ---- */

static void return_at_once(void *argument)
{
    *(int *)argument += 1;
}

static void leave(void *argument)
{
    guest_exit(*(const uint32_t *)argument);
}

static void trap(void *argument)
{
    guest_trap(*(const enum trap_kind *)argument);
}

static __attribute__((no_sanitize("address", "undefined"))) void touch(void *argument)
{
    volatile uint8_t *address = argument;
    *address = 1;
}

static int recurse(int depth);

/* Reached through a pointer so that the compiler does not see that it never returns. */
static int (*volatile endless)(int) = recurse;

static __attribute__((no_sanitize("address", "undefined"), noinline)) int recurse(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return endless(depth + 1) + frame[0];
}

static void exhaust(void *argument)
{
    (void)argument;
    (void)endless(0);
}

/* ---- tests ---- */

static int return_and_exit(void)
{
    int calls = 0;
    uint32_t code = 300;
    install(false);
    if (!ended_as(return_at_once, &calls, GUEST_RETURNED, TRAP_NONE, 0) ||
        !ended_as(return_at_once, &calls, GUEST_RETURNED, TRAP_NONE, 0) || calls != 2 ||
        !ended_as(leave, &code, GUEST_EXITED, TRAP_NONE, 300))
        return OTHERWISE;
    code = 0;
    return ended_as(leave, &code, GUEST_EXITED, TRAP_NONE, 0) ? AS_EXPECTED : OTHERWISE;
}

static void a_guest_returns_or_exits(void **state)
{
    (void)state;
    expect(return_and_exit);
}

static int every_kind(void)
{
    install(false);
    for (int kind = TRAP_NONE + 1; kind < TRAP_COUNT; kind++) {
        enum trap_kind wanted = (enum trap_kind)kind;
        if (!ended_as(trap, &wanted, GUEST_TRAPPED, wanted, 0))
            return OTHERWISE;
    }
    return AS_EXPECTED;
}

static void each_trap_arrives(void **state)
{
    (void)state;
    expect(every_kind);
    for (int kind = 0; kind < TRAP_COUNT; kind++) {
        assert_non_null(trap_name((enum trap_kind)kind));
        assert_true(strlen(trap_name((enum trap_kind)kind)) > 0);
    }
    assert_string_equal(trap_name(TRAP_MEMORY_OUT_OF_BOUNDS), "out of bounds memory access");
}

static int fault_in_memory(void)
{
    install(false);
    uint8_t *const bad[] = {memory.base + memory.size, memory.base - 1,
                            memory.base + ((size_t)4 << 30) + 100, memory.base + ((size_t)8 << 30)};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!ended_as(touch, bad[i], GUEST_TRAPPED, TRAP_MEMORY_OUT_OF_BOUNDS, 0))
            return OTHERWISE;
    }
    return ended_as(touch, memory.base, GUEST_RETURNED, TRAP_NONE, 0) ? AS_EXPECTED : OTHERWISE;
}

static void a_fault_beyond_memory_is_a_trap(void **state)
{
    (void)state;
    expect(fault_in_memory);
}

static int shadow_stack(void)
{
    install(false);
    uint8_t *just_below_zero = memory.base + ((size_t)4 << 30) - 64;
    if (!ended_as(touch, just_below_zero, GUEST_TRAPPED, TRAP_MEMORY_OUT_OF_BOUNDS, 0))
        return OTHERWISE;
    stack_pointer = UINT32_MAX - 63; /* it has wrapped */
    return ended_as(touch, just_below_zero, GUEST_TRAPPED, TRAP_STACK_EXHAUSTED, 0) ? AS_EXPECTED
                                                                                    : OTHERWISE;
}

static void the_shadow_stacks_end_is_told_from_a_wild_access(void **state)
{
    (void)state;
    expect(shadow_stack);
}

static int stack_end(void)
{
    int calls = 0;
    install(false);
    return ended_as(exhaust, NULL, GUEST_TRAPPED, TRAP_STACK_EXHAUSTED, 0) &&
                   ended_as(return_at_once, &calls, GUEST_RETURNED, TRAP_NONE, 0) &&
                   ended_as(exhaust, NULL, GUEST_TRAPPED, TRAP_STACK_EXHAUSTED, 0)
               ? AS_EXPECTED
               : OTHERWISE;
}

static void the_end_of_the_stack_is_a_trap(void **state)
{
    (void)state;
    expect(stack_end);
}

/* ---- what is not the guest's ---- */

static int fault_elsewhere(void)
{
    install(false);
    void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)guest_call_protected(touch, page);
    return OTHERWISE;
}

static int fault_of_other_code(void)
{
    install(true);
    (void)guest_call_protected(touch, memory.base + memory.size);
    return OTHERWISE;
}

/* In the guard below a stack of which hardly anything is in use. */
static __attribute__((no_sanitize("address", "undefined"))) void touch_the_guard(void *argument)
{
    (void)argument;
    touch((uint8_t *)__builtin_frame_address(0) - ((size_t)72 << 20));
}

static int fault_in_the_guard(void)
{
    install(false);
    (void)guest_call_protected(touch_the_guard, NULL);
    return OTHERWISE;
}

static int fault_without_guest(void)
{
    install(false);
    touch(memory.base + memory.size);
    return OTHERWISE;
}

static void any_other_fault_kills(void **state)
{
    int (*const bodies[])(void) = {fault_elsewhere, fault_of_other_code, fault_in_the_guard,
                                   fault_without_guest};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int status = run(bodies[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
            fail_msg("body %zu ended with wait status %d", i, status);
    }
}

static int trap_without_guest(void)
{
    install(false);
    guest_trap(TRAP_UNREACHABLE);
}

static int call_without_handlers(void)
{
    int calls = 0;
    (void)guest_call_protected(return_at_once, &calls);
    return OTHERWISE;
}

static void misuse_by_the_host_aborts(void **state)
{
    int (*const bodies[])(void) = {trap_without_guest, call_without_handlers};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int status = run(bodies[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

static int fork_then_run(void)
{
    int calls = 0;
    install(false);
    for (int i = 0; i < 3; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(ended_as(touch, memory.base + memory.size, GUEST_TRAPPED,
                           TRAP_MEMORY_OUT_OF_BOUNDS, 0) &&
                          ended_as(exhaust, NULL, GUEST_TRAPPED, TRAP_STACK_EXHAUSTED, 0)
                      ? AS_EXPECTED
                      : OTHERWISE);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
            WEXITSTATUS(status) != AS_EXPECTED)
            return OTHERWISE;
    }
    return ended_as(return_at_once, &calls, GUEST_RETURNED, TRAP_NONE, 0) ? AS_EXPECTED : OTHERWISE;
}

static void children_inherit_it(void **state)
{
    (void)state;
    expect(fork_then_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_returns_or_exits),
        cmocka_unit_test(each_trap_arrives),
        cmocka_unit_test(a_fault_beyond_memory_is_a_trap),
        cmocka_unit_test(the_shadow_stacks_end_is_told_from_a_wild_access),
        cmocka_unit_test(the_end_of_the_stack_is_a_trap),
        cmocka_unit_test(any_other_fault_kills),
        cmocka_unit_test(misuse_by_the_host_aborts),
        cmocka_unit_test(children_inherit_it),
    };
    return cmocka_run_group_tests_name("trap", tests, NULL, NULL);
}
