/* What the preview1 functions do to descriptors in scratch. Rights, guest addresses, the form of
 * the arguments and whether scratch can be changed are checked by them already, unless it says
 * otherwise here; see src/wasi/preview1.h. The errors are those of a folder of the host.
 */
#ifndef SHANNON_WASI_SCRATCH_CALLS_H
#define SHANNON_WASI_SCRATCH_CALLS_H

#include "wasi/wasi_internal.h"

/* Move bytes between the file and host->vectors: from `offset` on, or with NO_OFFSET at the
 * descriptor's position, which moves on. *moved is how many. scratch_write answers rofs itself. */
uint32_t scratch_read(struct wasi_host *host, struct descriptor *file, int vector_count,
                      uint64_t offset, uint32_t *moved);
uint32_t scratch_write(struct wasi_host *host, struct descriptor *file, int vector_count,
                       uint64_t offset, uint32_t *moved);

/* Sets the position as lseek(2); `whence` is the host's number. */
uint32_t scratch_seek(struct descriptor *file, int64_t offset, int whence);

/* Answers rofs itself. */
uint32_t scratch_allocate(struct wasi_host *host, struct descriptor *file, uint64_t offset,
                          uint64_t size);

uint32_t scratch_set_size(struct wasi_host *host, struct descriptor *file, uint64_t size);

/* How many bytes lie between the position and the end. */
uint64_t scratch_bytes_to_read(const struct descriptor *file);

void scratch_status(const struct scratch_node *node, struct stat *status);
void scratch_set_times(struct scratch_node *node, const struct timespec times[2]);

/* fd_readdir. A cookie is the number of an entry that no other entry of the folder ever has. A
 * listing ends with the entries that were there when it began with cookie 0, so that a program
 * which makes files while it lists comes to an end. */
uint32_t scratch_list(struct wasi_host *host, struct descriptor *directory, uint8_t *to,
                      uint32_t size, uint64_t cookie, uint32_t *used);

/* path_open. Answers rofs itself. */
uint32_t scratch_open(struct wasi_host *host, const struct descriptor *directory, const char *path,
                      const struct open_request *request, struct descriptor *opened);

uint32_t scratch_path_status(const struct wasi_host *host, const struct descriptor *directory,
                             const char *path, struct stat *status);
uint32_t scratch_path_set_times(const struct wasi_host *host, const struct descriptor *directory,
                                const char *path, const struct timespec times[2]);

/* There are no links: inval for what exists. */
uint32_t scratch_path_readlink(const struct wasi_host *host, const struct descriptor *directory,
                               const char *path);

uint32_t scratch_path_create_directory(struct wasi_host *host, const struct descriptor *directory,
                                       const char *path);
uint32_t scratch_path_remove_directory(struct wasi_host *host, const struct descriptor *directory,
                                       const char *path);
uint32_t scratch_path_unlink_file(struct wasi_host *host, const struct descriptor *directory,
                                  const char *path);
uint32_t scratch_path_rename(struct wasi_host *host, const struct descriptor *from,
                             const char *old_path, const struct descriptor *to,
                             const char *new_path);

#endif
