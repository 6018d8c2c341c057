/* The 46 functions of wasi_snapshot_preview1 as the engine calls them.
 *
 * `context` is a struct wasi_host. All other parameters are the guest's own and untrusted:
 * addresses and sizes are checked against the linear memory before anything else is done with
 * them. Each function returns an enum wasi_errno; one that answers an error has changed nothing in
 * the host, and what its result buffers hold then means nothing. Parameters that the specification
 * makes narrower than 32 bits arrive widened; a set bit it does not define answers inval. The
 * meaning of each function is that of WebAssembly/WASI legacy/preview1/witx/
 * wasi_snapshot_preview1.witx; what this host adds or leaves out stands with the function.
 *
 * They run on the guest's stack and use less than 4 KiB of it. None holds a resource while it may
 * end the guest (proc_exit).
 */
#ifndef SHANNON_WASI_PREVIEW1_H
#define SHANNON_WASI_PREVIEW1_H

#include <stdint.h>

uint32_t preview1_args_get(void *context, uint32_t pointers, uint32_t text);
uint32_t preview1_args_sizes_get(void *context, uint32_t count, uint32_t text_size);
uint32_t preview1_environ_get(void *context, uint32_t pointers, uint32_t text);
uint32_t preview1_environ_sizes_get(void *context, uint32_t count, uint32_t text_size);

/* Clocks 0 to 3; any other answers inval. A time before 1970 is answered as 0. */
uint32_t preview1_clock_res_get(void *context, uint32_t clock, uint32_t result);
uint32_t preview1_clock_time_get(void *context, uint32_t clock, uint64_t precision,
                                 uint32_t result);

uint32_t preview1_fd_advise(void *context, uint32_t fd, uint64_t offset, uint64_t size,
                            uint32_t advice);
uint32_t preview1_fd_allocate(void *context, uint32_t fd, uint64_t offset, uint64_t size);
/* A preopen may be closed. A standard descriptor is only forgotten. */
uint32_t preview1_fd_close(void *context, uint32_t fd);
uint32_t preview1_fd_datasync(void *context, uint32_t fd);
uint32_t preview1_fd_fdstat_get(void *context, uint32_t fd, uint32_t result);
/* append and nonblock can change; a change of the sync flags answers notsup. On a standard
 * descriptor only nonblock can change, and the host's own descriptor is not touched. */
uint32_t preview1_fd_fdstat_set_flags(void *context, uint32_t fd, uint32_t flags);
uint32_t preview1_fd_fdstat_set_rights(void *context, uint32_t fd, uint64_t rights,
                                       uint64_t inheriting);
uint32_t preview1_fd_filestat_get(void *context, uint32_t fd, uint32_t result);
uint32_t preview1_fd_filestat_set_size(void *context, uint32_t fd, uint64_t size);
uint32_t preview1_fd_filestat_set_times(void *context, uint32_t fd, uint64_t accessed,
                                        uint64_t modified, uint32_t flags);
uint32_t preview1_fd_pread(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                           uint64_t offset, uint32_t result);
uint32_t preview1_fd_prestat_get(void *context, uint32_t fd, uint32_t result);
uint32_t preview1_fd_prestat_dir_name(void *context, uint32_t fd, uint32_t path, uint32_t size);
uint32_t preview1_fd_pwrite(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint64_t offset, uint32_t result);
uint32_t preview1_fd_read(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                          uint32_t result);
/* A cookie is the number of entries before the one meant; in scratch it is a number that the entry
 * keeps. Cookie 0 reads the folder anew. The serial number of ".." is answered as 0. */
uint32_t preview1_fd_readdir(void *context, uint32_t fd, uint32_t buffer, uint32_t size,
                             uint64_t cookie, uint32_t result);
