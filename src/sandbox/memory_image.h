/* The memory image of a zygote: linear memory as it is in every process forked from it. A session's
 * state is the difference from one, and can be brought back only on top of it; so images outlive
 * their zygotes, in memory or as files. Counted references; one thread. */
#ifndef SHANNON_SANDBOX_MEMORY_IMAGE_H
#define SHANNON_SANDBOX_MEMORY_IMAGE_H

#include "base/error.h"
#include "sandbox/session_state.h"

#include <stdint.h>

struct memory_image {
    uint8_t id[MEMORY_IMAGE_ID_SIZE]; /* memory_image_identify */
    int fd;                           /* to be read and mapped; its position means nothing */
    unsigned references;
};

/* What the image in `fd` is called: the beginning of the SHA-256 of its contents, so that one that
 * was damaged on disk is not taken for it. Some 20 ms. -1 with ERROR_INTERNAL. */
int memory_image_identify(int fd, uint8_t id[MEMORY_IMAGE_ID_SIZE], struct error *error);

/* Takes over `fd`. One reference, or NULL (fd is closed) when memory is short. */
struct memory_image *memory_image_new(const uint8_t id[MEMORY_IMAGE_ID_SIZE], int fd);

/* Accept NULL. The last unref closes the descriptor. */
struct memory_image *memory_image_ref(struct memory_image *image);
struct memory_image *memory_image_unref(struct memory_image *image);

#endif
