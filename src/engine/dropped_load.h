/* Which loads of wasm2c's C stand for their trap alone.
 *
 * A module may load and drop the value to test an address; that load must stay although nothing
 * comes of it. All others may be folded, merged or left out by the compiler. wasm2c writes one line
 * an instruction and names a variable after its stack slot ("w2c_i0": slot 0, type i32), so the
 * line after a load tells whether its value is used.
 */
#ifndef SHANNON_ENGINE_DROPPED_LOAD_H
#define SHANNON_ENGINE_DROPPED_LOAD_H

#include "base/buffer.h"

#include <stdbool.h>

/* Whether a line is "  w2c_X = T_load...(...);". */
bool dropped_load_is_load(const char *line);

/* Whether the value that the line `load` puts on the stack may be dropped by what follows. It is
 * not when the line `next` uses it or puts another operand above it. */
bool dropped_load_possible(const char *load, const char *next);

/* Turns "i32_load8_u(" in a load's line into "i32_load8_u_kept(" (see object/guest_access.h). -1
 * when memory is short. */
int dropped_load_keep(struct buffer *line);

#endif
