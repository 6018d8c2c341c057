/* proc_exit, proc_raise, sched_yield. Invariant: nothing a guest calls ends, signals or makes a
 * process of the host; proc_exit unwinds to whoever called the guest. */
#include "engine/trap.h"
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

#include <sched.h>

void preview1_proc_exit(void *context, uint32_t code)
{
    (void)context;
    guest_exit(code);
}

uint32_t preview1_proc_raise(void *context, uint32_t signal)
{
    (void)context;
    (void)signal;
    return WASI_ERRNO_NOTSUP;
}

uint32_t preview1_sched_yield(void *context)
{
    (void)context;
    (void)sched_yield();
    return WASI_ERRNO_SUCCESS;
}
