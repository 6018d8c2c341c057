/* States of sessions. Invariant of restoring: nothing of a state is used before it was compared
 * with what there is room for, and every run lies inside the linear memory. */
#include "sandbox/session_state.h"

#include "base/buffer.h"
#include "base/file_status.h"
#include "engine/linear_memory.h"
#include "sandbox/guest.h"
#include "sandbox/state_reader.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_SIZE ((size_t)4096)
#define HOST_SIZE_MAX ((uint32_t)1 << 30)
#define BATCH 256 /* pages at a time */
#define OUTPUT_SIZE ((size_t)64 << 10)

/* Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE (UINT64_C(1) << 61)

/* ---- restoring ---- */

static int damaged(struct error *error)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "the saved session is damaged and cannot be brought back. Delete it and begin "
                     "anew");
}

static int check_limit(uint64_t size, uint64_t memory_limit, struct error *error)
{
    if (size <= memory_limit)
        return 0;
    return error_set(error, ERROR_MEMORY_LIMIT,
                     "Memory limit exceeded: the session holds %" PRIu64
                     " bytes and the limit is %" PRIu64
                     ". Raise wasi.memory_limit_bytes (memory_limit_bytes in a request)",
                     size, memory_limit);
}

int session_state_check_limit(struct guest *guest, uint64_t memory_limit, struct error *error)
{
    const struct linear_memory *memory = guest_memory(guest);
    return check_limit(memory->size + memory->charged, memory_limit, error);
}

static int check_head(const struct session_context *context, const struct session_state_head *head,
                      uint64_t image_size, uint64_t memory_limit, struct error *error)
{
    if (memcmp(head->magic, SESSION_STATE_MAGIC, sizeof(head->magic)) != 0)
        return damaged(error);
    if (memcmp(head->interpreter, context->interpreter, sizeof(head->interpreter)) != 0)
        return error_set(
            error, ERROR_INVALID_REQUEST,
            "the saved session was made by another build of the interpreter and cannot "
            "be brought back by this one. Delete it and begin anew");
    if (memcmp(head->image, context->image, sizeof(head->image)) != 0 ||
        head->memory_size % WASM_PAGE_SIZE != 0 || head->memory_size < image_size ||
        head->memory_size > UINT32_MAX || head->host_size > HOST_SIZE_MAX ||
        head->monotonic_ns > INT64_MAX || head->reserved != 0)
        return damaged(error);
    return check_limit(head->memory_size, memory_limit, error);
}

/* A run that is empty saves nothing: a few packed bytes could hold thousands of millions of them.
 */
static bool is_well_formed(const struct session_state_run *run)
{
    return run->size > 0 && run->size % SESSION_STATE_UNIT == 0 &&
           run->offset % SESSION_STATE_UNIT == 0;
}

static int read_runs(struct state_reader *reader, const struct linear_memory *memory,
                     uint32_t count)
{
    uint64_t lowest = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct session_state_run run;
        if (state_reader_read(reader, &run, sizeof(run)) != 0 || !is_well_formed(&run) ||
            run.offset < lowest || run.offset > memory->size ||
            run.size > memory->size - run.offset ||
            state_reader_read(reader, memory->base + run.offset, run.size) != 0)
            return -1;
        lowest = (uint64_t)run.offset + run.size;
    }
    return 0;
}

/* Everything behind the head. */
static int read_contents(struct state_reader *reader, const struct session_state_head *head,
                         struct guest *guest, struct error *error)
{
    uint8_t *host = malloc((size_t)head->host_size + 1);
    int result = -1;
    if (host == NULL)
        error_set(error, ERROR_INTERNAL, "no memory to bring a session back");
    else if (read_runs(reader, guest_memory(guest), head->run_count) != 0 ||
             state_reader_read(reader, host, head->host_size) != 0 || !state_reader_at_end(reader))
        damaged(error);
    else
        result = wasi_host_restore(guest_wasi(guest), host, head->host_size, error);
    free(host);
    return result;
}

