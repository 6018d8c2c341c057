/* Traps: how guest code ends other than by returning.
 *
 * Guest code runs inside guest_call_protected(), on a stack of its own. A trap, a fault in linear
 * memory, the end of that stack, or proc_exit unwinds to there by siglongjmp(3); no host frame
 * between may hold a resource. After any ending but a return the instance must not be called
 * again.
 *
 * A fault is the guest's only when the program counter is inside the translated object and the
 * address inside the linear memory's reservation, or when the stack pointer has come to the end of
 * the guest's stack and the address lies in the guard below it. Any other fault is the host's own:
 * it is left to kill the process, whose parent reports ERROR_INTERNAL.
 *
 * One guest a process; the state is inherited by fork(2).
 */
#ifndef SHANNON_ENGINE_TRAP_H
#define SHANNON_ENGINE_TRAP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct linear_memory;

enum guest_ending {
    GUEST_RETURNED,
    GUEST_EXITED, /* proc_exit */
    GUEST_TRAPPED,
};

enum trap_kind {
    TRAP_NONE,
    TRAP_MEMORY_OUT_OF_BOUNDS,
    TRAP_INTEGER_OVERFLOW,
    TRAP_INTEGER_DIVIDE_BY_ZERO,
    TRAP_INVALID_CONVERSION_TO_INTEGER,
    TRAP_UNREACHABLE,
    TRAP_INDIRECT_CALL,
    TRAP_STACK_EXHAUSTED,
    TRAP_COUNT
};

struct guest_outcome {
    enum guest_ending ending;
    enum trap_kind trap; /* TRAP_NONE unless GUEST_TRAPPED */
    uint32_t exit_code;  /* as given to proc_exit; 0 unless GUEST_EXITED */
};

/* What the WebAssembly specification calls it, for instance "out of bounds memory access". */
const char *trap_name(enum trap_kind kind);

/* Ends the guest with a trap. Only inside guest_call_protected. */
_Noreturn void guest_trap(enum trap_kind kind);

/* Ends the guest with an exit code. Only inside guest_call_protected. */
_Noreturn void guest_exit(uint32_t exit_code);

/* What the fault handler has to know of the guest. All pointers are borrowed for the life of the
 * process. */
struct guest_layout {
    const struct linear_memory *memory;
    const void *text_start; /* of the translated object's code */
    const void *text_end;
    /* The module's __stack_pointer global where it exports one: a fault while it has wrapped below
     * 0 is the shadow stack's end, not a wild access. May be NULL. */
    const uint32_t *stack_pointer;
};

/* Makes the guest's stack and installs the handlers for SIGSEGV and SIGBUS on an alternate stack.
 * Once a process. ERROR_INTERNAL when the kernel gives no memory. */
int trap_handlers_install(const struct guest_layout *layout, struct error *error);

/* Runs function(argument) on the guest's stack and says how it ended. Does not nest. */
struct guest_outcome guest_call_protected(void (*function)(void *), void *argument);

#endif
