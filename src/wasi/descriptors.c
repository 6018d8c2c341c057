/* The descriptor table. Invariant: a guest number is only an index here, never a host number; a
 * right is compared with what the guest holds in one function only; whatever a descriptor owns is
 * given back in one function only. */
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

#include <stdlib.h>
#include <unistd.h>

static uint32_t find(struct wasi_host *host, uint32_t fd, bool directory, uint64_t rights,
                     struct descriptor **found)
{
    if (fd >= WASI_DESCRIPTORS_MAX || host->descriptors[fd].kind == DESCRIPTOR_CLOSED)
        return WASI_ERRNO_BADF;
    struct descriptor *descriptor = &host->descriptors[fd];
    if (directory && descriptor->kind != DESCRIPTOR_DIRECTORY &&
        descriptor->kind != DESCRIPTOR_SCRATCH_DIRECTORY)
        return WASI_ERRNO_NOTDIR;
    uint64_t held = descriptor->rights;
    if ((held & WASI_RIGHT_FD_SEEK) != 0)
        held |= WASI_RIGHT_FD_TELL;
    if ((held & rights) != rights)
        return WASI_ERRNO_NOTCAPABLE;
    *found = descriptor;
    return WASI_ERRNO_SUCCESS;
}

uint32_t descriptor_find(struct wasi_host *host, uint32_t fd, uint64_t rights,
                         struct descriptor **found)
{
    return find(host, fd, false, rights, found);
}

uint32_t descriptor_find_directory(struct wasi_host *host, uint32_t fd, uint64_t rights,
                                   struct descriptor **found)
{
    return find(host, fd, true, rights, found);
}

static uint32_t lowest_closed(const struct wasi_host *host)
{
    uint32_t fd = host->lowest_free;
    while (fd < WASI_DESCRIPTORS_MAX && host->descriptors[fd].kind != DESCRIPTOR_CLOSED)
        fd++;
    return fd;
}

bool descriptor_available(const struct wasi_host *host)
{
    return lowest_closed(host) < WASI_DESCRIPTORS_MAX;
}

uint32_t descriptor_install(struct wasi_host *host, const struct descriptor *descriptor)
{
    uint32_t fd = lowest_closed(host);
    host->descriptors[fd] = *descriptor;
    host->lowest_free = fd + 1;
    return fd;
}

void descriptor_discard(struct wasi_host *host, struct descriptor *descriptor)
{
    if (descriptor->node != NULL)
        scratch_drop(host->scratch, descriptor->node);
    else if (descriptor->kind != DESCRIPTOR_CLOSED && !descriptor->borrowed)
        (void)close(descriptor->host_fd);
    directory_listing_free(descriptor->listing);
    free(descriptor->preopen_path);
    free(descriptor->path);
    *descriptor = (struct descriptor){.kind = DESCRIPTOR_CLOSED};
}

void descriptor_release(struct wasi_host *host, uint32_t fd)
{
    if (host->descriptors[fd].kind == DESCRIPTOR_CLOSED)
        return;
    descriptor_discard(host, &host->descriptors[fd]);
    if (fd < host->lowest_free)
        host->lowest_free = fd;
}

bool descriptor_changeable(const struct wasi_host *host, const struct descriptor *descriptor)
{
    return descriptor->node != NULL ? host->scratch->budget.limit != 0 : descriptor->changeable;
}

uint32_t preview1_fd_close(void *context, uint32_t fd)
{
    struct wasi_host *host = context;
    struct descriptor *descriptor;
    uint32_t result = descriptor_find(host, fd, 0, &descriptor);
    if (result == WASI_ERRNO_SUCCESS)
        descriptor_release(host, fd);
    return result;
}

uint32_t preview1_fd_renumber(void *context, uint32_t from, uint32_t to)
{
    struct wasi_host *host = context;
    struct descriptor *source;
    struct descriptor *destination;
    uint32_t result = descriptor_find(host, from, 0, &source);
    if (result == WASI_ERRNO_SUCCESS)
        result = descriptor_find(host, to, 0, &destination);
    if (result != WASI_ERRNO_SUCCESS || from == to)
        return result;
    descriptor_release(host, to);
    *destination = *source;
    *source = (struct descriptor){.kind = DESCRIPTOR_CLOSED};
    host->lowest_free = lowest_closed(host);
    if (from < host->lowest_free)
        host->lowest_free = from;
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_fd_fdstat_set_rights(void *context, uint32_t fd, uint64_t rights,
                                       uint64_t inheriting)
{
    struct descriptor *descriptor;
    uint32_t result = descriptor_find(context, fd, 0, &descriptor);
    if (result != WASI_ERRNO_SUCCESS)
        return result;
    if (((rights | inheriting) & ~WASI_RIGHTS_ALL) != 0)
        return WASI_ERRNO_INVAL;
    if ((rights & ~descriptor->rights) != 0 || (inheriting & ~descriptor->inheriting) != 0)
        return WASI_ERRNO_NOTCAPABLE;
    descriptor->rights = rights;
    descriptor->inheriting = inheriting;
    return WASI_ERRNO_SUCCESS;
}