int session_state_restore(struct session_context *context, struct guest *guest,
                          uint64_t memory_limit, struct error *error)
{
    struct stat image;
    struct session_state_head head;
    /* A file's state lies behind its head, where whoever opened it left the position. */
    struct state_reader *reader =
        state_reader_new(context->state_fd, lseek(context->state_fd, 0, SEEK_CUR));
    int result = -1;
    linear_memory_set_limit(guest_memory(guest), memory_limit);
    if (reader == NULL)
        error_set(error, ERROR_INTERNAL, "no memory to bring a session back");
    else if (file_status(context->image_fd, &image) != 0)
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot examine a memory image");
    else if (state_reader_read(reader, &head, sizeof(head)) != 0)
        damaged(error);
    else if (check_head(context, &head, (uint64_t)image.st_size, memory_limit, error) == 0 &&
             guest_set_memory(guest, context->image_fd, (uint64_t)image.st_size, head.memory_size,
                              error) == 0 &&
             read_contents(reader, &head, guest, error) == 0)
        result = 0;
    state_reader_free(reader);
    if (result == 0)
        wasi_host_set_monotonic_floor(guest_wasi(guest), head.monotonic_ns);
    return result;
}

/* ---- saving ---- */

/* A state that is being written, through a buffer. */
struct saving {
    struct session_context *context;
    const struct linear_memory *memory;
    uint64_t image_size;
    int fd;
    uint64_t limit;
    uint64_t size; /* so far, with what is in the buffer */
    size_t used;
    uint32_t run_count;
    enum error_kind failure;
    uint8_t buffer[OUTPUT_SIZE];
};

