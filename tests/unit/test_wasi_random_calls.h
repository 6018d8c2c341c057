/* Sequences of preview1 calls drawn from bytes, for the fuzzer and for tests. */
#ifndef SHANNON_TEST_WASI_RANDOM_CALLS_H
#define SHANNON_TEST_WASI_RANDOM_CALLS_H

#include <stddef.h>
#include <stdint.h>

struct linear_memory;
struct wasi_host;

/* Makes calls until `data` is used up. Most make sense, some have one argument that can be
 * anything; a poll never waits. `memory` is the host's, of at least 64 KiB. proc_exit is among the
 * calls. */
void random_calls_run(struct wasi_host *host, const struct linear_memory *memory,
                      const uint8_t *data, size_t size);

#endif
