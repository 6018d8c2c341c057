/* The replaced function, and the walls that are left out of the control. Invariant: with another
 * descriptor than TAKEN_OVER_FD this is the product. */
#include "taken_over.h"

#include "sandbox/guest_channel.h"
#include "sandbox/lockdown.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The product's own table, in which one entry is not its own. */
#define preview1_fd_seek seek_or_act
#include "../../../src/wasi/imports.c"
#undef preview1_fd_seek

uint32_t preview1_fd_seek(void *context, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t result);

struct wasi_host *taken_host;
struct linear_memory *taken_memory;

static int64_t (*const acts[])(int64_t) = {
#define ACT(name) act_##name,
#include "acts.h"
};

uint32_t seek_or_act(void *context, uint32_t fd, uint64_t offset, uint32_t whence, uint32_t result)
{
    if (fd != TAKEN_OVER_FD)
        return preview1_fd_seek(context, fd, offset, whence, result);
    uint32_t number = (uint32_t)(offset & 0xff);
    taken_host = context;
    taken_memory = taken_host->memory;
    int64_t *place = linear_memory_at(taken_memory, result, sizeof(*place));
    if (place == NULL || number >= sizeof(acts) / sizeof(acts[0]))
        return WASI_ERRNO_INVAL;
    int64_t answer = acts[number]((int64_t)(offset >> 8));
    *place = answer < 0 ? TAKEN_OVER_REFUSED - answer : answer; /* no position is negative */
    return WASI_ERRNO_SUCCESS;
}

int64_t channel_write(const void *bytes, size_t size)
{
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
    while (vector.iov_len > 0) {
        ssize_t written = writev(GUEST_CHANNEL_FD, &vector, 1);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        vector.iov_base = (char *)vector.iov_base + written;
        vector.iov_len -= (size_t)written;
    }
    return 0;
}

_Noreturn void wait_for_ever(void)
{
    for (;;)
        (void)ppoll(NULL, 0, NULL, NULL);
}

#ifdef WITHOUT_WALLS

/* Linked with --wrap=lockdown_prepare, so that this comes before it. */
struct lockdown *__real_lockdown_prepare(const struct lockdown_options *options,
                                         struct error *error);
struct lockdown *__wrap_lockdown_prepare(const struct lockdown_options *options,
                                         struct error *error);

struct lockdown *__wrap_lockdown_prepare(const struct lockdown_options *options,
                                         struct error *error)
{
    struct lockdown_options without = *options;
    without.without = WITHOUT_WALLS;
    return __real_lockdown_prepare(&without, error);
}

#endif
