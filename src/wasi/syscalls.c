/* The list behind src/wasi/syscalls.h. Invariant: a marked call is never made, whatever the guest
 * asks for, unless there is a writable preopen of the host's. Scratch is memory: it makes none but
 * to ask the time. */
#include "wasi/syscalls.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

const struct wasi_syscall wasi_syscalls[] = {
    {SYS_readv, false, 0, "fd_read"},
    {SYS_preadv, false, 0, "fd_pread"},
    {SYS_writev, false, 0, "fd_write, if only on standard output"},
    {SYS_pwritev, false, 0, "fd_pwrite, if only on standard output that is a file"},
    {SYS_lseek, false, 0, "fd_seek, fd_tell, poll_oneoff"},
    {SYS_fsync, false, 0, "fd_sync"},
    {SYS_fdatasync, false, 0, "fd_datasync"},
    {SYS_fadvise64, false, 0, "fd_advise"},
    {SYS_close, false, 0, "fd_close, fd_renumber, and the O_PATH descriptors of path functions"},
    {SYS_openat2, false, 0, "every path function, fd_readdir"},
    {SYS_newfstatat, false, 0, "fd_filestat_get, path_filestat_get, path_open, fd_readdir"},
    {SYS_fstat, false, 0, "the same, where the C library prefers it"},
    {SYS_fstatfs, false, 0, "path_open and path_readlink refuse procfs"},
    {SYS_readlinkat, false, 0, "path_readlink"},
    {SYS_getdents64, false, 0, "fd_readdir"},
    {SYS_getrandom, false, 0, "random_get"},
    {SYS_clock_gettime, false, 0, "clock_time_get, poll_oneoff, where the vDSO does not answer"},
    {SYS_clock_getres, false, 0, "clock_res_get, where the vDSO does not answer"},
    {SYS_ppoll, false, 0, "poll_oneoff, and waiting on standard descriptors"},
    {SYS_rt_sigprocmask, false, 0, "so that no interrupt comes between looking and waiting"},
    {SYS_ioctl, false, FIONREAD, "poll_oneoff: bytes to read"},
    {SYS_sched_yield, false, 0, "sched_yield"},
    {SYS_ftruncate, true, 0, "fd_filestat_set_size"},
    {SYS_fallocate, true, 0, "fd_allocate"},
    {SYS_fcntl, true, F_SETFL, "fd_fdstat_set_flags: append"},
    {SYS_utimensat, true, 0, "fd_filestat_set_times, path_filestat_set_times"},
    {SYS_mkdirat, true, 0, "path_create_directory"},
    {SYS_linkat, true, 0, "path_link"},
    {SYS_renameat, true, 0, "path_rename"},
    {SYS_symlinkat, true, 0, "path_symlink"},
    {SYS_unlinkat, true, 0, "path_remove_directory, path_unlink_file"},
    {0, false, 0, NULL},
};
