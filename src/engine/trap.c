/* Traps and the guest's stack. Invariant: `landing_valid` is true exactly while guest code may be
 * on the guest's stack, so nothing ever jumps to a frame that is gone. */

/* The checked longjmp asks the kernel for the signal stack on its way from one, which the filter
 * around a guest process does not allow; the jump's target is checked here by landing_valid. */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0

#include "engine/trap.h"

#include "engine/linear_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* CPython's default recursion limit of 1000 needs about 1 MiB; the rest is for deep C recursion
 * (parser, repr, compiler), which must end in RecursionError before it ends here. */
#define GUEST_STACK_SIZE ((size_t)64 << 20)
/* Wider than any frame the compiler makes, so that no frame can step over it. */
#define STACK_GUARD_SIZE ((size_t)16 << 20)
#define SIGNAL_STACK_SIZE ((size_t)64 << 10)
/* How far below the stack pointer an instruction may write: the x86-64 red zone has 128 bytes, and
 * on AArch64 a store that moves the stack pointer faults before it has moved, by up to 512. */
#define BELOW_STACK_POINTER ((uintptr_t)1024)
/* How far below address 0 of linear memory a shadow stack frame may reach. */
#define SHADOW_STACK_SLACK ((uint64_t)64 << 20)

static const char *const names[TRAP_COUNT] = {
    [TRAP_NONE] = "no trap",
    [TRAP_MEMORY_OUT_OF_BOUNDS] = "out of bounds memory access",
    [TRAP_INTEGER_OVERFLOW] = "integer overflow",
    [TRAP_INTEGER_DIVIDE_BY_ZERO] = "integer divide by zero",
    [TRAP_INVALID_CONVERSION_TO_INTEGER] = "invalid conversion to integer",
    [TRAP_UNREACHABLE] = "unreachable",
    [TRAP_INDIRECT_CALL] = "indirect call type mismatch or undefined element",
    [TRAP_STACK_EXHAUSTED] = "call stack exhausted",
};

static struct guest_layout guest;
static uint8_t *stack_guard; /* STACK_GUARD_SIZE bytes, then the stack */
static sigjmp_buf landing;   /* in guest_entry */
static bool landing_valid;
static struct guest_outcome outcome;
static ucontext_t host_context;
static void (*guest_function)(void *);
static void *guest_argument;

const char *trap_name(enum trap_kind kind)
{
    return (unsigned)kind < TRAP_COUNT ? names[kind] : names[TRAP_UNREACHABLE];
}

static _Noreturn void leave(enum guest_ending ending, enum trap_kind trap, uint32_t exit_code)
{
    if (!landing_valid)
        abort(); /* a trap with no guest running is a defect of the host */
    outcome = (struct guest_outcome){.ending = ending, .trap = trap, .exit_code = exit_code};
    siglongjmp(landing, 1);
}

_Noreturn void guest_trap(enum trap_kind kind)
{
    leave(GUEST_TRAPPED, kind, 0);
}

_Noreturn void guest_exit(uint32_t exit_code)
{
    leave(GUEST_EXITED, TRAP_NONE, exit_code);
}

static const void *program_counter(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (const void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const void *)context->uc_mcontext.pc;
#else
#error "say where this processor's program counter is in ucontext_t"
#endif
}

static uintptr_t stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
#error "say where this processor's stack pointer is in ucontext_t"
#endif
}

/* Whether the native stack has come to its end. Host functions that the guest calls are on it too,
 * so the program counter says nothing; but an access of theirs to the guard while there is stack
 * left is a defect of the host. */
static bool native_stack_overflowed(const uint8_t *address, const ucontext_t *context)
{
    uintptr_t stack_end = (uintptr_t)stack_guard + STACK_GUARD_SIZE;
    return address >= stack_guard && (uintptr_t)address < stack_end &&
           stack_pointer(context) < stack_end + BELOW_STACK_POINTER;
}

/* The shadow stack grows down to address 0 (wasm-ld --stack-first) and wraps to the top of the
 * 32-bit address space. */
static bool shadow_stack_overflowed(const uint8_t *address)
{
    if (guest.stack_pointer == NULL)
        return false;
    const uint64_t four_gib = (uint64_t)1 << 32;
    uint64_t offset = (uint64_t)(address - guest.memory->base);
    if (address < guest.memory->base || offset < four_gib - SHADOW_STACK_SLACK ||
        offset >= four_gib + SHADOW_STACK_SLACK)
        return false;
    /* A leaf function does not store its frame's address back, so the global may still be a little
     * above 0. */
    return *guest.stack_pointer > guest.memory->size || *guest.stack_pointer < SHADOW_STACK_SLACK;
}

static void on_fault(int number, siginfo_t *information, void *context)
{
    const uint8_t *address = information->si_addr;
    const uint8_t *counter = program_counter(context);
    if (landing_valid && native_stack_overflowed(address, context))
        guest_trap(TRAP_STACK_EXHAUSTED);
    if (landing_valid && counter >= (const uint8_t *)guest.text_start &&
        counter < (const uint8_t *)guest.text_end && linear_memory_contains(guest.memory, address))
        guest_trap(shadow_stack_overflowed(address) ? TRAP_STACK_EXHAUSTED
                                                    : TRAP_MEMORY_OUT_OF_BOUNDS);
    /* Not the guest's: die of the same signal, at the same instruction. */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &standard, NULL);
}

int trap_handlers_install(const struct guest_layout *layout, struct error *error)
{
    guest = *layout;
    size_t size = STACK_GUARD_SIZE + GUEST_STACK_SIZE + SIGNAL_STACK_SIZE;
    uint8_t *region = mmap(NULL, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED || mprotect(region, STACK_GUARD_SIZE, PROT_NONE) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make the guest's stack");
    stack_guard = region;
    stack_t signal_stack = {
        .ss_sp = region + STACK_GUARD_SIZE + GUEST_STACK_SIZE,
        .ss_size = SIGNAL_STACK_SIZE,
    };
    struct sigaction action = {.sa_sigaction = on_fault,
                               /* NODEFER: the handler leaves by siglongjmp. */
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (sigaltstack(&signal_stack, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0 ||
        sigaction(SIGBUS, &action, NULL) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot install the fault handlers");
    return 0;
}

static void guest_entry(void)
{
    if (sigsetjmp(landing, 0) == 0) {
        landing_valid = true;
        guest_function(guest_argument);
    }
    landing_valid = false;
}

struct guest_outcome guest_call_protected(void (*function)(void *), void *argument)
{
    static ucontext_t guest_context;
    outcome = (struct guest_outcome){.ending = GUEST_RETURNED};
    guest_function = function;
    guest_argument = argument;
    if (stack_guard == NULL || getcontext(&guest_context) != 0)
        abort(); /* trap_handlers_install was not called */
    guest_context.uc_stack.ss_sp = stack_guard + STACK_GUARD_SIZE;
    guest_context.uc_stack.ss_size = GUEST_STACK_SIZE;
    guest_context.uc_link = &host_context;
    makecontext(&guest_context, guest_entry, 0);
    if (swapcontext(&host_context, &guest_context) != 0)
        abort();
    return outcome;
}
