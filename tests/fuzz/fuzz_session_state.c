/* libFuzzer target: any bytes as the state of a session, as a guest process brings it back. What is
 * brought back must lie inside the memory, be saved and brought back again, and be the same then.
 *
 * The first byte says what is done with the others: 1, they get the head's words that name the
 * interpreter and the image; 2, they are packed as on disk, so that no checksum is in the way.
 *
 *     TMPDIR=/dev/shm build-fuzzing/tests/fuzz/fuzz_session_state -max_total_time=600 CORPUS
 * tests/fuzz/corpus/session_state
 */
#include "fuzz_wasi_host.h"

#include "sandbox/guest.h"
#include "sandbox/session_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define IMAGE_SIZE WASM_PAGE_SIZE
#define MEMORY_MAXIMUM (2u * WASM_PAGE_SIZE)
#define FIX_HEAD 1u
#define PACK 2u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What session_state.c knows of a guest: its memory and its host. In place of sandbox/guest.c. */
struct guest {
    struct wasi_host *host;
};

static struct guest guest;
static int image_fd;
static int state_fd;
static int save_fds[2];

struct linear_memory *guest_memory(struct guest *of)
{
    (void)of;
    return &memory;
}

struct wasi_host *guest_wasi(struct guest *of)
{
    return of->host;
}

int guest_set_memory(struct guest *of, int image, uint64_t image_size, uint64_t size,
                     struct error *error)
{
    (void)of;
    if (size > MEMORY_MAXIMUM)
        return error_set(error, ERROR_MEMORY_LIMIT, "more than there is here");
    memset(memory.base, 0, MEMORY_MAXIMUM);
    memory.size = size;
    return pread(image, memory.base, image_size, 0) == (ssize_t)image_size ? 0 : -1;
}

static int make_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    require(fd >= 0, "memfd_create");
    return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static uint8_t image[IMAGE_SIZE];
    (void)argc;
    (void)argv;
    fuzz_host_prepare();
    for (size_t i = 0; i < sizeof(image); i++)
        image[i] = (uint8_t)(i / 64);
    image_fd = make_file("image");
    require(write(image_fd, image, sizeof(image)) == (ssize_t)sizeof(image), "image");
    state_fd = make_file("state");
    save_fds[0] = make_file("save");
    save_fds[1] = make_file("save");
    return 0;
}

static void set_file(int fd, const void *bytes, size_t size)
{
    require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size, "a file");
}

static void fix_head(uint8_t *state, size_t size)
{
    struct session_state_head head;
    if (size < sizeof(head))
        return;
    memcpy(&head, state, sizeof(head));
    memcpy(head.magic, SESSION_STATE_MAGIC, sizeof(head.magic));
    memset(head.interpreter, 0, sizeof(head.interpreter));
    memset(head.image, 0, sizeof(head.image));
    memcpy(state, &head, sizeof(head));
}

static void put_state(unsigned mode, uint8_t *state, size_t size)
{
    if ((mode & FIX_HEAD) != 0)
        fix_head(state, size);
    if ((mode & PACK) == 0) {
        set_file(state_fd, state, size);
        return;
    }
    size_t room = ZSTD_compressBound(size);
    void *packed = malloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    require(packed != NULL && context != NULL, "memory");
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t packed_size = ZSTD_compress2(context, packed, room, state, size);
    require(!ZSTD_isError(packed_size), "packing");
    set_file(state_fd, packed, packed_size);
    (void)ZSTD_freeCCtx(context);
    free(packed);
}

/* Brings `state` back into a guest as it was forked. */
static int restore(struct session_context *context, int state, struct error *error)
{
    guest.host = fuzz_host_new();
    context->state_fd = state;
    require(lseek(state, 0, SEEK_SET) == 0, "lseek");
    return session_state_restore(context, &guest, MEMORY_MAXIMUM + ((uint64_t)16 << 20), error);
}

/* Saves the guest, and gives it up. The file that has its state. */
static int save(struct session_context *context)
{
    struct session_saved saved;
    int fd = save_fds[context->saves % 2];
    require(ftruncate(fd, 0) == 0, "ftruncate");
    session_state_save(context, &guest, (uint64_t)1 << 24, &saved);
    require(saved.status == ERROR_OK && lseek(fd, 0, SEEK_END) == (off_t)saved.size,
            "what was brought back cannot be saved");
    wasi_host_free(guest.host);
    return fd;
}

static void check_same(int first, int second)
{
    static uint8_t left[1 << 20];
    static uint8_t right[1 << 20];
    struct session_state_head heads[2];
    ssize_t size = pread(first, left, sizeof(left), 0);
    require(size == pread(second, right, sizeof(right), 0), "another size");
    /* The clock went on. */
    memcpy(&heads[0], left, sizeof(heads[0]));
    memcpy(&heads[1], right, sizeof(heads[1]));
    heads[0].monotonic_ns = heads[1].monotonic_ns;
    memcpy(left, &heads[0], sizeof(heads[0]));
    require(memcmp(left, right, (size_t)size) == 0, "another state");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session_context context = {
        .image_fd = image_fd, .save_fds = {save_fds[0], save_fds[1]}, .pagemap_fd = -1};
    struct error error = ERROR_NONE;
    if (size == 0 || size > 1 << 19)
        return 0;
    uint8_t *state = malloc(size);
    require(state != NULL, "memory");
    memcpy(state, data + 1, size - 1);
    put_state(data[0], state, size - 1);
    free(state);
    fuzz_host_begin();
    if (restore(&context, state_fd, &error) == 0) {
        require(memory.size <= MEMORY_MAXIMUM && memory.size >= IMAGE_SIZE, "the memory's size");
        int first = save(&context);
        require(restore(&context, first, &error) == 0, error.message);
        check_same(first, save(&context));
    } else {
        require(error.kind == ERROR_INVALID_REQUEST || error.kind == ERROR_MEMORY_LIMIT ||
                    (error.kind == ERROR_INTERNAL && errno == ENOMEM),
                error.message);
        wasi_host_free(guest.host);
    }
    memory.size = MEMORY_MAXIMUM;
    fuzz_host_end();
    return 0;
}
