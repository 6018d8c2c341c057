/* random_get. Invariant: every byte comes from getrandom(2) in this call. There is no pool in the
 * process that two forks of it could share. */
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <sys/random.h>

/* A signal waits no longer than one piece takes. */
#define PIECE_SIZE ((size_t)256 << 10)

uint32_t preview1_random_get(void *context, uint32_t buffer, uint32_t size)
{
    uint8_t *to = guest_at(context, buffer, size);
    if (to == NULL)
        return WASI_ERRNO_FAULT;
    if (size > WASI_RANDOM_BYTES_MAX)
        return WASI_ERRNO_INVAL;
    size_t done = 0;
    while (done < size) {
        size_t piece = size - done < PIECE_SIZE ? size - done : PIECE_SIZE;
        ssize_t got = getrandom(to + done, piece, 0);
        if (got < 0 && errno != EINTR)
            return errno_from_host(errno);
        if (got > 0)
            done += (size_t)got;
    }
    return WASI_ERRNO_SUCCESS;
}
