/* Traps: how guest code ends other than by returning.
 *
 * Guest code runs inside guest_call_protected(). A trap, a fault in linear memory, the end of the
 * guest's stack, or proc_exit unwinds to there by siglongjmp(3); no host frame between may hold a
 * resource. After any ending but a return, the instance must not be called again.
 *
 * A fault is the guest's only when its address lies in the linear memory's reservation or in the
 * guard below the guest's stack AND the program counter is inside the translated object. Any other
 * fault is the host's own: it is left to kill the process, whose parent reports ERROR_INTERNAL.
 */
#ifndef SHANNON_ENGINE_TRAP_H
#define SHANNON_ENGINE_TRAP_H

#include "base/error.h"

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

/* Installs the handlers for SIGSEGV and SIGBUS on an alternate stack and makes the guest's stack
 * of `stack_size` bytes with a guard below it. Once a process; forked children keep it.
 * [text_start, text_end) is the translated object's code. */
int trap_handlers_install(const struct linear_memory *memory, const void *text_start,
                          const void *text_end, size_t stack_size, struct error *error);

/* Runs function(argument) on the guest's stack and says how it ended. Does not nest. */
struct guest_outcome guest_call_protected(void (*function)(void *), void *argument);

#endif
