/* The time slice of this process. No state. */
#include "sandbox/time_slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The least that the kernel grants. */
#define SHORT_NS 100000

static void set_slice(uint64_t nanoseconds)
{
    struct sched_attr attributes = {.size = sizeof(attributes)};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0)
        return;
    /* Of other policies the field is something else. */
    if (attributes.sched_policy != SCHED_NORMAL && attributes.sched_policy != SCHED_BATCH)
        return;
    attributes.sched_runtime = nanoseconds;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void time_slice_shorten(void)
{
    set_slice(SHORT_NS);
}

void time_slice_reset(void)
{
    set_slice(0);
}
