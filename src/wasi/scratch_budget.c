/* The bytes of a scratch file system. Invariant: `used` is what was taken and not given back, and
 * `memory` is charged with exactly that. */
#include "wasi/scratch_budget.h"

#include <stddef.h>

bool scratch_budget_take(struct scratch_budget *budget, uint64_t size)
{
    if (budget->limit != 0 && (budget->used > budget->limit || size > budget->limit - budget->used))
        return false;
    if (size > UINT64_MAX - budget->used)
        return false;
    if (budget->memory != NULL && !linear_memory_charge(budget->memory, size))
        return false;
    budget->used += size;
    return true;
}

void scratch_budget_give_back(struct scratch_budget *budget, uint64_t size)
{
    budget->used -= size;
    if (budget->memory != NULL)
        linear_memory_discharge(budget->memory, size);
}

void scratch_budget_set_memory(struct scratch_budget *budget, struct linear_memory *memory)
{
    if (budget->memory != NULL)
        linear_memory_discharge(budget->memory, budget->used);
    if (memory != NULL)
        linear_memory_charge_existing(memory, budget->used);
    budget->memory = memory;
}
