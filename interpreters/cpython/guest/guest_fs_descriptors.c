/*
 * The guest's file system: the table of open files.
 *
 * Invariant: the first slots are the mounts, opened by guest_fs_mount() and never closed.
 */
#include "guest_fs.h"

#include <stdlib.h>

static struct open_file open_files[GUEST_FS_DESCRIPTORS_MAXIMUM];

/* After wasi-libc has registered the host's preopens; its constructor has priority 50. */
__attribute__((constructor(60))) static void mount(void)
{
    guest_fs_mount();
}

struct open_file *guest_fs_lookup(__wasi_fd_t descriptor)
{
    uint32_t slot = (uint32_t)descriptor - GUEST_FS_FIRST_DESCRIPTOR;
    if (slot >= GUEST_FS_DESCRIPTORS_MAXIMUM || !open_files[slot].used)
        return NULL;
    return &open_files[slot];
}

__wasi_errno_t guest_fs_lookup_directory(__wasi_fd_t descriptor, struct open_file **directory)
{
    *directory = guest_fs_lookup(descriptor);
    if (*directory == NULL)
        return __WASI_ERRNO_BADF;
    bool is_directory = guest_fs_entry((*directory)->entry)->kind == STDLIB_ARCHIVE_DIRECTORY;
    return is_directory ? __WASI_ERRNO_SUCCESS : __WASI_ERRNO_NOTDIR;
}

__wasi_errno_t guest_fs_open_entry(uint32_t entry, __wasi_fd_t *descriptor)
{
    for (uint32_t slot = 0; slot < GUEST_FS_DESCRIPTORS_MAXIMUM; slot++) {
        if (open_files[slot].used)
            continue;
        open_files[slot] = (struct open_file){.used = true, .entry = entry};
        *descriptor = (__wasi_fd_t)(GUEST_FS_FIRST_DESCRIPTOR + slot);
        return __WASI_ERRNO_SUCCESS;
    }
    return __WASI_ERRNO_MFILE;
}

__wasi_errno_t guest_fs_close(struct open_file *file)
{
    if (file < &open_files[GUEST_FS_MOUNTS])
        return __WASI_ERRNO_BADF;
    free(file->inflated);
    *file = (struct open_file){0};
    return __WASI_ERRNO_SUCCESS;
}
