/* The pages of linear memory that runs need. They are learnt once, by runs in a process that then
 * ends: which pages every run writes, and which are read. A page fault costs a short program more
 * than what it does on the page, so a process that waits for a run has them beforehand: those that
 * are read from the process it was forked from, those that are written by making them its own all
 * at once.
 */
#ifndef SHANNON_SANDBOX_GUEST_PAGES_H
#define SHANNON_SANDBOX_GUEST_PAGES_H

#include "engine/linear_memory.h"
#include "sandbox/lockdown.h"

/* Runs to learn from, of which the second comes after the first; 0, or something else when they did
 * not go well. */
struct guest_pages_lessons {
    int (*every)(void *argument);   /* does what every run does */
    int (*typical)(void *argument); /* reads what many runs read */
    void *argument;
};

/* Learns from `lessons` in a fork of this process, and arranges the pages of this process's memory,
 * which was moved into `image` by linear_memory_share, so that its forks get those that are read.
 * procfs is `lockdown`'s. Learns nothing, which is slower and nothing else, when the lessons fail
 * or cannot be had. */
void guest_pages_learn(const struct linear_memory *memory, int image,
                       const struct lockdown *lockdown, const struct guest_pages_lessons *lessons);

/* In a fork: makes the pages that every run writes present and this process's own. */
void guest_pages_populate(const struct linear_memory *memory);

#endif
