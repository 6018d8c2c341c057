/* Reads a session's state from a descriptor: as it is, or out of a zstd frame, which is checked to
 * its end. */
#ifndef SHANNON_SANDBOX_STATE_READER_H
#define SHANNON_SANDBOX_STATE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct state_reader;

/* `fd` is read by position, from `offset` on, and stays the caller's. NULL when memory is short. */
struct state_reader *state_reader_new(int fd, off_t offset);
void state_reader_free(struct state_reader *reader);

/* Reads exactly `size` bytes. -1 when there are fewer, or what there is is damaged. */
int state_reader_read(struct state_reader *reader, void *bytes, size_t size);

/* Whether exactly everything has been read, and the checksum, if there is one, is right. */
bool state_reader_at_end(struct state_reader *reader);

#endif
