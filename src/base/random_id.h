/* Names that nobody can guess and nobody else has, forks of this process included. Not thread-safe.
 */
#ifndef SHANNON_BASE_RANDOM_ID_H
#define SHANNON_BASE_RANDOM_ID_H

#include <stddef.h>

/* Writes `digits` hexadecimal digits and a NUL to `id`; an even number of 2 to 64. 0, or -1 when
 * the kernel gives no random bytes: then `id` is empty. */
int random_id_make(char *id, size_t digits);

#endif
