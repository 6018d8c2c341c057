/* What the files of src/wasi share. Not for others: they use wasi_host.h. */
#ifndef SHANNON_WASI_WASI_INTERNAL_H
#define SHANNON_WASI_WASI_INTERNAL_H

#include "base/buffer.h"
#include "wasi/abi.h"
#include "wasi/scratch_tree.h"
#include "wasi/wasi_host.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Where a transfer takes place that has no offset of its own: at the descriptor's position. */
#define NO_OFFSET UINT64_MAX

enum descriptor_kind {
    DESCRIPTOR_CLOSED,
    DESCRIPTOR_STANDARD,  /* granted by wasi_host_set_standard */
    DESCRIPTOR_STREAM,    /* granted by wasi_host_set_stream; no host_fd */
    DESCRIPTOR_FILE,      /* a regular file beneath a preopen */
    DESCRIPTOR_DIRECTORY, /* a preopen, or a directory beneath one */
    DESCRIPTOR_SCRATCH_FILE,
    DESCRIPTOR_SCRATCH_DIRECTORY, /* one of scratch's two preopens, or a folder beneath one */
};

struct directory_listing; /* fd_readdir.c */

/* One guest descriptor: what the number stands for in the host and what may be done with it. */
struct descriptor {
    enum descriptor_kind kind;
    int host_fd;     /* -1: a stream, or in scratch */
    uint8_t stream;  /* index into the host's streams */
    bool borrowed;   /* host_fd is not closed with the descriptor */
    bool changeable; /* of the host: lies beneath a writable preopen; see descriptor_changeable */
    bool writing;    /* of the host: open for writing */
    uint8_t filetype;
    uint16_t flags; /* fdflags */
    uint32_t grant; /* the number that it, or the preopen above it, had when it was granted */
    uint64_t rights;
    uint64_t inheriting; /* the most that a descriptor opened beneath may have */
    char *preopen_path;  /* owned; NULL unless a preopen */
    char *path;          /* owned; of the host: the path beneath the preopen by which it was opened;
                            NULL for a preopen itself, and when there was no remembering it */
    struct directory_listing *listing; /* owned; of the host; NULL until fd_readdir */
    struct scratch_node *node;         /* held; only in scratch */
    uint64_t position; /* of a scratch file; of a folder the cookie at which its listing ends */
};

/* Whether it was granted by the owner: a standard descriptor or a preopen, at any number. */
static inline bool descriptor_is_grant(const struct descriptor *descriptor)
{
    return descriptor->kind == DESCRIPTOR_STANDARD || descriptor->kind == DESCRIPTOR_STREAM ||
           descriptor->preopen_path != NULL;
}

struct string_list {
    struct buffer text; /* the strings, each with its NUL, one behind the other */
    uint32_t count;
};

/* The scratch room is here because host functions run on the guest's stack, which the guest may
 * have used up almost entirely. None of it outlives a call. */
struct wasi_host {
    struct linear_memory *memory;
    struct wasi_stream streams[3]; /* of the standard descriptors that are streams */
    volatile sig_atomic_t interrupted;
    uint64_t monotonic_offset; /* the guest's monotonic clock is so much ahead of the host's */
    struct string_list arguments;
    struct string_list variables;
    struct buffer grants; /* the preopens as they were granted: a letter, the path and a NUL each */
    struct scratch_tree *scratch; /* owned; NULL unless granted */
    uint32_t lowest_free;         /* no descriptor below is closed */
    struct descriptor descriptors[WASI_DESCRIPTORS_MAX];

    char path[WASI_PATH_MAX + 1];
    char other_path[WASI_PATH_MAX + 1]; /* for the functions that take two */
    struct iovec vectors[WASI_IOVECS_MAX];
    uint8_t subscriptions[WASI_SUBSCRIPTIONS_MAX * WASI_SUBSCRIPTION_SIZE];
    struct pollfd polled[WASI_SUBSCRIPTIONS_MAX];
    uint32_t polled_subscription[WASI_SUBSCRIPTIONS_MAX];
};

/* The host address of guest bytes, or NULL: see linear_memory_at. */
static inline void *guest_at(const struct wasi_host *host, uint32_t address, uint64_t size)
{
    return host->memory == NULL ? NULL : linear_memory_at(host->memory, address, size);
}

/* The preview1 error for an errno value of the host. */
uint32_t errno_from_host(int host_errno);

/* The same for a failed walk beneath a directory, where EXDEV means that the path led out of it. */
uint32_t errno_from_resolution(int host_errno);

/* descriptors.c: the only place that turns a guest number into a descriptor, and the only one that
 * compares rights. fd_seek implies fd_tell. WASI_ERRNO_BADF, _NOTDIR or _NOTCAPABLE on failure. The
 * pointer stays valid until the descriptor is closed. */
uint32_t descriptor_find(struct wasi_host *host, uint32_t fd, uint64_t rights,
                         struct descriptor **found);
uint32_t descriptor_find_directory(struct wasi_host *host, uint32_t fd, uint64_t rights,
                                   struct descriptor **found);

/* Whether a new descriptor can be made. */
bool descriptor_available(const struct wasi_host *host);

/* Puts `descriptor` at the lowest closed number, which must be available. Takes it over. */
uint32_t descriptor_install(struct wasi_host *host, const struct descriptor *descriptor);

/* Closes what the descriptor owns and marks the number closed. */
void descriptor_release(struct wasi_host *host, uint32_t fd);

/* Gives back what a descriptor owns that is in no table, or that is about to leave it. */
void descriptor_discard(struct wasi_host *host, struct descriptor *descriptor);

