/* A shannon whose guests can take over their own process: the whole product, with one function of
 * its WASI host replaced. fd_seek on the descriptor TAKEN_OVER_FD does not seek: it runs the native
 * code that `offset` names (acts.h), as a hole in the translation or in the host would let a guest
 * do, and gives its result as the new position. Everything else is as in the product, the walls
 * included; taken_over_without_walls has none of the kernel's, as a control.
 */
#ifndef SHANNON_TEST_TAKEN_OVER_H
#define SHANNON_TEST_TAKEN_OVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAKEN_OVER_FD 23130u
/* Beyond this an errno value is meant. */
#define TAKEN_OVER_REFUSED ((int64_t)1 << 40)

#define ACT(name) int64_t act_##name(int64_t argument);
#include "acts.h"

struct linear_memory;
struct wasi_host;

/* Those of the guest that called. */
extern struct wasi_host *taken_host;
extern struct linear_memory *taken_memory;

/* Writes to the channel, whatever the other end thinks of it. 0, or -errno. */
int64_t channel_write(const void *bytes, size_t size);

/* A report of a program that ended well, with its head of the channel; returns its size. */
#define REPORT_ROOM 256
size_t make_report(uint8_t report[REPORT_ROOM]);

/* Waits for ever, using no processor time. */
_Noreturn void wait_for_ever(void);

#endif
