/* Lies about a session's state: in a session's process, after a run that it says went well. See
 * acts.h and sandbox/session_state.h. */
#include "taken_over.h"

#include "engine/linear_memory.h"
#include "sandbox/guest_channel.h"
#include "sandbox/session_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#define FIRST_FILE 4
#define LAST_FILE 16

static int64_t write_at(int fd, const void *bytes, size_t size, off_t offset)
{
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
    return pwritev(fd, &vector, 1, offset) == (ssize_t)size ? 0 : -errno;
}

/* Whether the file can be written; it is as before. Writing nothing would succeed everywhere. */
static bool can_write(int fd)
{
    struct stat status;
    uint8_t first;
    struct iovec vector = {.iov_base = &first, .iov_len = 1};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    ssize_t got = preadv(fd, &vector, 1, 0);
    return got == 0 || (got == 1 && write_at(fd, &first, 1, 0) == 0);
}

/* The files that states go to: no others can be written. */
static size_t find_state_files(int files[2])
{
    size_t count = 0;
    for (int fd = FIRST_FILE; fd < LAST_FILE && count < 2; fd++) {
        if (can_write(fd))
            files[count++] = fd;
    }
    return count;
}

/* Which of the two has its turn is the service's to know: both get the same. */
static int64_t write_state(const void *bytes, size_t size, off_t offset)
{
    int files[2];
    int64_t result = 0;
    if (find_state_files(files) != 2)
        return -ENOENT;
    for (size_t i = 0; i < 2 && result == 0; i++)
        result = write_at(files[i], bytes, size, offset);
    return result;
}

static void say_saved(uint64_t size)
{
    const struct {
        struct guest_channel_head head;
        struct session_saved saved;
    } frame = {.head = {.kind = GUEST_CHANNEL_SAVED, .size = sizeof(frame.saved)},
               .saved = {.status = ERROR_OK, .size = size}};
    (void)channel_write(&frame, sizeof(frame));
}

static _Noreturn void end_run(uint64_t size)
{
    uint8_t report[REPORT_ROOM];
    (void)channel_write(report, make_report(report));
    say_saved(size);
    wait_for_ever();
}

int64_t act_save_garbage(int64_t argument)
{
    size_t size = (size_t)argument;
    uint8_t *garbage = malloc(size + 1);
    if (garbage == NULL)
        return -ENOMEM;
    memset(garbage, 0xa5, size);
    int64_t result = write_state(garbage, size, 0);
    if (result != 0)
        return result;
    end_run(size);
}

/* The head of the session's last state: whose interpreter and image are right, so that what follows
 * is read at all. */
static int64_t read_head(struct session_state_head *head)
{
    int files[2];
    struct iovec vector = {.iov_base = head, .iov_len = sizeof(*head)};
    size_t count = find_state_files(files);
    for (size_t i = 0; i < count; i++) {
        if (preadv(files[i], &vector, 1, 0) == (ssize_t)sizeof(*head) &&
            memcmp(head->magic, SESSION_STATE_MAGIC, sizeof(head->magic)) == 0)
            return 0;
    }
    return -ENOENT;
}

int64_t act_save_pieces(int64_t argument)
{
    struct {
        struct session_state_head head;
        struct session_state_run run;
        uint8_t bytes[64];
    } state;
    memset(&state, 0xff, sizeof(state));
    int64_t result = read_head(&state.head);
    if (result != 0)
        return result;
    state.head.memory_size = taken_memory->size;
    state.head.run_count = 0;
    state.head.host_size = 0;
    switch (argument) {
    case 0: /* no memory at all */
        state.head.memory_size = 0;
        break;
    case 1: /* more than there is in the world */
        state.head.memory_size = UINT64_MAX;
        break;
    case 2: /* a run behind the end of memory */
        state.head.run_count = 1;
        state.run = (struct session_state_run){.offset = UINT32_MAX - 7, .size = 8};
        break;
    case 3: /* one that ends there */
        state.head.run_count = 1;
        state.run =
            (struct session_state_run){.offset = (uint32_t)taken_memory->size - 8, .size = 64};
        break;
    case 4: /* one larger than all that follows */
        state.head.run_count = 1;
        state.run = (struct session_state_run){.offset = 0, .size = UINT32_MAX - 7};
        break;
    case 5: /* as many as can be counted */
        state.head.run_count = UINT32_MAX;
        break;
    case 6: /* a host's state of a gibibyte that is not there */
        state.head.host_size = (uint64_t)1 << 30;
        break;
    case 7: /* one larger than a size can be */
        state.head.host_size = UINT64_MAX;
        break;
    case 8: /* one that is none */
        state.head.host_size = sizeof(state.run) + sizeof(state.bytes);
        break;
    default: /* none */
        break;
    }
    result = write_state(&state, sizeof(state), 0);
    if (result != 0)
        return result;
    end_run(sizeof(state));
}

int64_t act_save_bomb(int64_t argument)
{
    static const uint8_t zeros[1 << 20];
    uint8_t packed[4096];
    off_t offset = 0;
    int64_t result = 0;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        return -ENOMEM;
    for (int64_t i = 0; i < argument && result == 0; i++) {
        ZSTD_inBuffer in = {.src = zeros, .size = sizeof(zeros)};
        size_t left;
        do {
            ZSTD_outBuffer out = {.dst = packed, .size = sizeof(packed)};
            left = ZSTD_compressStream2(context, &out, &in,
                                        i + 1 < argument ? ZSTD_e_continue : ZSTD_e_end);
            result = write_state(packed, out.pos, offset);
            offset += (off_t)out.pos;
        } while (result == 0 && !ZSTD_isError(left) &&
                 (in.pos < in.size || (i + 1 == argument && left > 0)));
    }
    if (result != 0)
        return result;
    end_run((uint64_t)offset);
}

int64_t act_save_claim(int64_t argument)
{
    end_run(argument == 0 ? UINT64_MAX : (uint64_t)argument);
}

int64_t act_save_seek(int64_t argument)
{
    int files[2];
    uint8_t byte = 1;
    int64_t result = write_state(&byte, 1, 0);
    if (result != 0 || find_state_files(files) != 2)
        return result;
    for (size_t i = 0; i < 2; i++)
        (void)lseek(files[i], (off_t)argument, SEEK_SET);
    end_run(1);
}

int64_t act_save_twice(int64_t argument)
{
    uint8_t report[REPORT_ROOM];
    (void)argument;
    (void)channel_write(report, make_report(report));
    say_saved(1);
    say_saved(1);
    wait_for_ever();
}

/* Whether `fd` is a memory image: a file that has something in it and cannot be written. */
static bool is_image(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
           !can_write(fd);
}

/* The number of ways in which an image was tried and could not be changed; 0 when none was found.
 */
int64_t act_image_is_sealed(int64_t argument)
{
    (void)argument;
    for (int fd = FIRST_FILE; fd < LAST_FILE; fd++) {
        if (!is_image(fd))
            continue;
        void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return mapped == MAP_FAILED ? 2 : -EEXIST;
    }
    return 0;
}