/* Whether the guest may change what lies beneath the directory, or the file. */
bool descriptor_changeable(const struct wasi_host *host, const struct descriptor *descriptor);

/* What a descriptor on a directory or a regular file can have at most. */
#define DIRECTORY_RIGHTS                                                                           \
    (WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_ADVISE |                  \
     WASI_RIGHT_PATH_CREATE_DIRECTORY | WASI_RIGHT_PATH_CREATE_FILE |                              \
     WASI_RIGHT_PATH_LINK_SOURCE | WASI_RIGHT_PATH_LINK_TARGET | WASI_RIGHT_PATH_OPEN |            \
     WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_READLINK | WASI_RIGHT_PATH_RENAME_SOURCE |            \
     WASI_RIGHT_PATH_RENAME_TARGET | WASI_RIGHT_PATH_FILESTAT_GET |                                \
     WASI_RIGHT_PATH_FILESTAT_SET_SIZE | WASI_RIGHT_PATH_FILESTAT_SET_TIMES |                      \
     WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_PATH_SYMLINK |     \
     WASI_RIGHT_PATH_REMOVE_DIRECTORY | WASI_RIGHT_PATH_UNLINK_FILE)
#define FILE_RIGHTS                                                                                \
    (WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK |                            \
     WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_TELL |                    \
     WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ADVISE | WASI_RIGHT_FD_ALLOCATE |                         \
     WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_SIZE |                                \
     WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_POLL_FD_READWRITE)

/* streams.c: moves the vectors, whose bytes are `total`. */
uint32_t stream_transfer(struct wasi_host *host, const struct descriptor *descriptor, bool write,
                         int vector_count, uint64_t total, uint32_t *moved);

/* Called before the guest waits for anything. */
void streams_before_wait(struct wasi_host *host);

/* Whether wasi_host_interrupt was called, which is then forgotten. */
bool take_interrupt(struct wasi_host *host);

/* ppoll(2) that an interrupt ends even when it comes just before: then -1 with EINTR. `timeout`
 * NULL: no end. */
int interruptible_poll(struct wasi_host *host, struct pollfd *polled, nfds_t count,
                       const struct timespec *timeout);

/* resolve.c: opens `path` beneath `directory` by openat2(2) and nothing else. A host descriptor
 * that is close-on-exec, or -1 with errno. `flags` are those of open(2). */
int resolve_open(int directory, const char *path, int flags, unsigned mode);

/* Copies a guest path to `path` (WASI_PATH_MAX + 1 bytes) as a C string. WASI_ERRNO_FAULT,
 * _NAMETOOLONG, _NOENT when empty, _INVAL when it holds a NUL. */
uint32_t path_copy(const struct wasi_host *host, uint32_t address, uint32_t size, char *path);

/* The same for a path that will be resolved: _NOTCAPABLE when it is absolute. */
uint32_t path_copy_relative(const struct wasi_host *host, uint32_t address, uint32_t size,
                            char *path);

/* A name in a directory, for the calls that act on a name and follow no link. */
struct place {
    int parent;
    bool parent_owned;
    const char *name; /* one component, no slash, not "." or ".."; points into the path */
    bool slash;       /* the path ended with one: a directory was meant */
};

/* Finds the place of `path` (which is changed) beneath `directory`. A path that ends in "." or ".."
 * answers `dots`. Close the place with place_close after success. */
uint32_t place_find(const struct descriptor *directory, char *path, uint32_t dots,
                    struct place *place);
void place_close(struct place *place);

/* Whether the file behind `host_fd` belongs to procfs, whose files reach into this very process. */
bool is_procfs(int host_fd);

/* What a guest wants of path_open, checked for form. */
struct open_request {
    uint32_t open_flags;
    uint32_t fd_flags;
    uint64_t rights;
    uint64_t inheriting;
    bool follow;
    bool read;
    bool write;
};

static inline bool open_wants(const struct open_request *request, uint32_t open_flag)
{
    return (request->open_flags & open_flag) != 0;
}

/* path_open.c: the rights of a new descriptor: those that were asked for and make sense for it. */
uint64_t open_rights(const struct open_request *request, bool is_directory);

/* path_open.c: opens what lies at `path` beneath a directory of the host. */
uint32_t open_beneath(const struct descriptor *directory, const char *path,
                      const struct open_request *request, struct descriptor *opened);

/* fd_stat.c: writes WASI_FILESTAT_SIZE bytes, the padding zero. */
void filestat_store(uint8_t *to, const struct stat *status);
uint8_t filetype_from_mode(mode_t mode);

/* Nanoseconds since the epoch of `time`; one before it is 0, one too far is UINT64_MAX. */
uint64_t nanoseconds_from(struct timespec time);

/* Turns fstflags and two times into what utimensat(2) takes. WASI_ERRNO_INVAL when they conflict.
 */
uint32_t times_from_guest(uint64_t accessed, uint64_t modified, uint32_t flags,
                          struct timespec times[2]);

/* fd_readdir.c. Accepts NULL. */
void directory_listing_free(struct directory_listing *listing);

/* One entry of a listing. */
struct directory_entry {
    uint64_t next; /* the cookie of the entry behind it */
    uint64_t serial;
    uint8_t filetype;
    const char *name;
    uint32_t name_size;
};

/* fd_readdir.c: writes the entry as fd_readdir gives it, as much of it as there is room for.
 * Returns how much that was. */
uint32_t directory_entry_store(uint8_t *to, uint32_t room, const struct directory_entry *entry);

#endif
