/* How many bytes a scratch file system may take in the host, and how many it does.
 *
 * Two limits hold together: its own, and the guest's memory limit, against which every byte is
 * charged beside linear memory (linear_memory_charge). A limit of 0 is no limit: then only the
 * owner adds anything, and the memory limit alone holds.
 */
#ifndef SHANNON_WASI_SCRATCH_BUDGET_H
#define SHANNON_WASI_SCRATCH_BUDGET_H

#include "engine/linear_memory.h"

#include <stdbool.h>
#include <stdint.h>

struct scratch_budget {
    uint64_t limit;
    uint64_t used; /* may be above a limit that was lowered */
    struct linear_memory
        *memory; /* borrowed, charged with `used`; NULL: there is no memory limit */
};

/* Counts `size` bytes that are about to be allocated. false, and nothing is counted, when they
 * would pass a limit. */
bool scratch_budget_take(struct scratch_budget *budget, uint64_t size);

/* Counts `size` bytes that were freed. */
void scratch_budget_give_back(struct scratch_budget *budget, uint64_t size);

/* Moves the charge to another memory, or to none when NULL. What is in use is never refused. */
void scratch_budget_set_memory(struct scratch_budget *budget, struct linear_memory *memory);

#endif
