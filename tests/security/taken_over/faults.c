/* Defects of the host, as if one of its functions had them. Whatever the fault, its program counter
 * lies in the host's code, so that no guest did it. See acts.h. */
#include "taken_over.h"

#include "engine/linear_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In objects, so that the compiler does not know what is in them. */
static volatile uint8_t *volatile nowhere;
static void (*volatile no_function)(void);
static volatile int one = 1;
static volatile int zero;

static int64_t read_null(void)
{
    return *nowhere;
}

static int64_t write_null(void)
{
    *nowhere = 1;
    return 0;
}

static int64_t call_null(void)
{
    no_function();
    return 0;
}

static int64_t write_code(void)
{
    volatile uint8_t *code = (volatile uint8_t *)(uintptr_t)call_null;
    *code = 0;
    return 0;
}

static int64_t read_wild(void)
{
    volatile uint8_t *wild = (volatile uint8_t *)(uintptr_t)UINT64_C(0x4141414141414141);
    return *wild;
}

/* Where a guest's own stray access would be a trap. */
static int64_t read_beyond_memory(void)
{
    return ((volatile uint8_t *)taken_memory->base)[taken_memory->size];
}

static int64_t write_before_memory(void)
{
    ((volatile uint8_t *)taken_memory->base)[-1] = 1;
    return 0;
}

static int64_t write_far_beyond_memory(void)
{
    ((volatile uint8_t *)taken_memory->base)[(size_t)5 << 30] = 1;
    return 0;
}

/* Where a guest that recurses for ever comes to, while hardly anything of its stack is in use: the
 * stack has 64 MiB, and 16 MiB below it cannot be used. */
static int64_t write_below_stack(void)
{
    *((volatile uint8_t *)__builtin_frame_address(0) - ((size_t)72 << 20)) = 1;
    return 0;
}

static int64_t divide_by_zero(void)
{
    return one / zero; /* of a known numerator clang makes no division */
}

static int64_t abort_host(void)
{
    abort();
}

static int64_t illegal_instruction(void)
{
    __builtin_trap();
}

/* The names are read by native.py. */
static const struct {
    const char *name;
    int64_t (*fault)(void);
} faults[] = {
    {"read_null", read_null},
    {"write_null", write_null},
    {"call_null", call_null},
    {"write_code", write_code},
    {"read_wild", read_wild},
    {"read_beyond_memory", read_beyond_memory},
    {"write_before_memory", write_before_memory},
    {"write_far_beyond_memory", write_far_beyond_memory},
    {"write_below_stack", write_below_stack},
    {"divide_by_zero", divide_by_zero},
    {"abort", abort_host},
    {"illegal_instruction", illegal_instruction},
};

int64_t act_fault(int64_t argument)
{
    if (argument < 0 || (size_t)argument >= sizeof(faults) / sizeof(faults[0]))
        return -EDOM;
    return faults[argument].fault();
}
