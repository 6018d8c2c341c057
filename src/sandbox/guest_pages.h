/* Which pages of linear memory every run writes: learnt once, by a run in a process that then ends,
 * and made present beforehand in each process that waits for a run. A page fault costs a short
 * program more than what it does on the page; all of them together in one go cost a fraction.
 */
#ifndef SHANNON_SANDBOX_GUEST_PAGES_H
#define SHANNON_SANDBOX_GUEST_PAGES_H

#include "engine/linear_memory.h"
#include "sandbox/lockdown.h"

/* Calls run(argument) in a fork of this process and notes the pages that it wrote; `memory` is
 * shared (linear_memory_share), procfs is `lockdown`'s. Learns nothing, which is slower and nothing
 * else, when the run does not return 0 or cannot be had. */
void guest_pages_learn(const struct linear_memory *memory, const struct lockdown *lockdown,
                       int (*run)(void *argument), void *argument);

/* Makes the pages that were learnt present and this process's own. */
void guest_pages_populate(const struct linear_memory *memory);

#endif
