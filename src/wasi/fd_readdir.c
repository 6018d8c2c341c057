/* fd_readdir. Invariant: a cookie is the number of entries before the one meant, counted as this
 * listing read them, so that it stays right while entries are removed; the listing has a host
 * description of its own, so that two processes forked from one never move each other's position.
 *
 * Only one block of entries is kept. A guest asks for the entry after the last whole one it got,
 * and that one is always in the block read last. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/scratch_calls.h"
#include "wasi/wasi_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_SIZE 4000u

struct directory_listing {
    int host_fd;
    uint64_t first;   /* cookie of the first entry in the block */
    uint64_t count;   /* entries in the block; 0 at the end of the folder */
    uint32_t size;    /* bytes in the block */
    uint64_t next;    /* cookie of the entry at next_at, between first and first + count */
    uint32_t next_at; /* byte offset in the block */
    _Alignas(struct dirent64) char block[BLOCK_SIZE];
};

void directory_listing_free(struct directory_listing *listing)
{
    if (listing == NULL)
        return;
    (void)close(listing->host_fd);
    free(listing);
}

static const struct dirent64 *entry_at(const struct directory_listing *listing, uint32_t offset)
{
    return (const struct dirent64 *)(const void *)(listing->block + offset);
}

/* Reads the block after the present one. */
static uint32_t next_block(struct directory_listing *listing)
{
    ssize_t size = getdents64(listing->host_fd, listing->block, BLOCK_SIZE);
    if (size < 0)
        return errno_from_host(errno);
    listing->first += listing->count;
    listing->next = listing->first;
    listing->next_at = 0;
    listing->count = 0;
    listing->size = (uint32_t)size;
    for (uint32_t offset = 0; offset < listing->size; offset += entry_at(listing, offset)->d_reclen)
        listing->count++;
    return WASI_ERRNO_SUCCESS;
}

/* Begins to list the folder anew. */
static uint32_t restart(struct descriptor *directory)
{
    directory_listing_free(directory->listing);
    directory->listing = NULL;
    int host_fd = resolve_open(directory->host_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (host_fd < 0)
        return errno_from_resolution(errno);
    struct directory_listing *listing = malloc(sizeof(*listing));
    if (listing == NULL) {
        (void)close(host_fd);
        return WASI_ERRNO_NOMEM;
    }
    listing->host_fd = host_fd;
    listing->first = 0;
    listing->count = 0;
    uint32_t failure = next_block(listing);
    if (failure != WASI_ERRNO_SUCCESS) {
        directory_listing_free(listing);
        return failure;
    }
    directory->listing = listing;
    return WASI_ERRNO_SUCCESS;
}

/* Makes the entry of `cookie` the next one, or leaves the listing at its end. */
static uint32_t move_to(struct descriptor *directory, uint64_t cookie)
{
    uint32_t failure = WASI_ERRNO_SUCCESS;
    if (cookie == 0 || directory->listing == NULL || cookie < directory->listing->first)
        failure = restart(directory);
    struct directory_listing *listing = directory->listing;
    while (failure == WASI_ERRNO_SUCCESS && listing->count > 0 &&
           cookie - listing->first >= listing->count)
        failure = next_block(listing);
    if (failure != WASI_ERRNO_SUCCESS || listing->count == 0)
        return failure;
    if (cookie < listing->next) {
        listing->next = listing->first;
        listing->next_at = 0;
    }
    for (; listing->next < cookie; listing->next++)
        listing->next_at += entry_at(listing, listing->next_at)->d_reclen;
    return WASI_ERRNO_SUCCESS;
}

/* File systems may leave the type out; see readdir(3). */
static uint8_t entry_type(const struct directory_listing *listing, const struct dirent64 *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return filetype_from_mode((mode_t)DTTOIF((unsigned)entry->d_type));
    if (fstatat(listing->host_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return WASI_FILETYPE_UNKNOWN;
    return filetype_from_mode(status.st_mode);
}

/* Copies as much of `bytes` as there is room for; returns how much that was. */
static uint32_t put(uint8_t *to, uint32_t room, const void *bytes, uint32_t size)
{
    if (size > room)
        size = room;
    memcpy(to, bytes, size);
    return size;
}

uint32_t directory_entry_store(uint8_t *to, uint32_t room, const struct directory_entry *entry)
{
    uint8_t record[WASI_DIRENT_SIZE] = {0};
    store_u64(record, entry->next);
    store_u64(record + 8, entry->serial);
    store_u32(record + 16, entry->name_size);
    record[20] = entry->filetype;
    uint32_t used = put(to, room, record, sizeof(record));
    return used + put(to + used, room - used, entry->name, entry->name_size);
}

/* The folder above a preopen is none of the guest's business, not even its serial number. */
static uint32_t put_entry(const struct directory_listing *listing, uint8_t *to, uint32_t room)
{
    const struct dirent64 *found = entry_at(listing, listing->next_at);
    const struct directory_entry entry = {
        .next = listing->next + 1,
        .serial = strcmp(found->d_name, "..") == 0 ? 0 : found->d_ino,
        .filetype = entry_type(listing, found),
        .name = found->d_name,
        .name_size = (uint32_t)strlen(found->d_name),
    };
    return directory_entry_store(to, room, &entry);
}

static uint32_t list(struct descriptor *directory, uint8_t *to, uint32_t size, uint64_t cookie,
                     uint32_t *used)
{
    uint32_t failure = move_to(directory, cookie);
    while (failure == WASI_ERRNO_SUCCESS && *used < size && directory->listing->count > 0) {
        struct directory_listing *listing = directory->listing;
        *used += put_entry(listing, to + *used, size - *used);
        if (*used == size)
            break;
        listing->next_at += entry_at(listing, listing->next_at)->d_reclen;
        listing->next++;
        if (listing->next_at == listing->size)
            failure = next_block(listing);
    }
    return failure;
}

uint32_t preview1_fd_readdir(void *context, uint32_t fd, uint32_t buffer, uint32_t size,
                             uint64_t cookie, uint32_t result)
{
    struct wasi_host *host = context;
    struct descriptor *directory;
    uint32_t failure = descriptor_find_directory(host, fd, WASI_RIGHT_FD_READDIR, &directory);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint8_t *to = guest_at(host, buffer, size);
    uint8_t *used_to = guest_at(host, result, sizeof(uint32_t));
    if (to == NULL || used_to == NULL)
        return WASI_ERRNO_FAULT;
    uint32_t used = 0;
    if (directory->kind == DESCRIPTOR_SCRATCH_DIRECTORY)
        failure = scratch_list(host, directory, to, size, cookie, &used);
    else
        failure = list(directory, to, size, cookie, &used);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    store_u32(used_to, used);
    return WASI_ERRNO_SUCCESS;
}
