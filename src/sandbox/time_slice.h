/* Which processes run first when there are more of them than processors. One that asked for a short
 * time slice runs soon after it is woken, before those that are at work on what nobody waits for;
 * how much processor time each gets in the end does not depend on it (sched_setattr(2); Linux 6.12
 * and later, older kernels take no notice). */
#ifndef SHANNON_SANDBOX_TIME_SLICE_H
#define SHANNON_SANDBOX_TIME_SLICE_H

/* This process answers somebody. Its forks and programs inherit that. Its policy and nice value
 * stay. Without effect where that is refused. */
void time_slice_shorten(void);

/* It does not, whatever it inherited. */
void time_slice_reset(void);

#endif
