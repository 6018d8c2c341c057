/* Images of memory. Invariant: the descriptor is open while there is a reference. */
#include "sandbox/memory_image.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int memory_image_identify(int fd, uint8_t id[MEMORY_IMAGE_ID_SIZE], struct error *error)
{
    static uint8_t piece[(size_t)128 << 10];
    struct sha256_ctx context;
    off_t offset = 0;
    ssize_t got;
    sha256_init(&context);
    do {
        got = pread(fd, piece, sizeof(piece), offset);
        if (got < 0 && errno != EINTR)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read a memory image");
        if (got > 0)
            sha256_update(&context, (size_t)got, piece);
        offset += got > 0 ? got : 0;
    } while (got != 0);
    sha256_digest(&context, MEMORY_IMAGE_ID_SIZE, id);
    return 0;
}

struct memory_image *memory_image_new(const uint8_t id[MEMORY_IMAGE_ID_SIZE], int fd)
{
    struct memory_image *image = malloc(sizeof(*image));
    if (image == NULL) {
        (void)close(fd);
        return NULL;
    }
    *image = (struct memory_image){.fd = fd, .references = 1};
    memcpy(image->id, id, sizeof(image->id));
    return image;
}

struct memory_image *memory_image_ref(struct memory_image *image)
{
    if (image != NULL)
        image->references++;
    return image;
}

struct memory_image *memory_image_unref(struct memory_image *image)
{
    if (image != NULL && --image->references == 0) {
        (void)close(image->fd);
        free(image);
    }
    return NULL;
}
