/* The pages of linear memory that runs need. They are learnt once, by runs in a process that then
 * ends: which pages every run writes, and which it reads. A page fault costs a short program more
 * than what it does on the page, so a process that waits for a run has them beforehand: those that
 * are read from the process it was forked from, those that are written by making them its own all
 * at once.
 */
#ifndef SHANNON_SANDBOX_GUEST_PAGES_H
#define SHANNON_SANDBOX_GUEST_PAGES_H

#include "engine/linear_memory.h"
#include "sandbox/lockdown.h"

/* Learns from `lesson`, which does what every run does, in a fork of this process, and arranges the
 * pages of this process's memory, which was moved into `image` by linear_memory_share, so that its
 * forks get those that are read. procfs is `lockdown`'s. Learns nothing, which is slower and
 * nothing else, when the lesson cannot be had or returns something else than 0. */
void guest_pages_learn(const struct linear_memory *memory, int image,
                       const struct lockdown *lockdown, int (*lesson)(void *argument),
                       void *argument);

/* In a fork: makes the pages that every run writes present and this process's own. */
void guest_pages_populate(const struct linear_memory *memory);

#endif
