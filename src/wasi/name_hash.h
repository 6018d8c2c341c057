/* The hash of a name in a folder: SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input
 * PRF", 2012). Guests choose the names; without the key they cannot choose names that collide.
 */
#ifndef SHANNON_WASI_NAME_HASH_H
#define SHANNON_WASI_NAME_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of the message that is `folder`, 8 bytes little-endian, and then `name`. */
uint64_t name_hash(const uint64_t key[2], uint64_t folder, const char *name, size_t size);

#endif