/* Both must be open; a preopen or a standard descriptor may be moved or replaced. */
uint32_t preview1_fd_renumber(void *context, uint32_t from, uint32_t to);
uint32_t preview1_fd_seek(void *context, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t result);
uint32_t preview1_fd_sync(void *context, uint32_t fd);
uint32_t preview1_fd_tell(void *context, uint32_t fd, uint32_t result);
uint32_t preview1_fd_write(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                           uint32_t result);

/* Every path is relative to a directory descriptor. An absolute path, and one that leads out of the
 * preopen by ".." or a symbolic link, answers notcapable. A change beneath a preopen that is not
 * writable answers rofs. */
uint32_t preview1_path_create_directory(void *context, uint32_t fd, uint32_t path, uint32_t size);
uint32_t preview1_path_filestat_get(void *context, uint32_t fd, uint32_t lookup_flags,
                                    uint32_t path, uint32_t size, uint32_t result);
uint32_t preview1_path_filestat_set_times(void *context, uint32_t fd, uint32_t lookup_flags,
                                          uint32_t path, uint32_t size, uint64_t accessed,
                                          uint64_t modified, uint32_t flags);
/* symlink_follow answers inval. The new name must not lie where more is allowed than at the old.
 * Scratch answers notsup. */
uint32_t preview1_path_link(void *context, uint32_t old_fd, uint32_t old_flags, uint32_t old_path,
                            uint32_t old_size, uint32_t new_fd, uint32_t new_path,
                            uint32_t new_size);
/* Opens regular files and directories; anything else, and all of procfs, answers acces. */
uint32_t preview1_path_open(void *context, uint32_t fd, uint32_t lookup_flags, uint32_t path,
                            uint32_t size, uint32_t open_flags, uint64_t rights,
                            uint64_t inheriting, uint32_t fd_flags, uint32_t result);
uint32_t preview1_path_readlink(void *context, uint32_t fd, uint32_t path, uint32_t size,
                                uint32_t buffer, uint32_t buffer_size, uint32_t result);
uint32_t preview1_path_remove_directory(void *context, uint32_t fd, uint32_t path, uint32_t size);
/* The new name must not lie where more is allowed than at the old. Between scratch and a folder of
 * the host: xdev. */
uint32_t preview1_path_rename(void *context, uint32_t old_fd, uint32_t old_path, uint32_t old_size,
                              uint32_t new_fd, uint32_t new_path, uint32_t new_size);
/* A target that is absolute answers notcapable, scratch notsup. */
uint32_t preview1_path_symlink(void *context, uint32_t target, uint32_t target_size, uint32_t fd,
                               uint32_t path, uint32_t size);
uint32_t preview1_path_unlink_file(void *context, uint32_t fd, uint32_t path, uint32_t size);

/* Waits on the realtime and the monotonic clock, on standard descriptors, and on files, which are
 * always ready. A subscription that cannot be waited for is answered at once by an event with its
 * error. */
uint32_t preview1_poll_oneoff(void *context, uint32_t subscriptions, uint32_t events,
                              uint32_t count, uint32_t result);
/* Ends the guest: does not return to it. */
void preview1_proc_exit(void *context, uint32_t code);
/* notsup: a guest has no signals. */
uint32_t preview1_proc_raise(void *context, uint32_t signal);
uint32_t preview1_sched_yield(void *context);
uint32_t preview1_random_get(void *context, uint32_t buffer, uint32_t size);

/* There are no sockets: badf when the descriptor is not open, notsock on a file or directory,
 * notsup on a standard descriptor (whatever it is connected to in the host). */
uint32_t preview1_sock_accept(void *context, uint32_t fd, uint32_t flags, uint32_t result);
uint32_t preview1_sock_recv(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint32_t flags, uint32_t size_result, uint32_t flags_result);
uint32_t preview1_sock_send(void *context, uint32_t fd, uint32_t vectors, uint32_t vector_count,
                            uint32_t flags, uint32_t result);
uint32_t preview1_sock_shutdown(void *context, uint32_t fd, uint32_t how);

#endif
