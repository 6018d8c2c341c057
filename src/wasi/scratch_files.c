/* The fd_* functions in scratch. Invariant: the descriptor holds its node; a read-only scratch is
 * not written to; a position is never above INT64_MAX. */
#include "wasi/scratch_calls.h"

#include <unistd.h>

/* "shannon" in ASCII: a device number that the host's file systems do not have. */
#define SCRATCH_DEVICE UINT64_C(0x7368616e6e6f6e00)

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

uint32_t scratch_read(struct wasi_host *host, struct descriptor *file, int vector_count,
                      uint64_t offset, uint32_t *moved)
{
    uint64_t from = offset == NO_OFFSET ? file->position : offset;
    *moved = 0;
    for (int i = 0; i < vector_count; i++) {
        const struct iovec *vector = &host->vectors[i];
        size_t size = scratch_content_read(&file->node->content, from + *moved, vector->iov_base,
                                           vector->iov_len);
        *moved += (uint32_t)size;
        if (size < vector->iov_len)
            break;
    }
    if (offset == NO_OFFSET)
        file->position += *moved;
    return WASI_ERRNO_SUCCESS;
}

/* As Linux does, a file that is open for appending is appended to also by fd_pwrite; see
 * pwrite(2), BUGS. */
uint32_t scratch_write(struct wasi_host *host, struct descriptor *file, int vector_count,
                       uint64_t offset, uint32_t *moved)
{
    struct scratch_content *content = &file->node->content;
    uint32_t failure = WASI_ERRNO_SUCCESS;
    *moved = 0;
    if (!descriptor_changeable(host, file))
        return WASI_ERRNO_ROFS;
    uint64_t to = offset == NO_OFFSET ? file->position : offset;
    if ((file->flags & WASI_FDFLAGS_APPEND) != 0)
        to = content->size;
    for (int i = 0; i < vector_count; i++) {
        const struct iovec *vector = &host->vectors[i];
        size_t size = scratch_content_write(content, &host->scratch->budget, to + *moved,
                                            vector->iov_base, vector->iov_len, &failure);
        *moved += (uint32_t)size;
        if (size < vector->iov_len)
            break;
    }
    if (*moved == 0)
        return failure;
    scratch_content_changed(host->scratch, file->node);
    if (offset == NO_OFFSET)
        file->position = to + *moved;
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_seek(struct descriptor *file, int64_t offset, int whence)
{
    uint64_t base = 0;
    if (whence == SEEK_CUR)
        base = file->position;
    else if (whence == SEEK_END)
        base = file->node->content.size;
    int64_t position;
    if (__builtin_add_overflow((int64_t)base, offset, &position) || position < 0)
        return WASI_ERRNO_INVAL;
    file->position = (uint64_t)position;
    return WASI_ERRNO_SUCCESS;
}

uint32_t scratch_allocate(struct wasi_host *host, struct descriptor *file, uint64_t offset,
                          uint64_t size)
{
    if (!descriptor_changeable(host, file))
        return WASI_ERRNO_ROFS;
    uint32_t failure =
        scratch_content_allocate(&file->node->content, &host->scratch->budget, offset, size);
    if (failure == WASI_ERRNO_SUCCESS)
        scratch_content_changed(host->scratch, file->node);
    return failure;
}

uint32_t scratch_set_size(struct wasi_host *host, struct descriptor *file, uint64_t size)
{
    uint32_t failure = scratch_content_resize(&file->node->content, &host->scratch->budget, size);
    if (failure == WASI_ERRNO_SUCCESS)
        scratch_content_changed(host->scratch, file->node);
    return failure;
}

uint64_t scratch_bytes_to_read(const struct descriptor *file)
{
    uint64_t size = file->node->content.size;
    return size < file->position ? 0 : size - file->position;
}

static struct timespec timespec_from(uint64_t nanoseconds)
{
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / NANOSECONDS_PER_SECOND),
                             .tv_nsec = (long)(nanoseconds % NANOSECONDS_PER_SECOND)};
}

void scratch_status(const struct scratch_node *node, struct stat *status)
{
    *status = (struct stat){
        .st_dev = SCRATCH_DEVICE,
        .st_ino = node->number,
        .st_mode = node->is_folder ? S_IFDIR : S_IFREG,
        .st_nlink = scratch_link_count(node),
        .st_size = (off_t)node->content.size,
        .st_atim = timespec_from(node->accessed),
        .st_mtim = timespec_from(node->modified),
        .st_ctim = timespec_from(node->status_changed),
    };
}

static void set_time(uint64_t *time, struct timespec wanted, uint64_t now)
{
    if (wanted.tv_nsec == UTIME_NOW)
        *time = now;
    else if (wanted.tv_nsec != UTIME_OMIT)
        *time = nanoseconds_from(wanted);
}

void scratch_set_times(struct scratch_node *node, const struct timespec times[2])
{
    uint64_t now = scratch_now();
    set_time(&node->accessed, times[0], now);
    set_time(&node->modified, times[1], now);
    node->status_changed = now;
}

/* The entry of `cookie`: ".", "..", or the first at or behind it. False at the end. */
static bool entry_of(const struct descriptor *directory, uint64_t cookie,
                     struct directory_entry *entry)
{
    struct scratch_node *folder = directory->node;
    if (cookie < SCRATCH_COOKIE_FIRST) {
        /* The folder above is none of the guest's business, as in a folder of the host. */
        *entry = (struct directory_entry){.next = cookie + 1,
                                          .serial = cookie == 0 ? folder->number : 0,
                                          .filetype = WASI_FILETYPE_DIRECTORY,
                                          .name = "..",
                                          .name_size = (uint32_t)cookie + 1};
        return true;
    }
    const struct scratch_node *node = scratch_entry_from(folder, cookie);
    if (node == NULL || node->cookie >= directory->position)
        return false;
    *entry = (struct directory_entry){.next = node->cookie + 1,
                                      .serial = node->number,
                                      .filetype = node->is_folder ? WASI_FILETYPE_DIRECTORY
                                                                  : WASI_FILETYPE_REGULAR_FILE,
                                      .name = node->name,
                                      .name_size = node->name_size};
    return true;
}

uint32_t scratch_list(struct wasi_host *host, struct descriptor *directory, uint8_t *to,
                      uint32_t size, uint64_t cookie, uint32_t *used)
{
    struct directory_entry entry;
    if (!directory->node->is_linked)
        return WASI_ERRNO_NOENT;
    if (cookie == 0 || directory->position == 0)
        directory->position = host->scratch->next_cookie;
    *used = 0;
    while (*used < size && entry_of(directory, cookie, &entry)) {
        *used += directory_entry_store(to + *used, size - *used, &entry);
        cookie = entry.next;
    }
    return WASI_ERRNO_SUCCESS;
}
