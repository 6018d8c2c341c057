/* Images of memory. Invariant: the descriptor is open while there is a reference. */
#include "sandbox/memory_image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