static int write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        struct iovec vector = {.iov_base = (void *)from, .iov_len = size};
        ssize_t written = pwritev(fd, &vector, 1, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        from += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

static void flush(struct saving *saving)
{
    if (saving->failure == ERROR_OK &&
        write_at(saving->fd, saving->buffer, saving->used, saving->size - saving->used) != 0)
        saving->failure = ERROR_INTERNAL;
    saving->used = 0;
}

static void put(struct saving *saving, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    if (saving->failure == ERROR_OK && size > saving->limit - saving->size)
        saving->failure = ERROR_MEMORY_LIMIT;
    while (size > 0 && saving->failure == ERROR_OK) {
        size_t room = sizeof(saving->buffer) - saving->used;
        size_t part = size < room ? size : room;
        memcpy(saving->buffer + saving->used, from, part);
        saving->used += part;
        saving->size += part;
        from += part;
        size -= part;
        if (saving->used == sizeof(saving->buffer))
            flush(saving);
    }
}

static bool is_written(uint64_t entry)
{
    return (entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0 && (entry & PAGEMAP_FILE) == 0;
}

/* Whether the pages from `first` on, `count` of them, may differ from the image; one answer each.
 */
static void look_at(const struct saving *saving, size_t first, size_t count, bool *written)
{
    static uint64_t entries[BATCH];
    struct iovec vector = {.iov_base = entries, .iov_len = count * sizeof(uint64_t)};
    off_t offset =
        (off_t)(((uintptr_t)saving->memory->base / PAGE_SIZE + first) * sizeof(uint64_t));
    bool known = saving->context->pagemap_fd >= 0 &&
                 preadv(saving->context->pagemap_fd, &vector, 1, offset) == (ssize_t)vector.iov_len;
    for (size_t i = 0; i < count; i++)
        written[i] = !known || is_written(entries[i]);
}

/* What the page held in the image; NULL when that cannot be read. */
static const uint8_t *former_page(const struct saving *saving, size_t page)
{
    static const uint8_t zeros[PAGE_SIZE];
    static uint8_t former[PAGE_SIZE];
    struct iovec vector = {.iov_base = former, .iov_len = PAGE_SIZE};
    if (page * PAGE_SIZE >= saving->image_size)
        return zeros;
    return preadv(saving->context->image_fd, &vector, 1, (off_t)(page * PAGE_SIZE)) ==
                   (ssize_t)PAGE_SIZE
               ? former
               : NULL;
}

static bool units_differ(const uint8_t *present, const uint8_t *former, size_t at)
{
    return memcmp(present + at, former + at, SESSION_STATE_UNIT) != 0;
}

/* Appends the runs of a page that differs. */
static void put_page(struct saving *saving, size_t page, const uint8_t *former)
{
    const uint8_t *present = saving->memory->base + page * PAGE_SIZE;
    size_t at = 0;
    while (at < PAGE_SIZE) {
        if (!units_differ(present, former, at)) {
            at += SESSION_STATE_UNIT;
            continue;
        }
        /* One unit that is as before costs no more than the head of another run. */
        size_t end = at + SESSION_STATE_UNIT;
        for (size_t next = end; next < PAGE_SIZE && next <= end + SESSION_STATE_UNIT;
             next += SESSION_STATE_UNIT) {
            if (units_differ(present, former, next))
                end = next + SESSION_STATE_UNIT;
        }
        const struct session_state_run run = {.offset = (uint32_t)(page * PAGE_SIZE + at),
                                              .size = (uint32_t)(end - at)};
        put(saving, &run, sizeof(run));
        put(saving, present + at, run.size);
        saving->run_count++;
        at = end;
    }
}

/* Appends what differs; the memory of pages that do not after all is given back. */
static void put_memory(struct saving *saving)
{
    size_t pages = (size_t)saving->memory->size / PAGE_SIZE;
    for (size_t page = 0; page < pages && saving->failure == ERROR_OK; page++) {
        static bool written[BATCH];
        if (page % BATCH == 0)
            look_at(saving, page, pages - page < BATCH ? pages - page : BATCH, written);
        if (!written[page % BATCH])
            continue;
        const uint8_t *former = former_page(saving, page);
        uint8_t *present = saving->memory->base + page * PAGE_SIZE;
        if (former == NULL)
            saving->failure = ERROR_INTERNAL;
        else if (memcmp(present, former, PAGE_SIZE) != 0)
            put_page(saving, page, former);
        else if (saving->context->pagemap_fd >= 0)
            (void)madvise(present, PAGE_SIZE, MADV_DONTNEED);
    }
}

static void save(struct saving *saving, struct guest *guest)
{
    struct error error = ERROR_NONE;
    const struct session_context *context = saving->context;
    BUFFER_LOCAL struct buffer host = BUFFER_EMPTY;
    struct session_state_head head = {.memory_size = saving->memory->size,
                                      .monotonic_ns = wasi_host_monotonic(guest_wasi(guest))};
    memcpy(head.magic, SESSION_STATE_MAGIC, sizeof(head.magic));
    memcpy(head.interpreter, context->interpreter, sizeof(head.interpreter));
    memcpy(head.image, context->image, sizeof(head.image));
    put(saving, &head, sizeof(head)); /* its place */
    put_memory(saving);
    if (saving->failure == ERROR_OK && wasi_host_save(guest_wasi(guest), &host, &error) != 0)
        saving->failure = ERROR_INTERNAL;
    if (host.size > HOST_SIZE_MAX)
        saving->failure = ERROR_MEMORY_LIMIT;
    put(saving, host.data, host.size);
    flush(saving);
    head.run_count = saving->run_count;
    head.host_size = host.size;
    if (saving->failure == ERROR_OK && write_at(saving->fd, &head, sizeof(head), 0) != 0)
        saving->failure = ERROR_INTERNAL;
}

void session_state_save(struct session_context *context, struct guest *guest, uint64_t limit,
                        struct session_saved *saved)
{
    static struct saving saving;
    struct stat image;
    *saved = (struct session_saved){.status = ERROR_INTERNAL};
    if (file_status(context->image_fd, &image) != 0)
        return;
    saving.context = context;
    saving.memory = guest_memory(guest);
    saving.image_size = (uint64_t)image.st_size;
    saving.fd = context->save_fds[context->saves++ % 2];
    saving.limit = limit;
    saving.size = saving.used = saving.run_count = 0;
    saving.failure = ERROR_OK;
    save(&saving, guest);
    *saved = (struct session_saved){.status = saving.failure, .size = saving.size};
}
