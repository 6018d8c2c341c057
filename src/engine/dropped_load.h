/* Which loads of wasm2c's C stand for their trap alone.
 *
 * A module may load and drop the value to test an address; that load must stay although nothing
 * comes of it. All others may be folded, merged or left out by the compiler. wasm2c writes one line
 * an instruction and names a variable after its stack slot ("w2c_i0": slot 0, type i32), so the
 * lines after a load tell whether an instruction takes its value or it leaves the operand stack
 * unused: by a drop, or by a branch that discards what lies below its own operands.
 */
#ifndef SHANNON_ENGINE_DROPPED_LOAD_H
#define SHANNON_ENGINE_DROPPED_LOAD_H

#include "base/buffer.h"

/* Appends the text of one function to `target`, each load whose value may leave the stack unused in
 * its kept form: "i32_load8_u_kept(" for "i32_load8_u(" (see object/guest_access.h). Each line ends
 * with a newline. -1 when memory is short. */
int dropped_load_append(const struct buffer *function, struct buffer *target);

#endif
