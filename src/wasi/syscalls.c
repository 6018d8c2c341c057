/* The list behind src/wasi/syscalls.h. Invariant: a call that needs a preopen of the host's is
 * never made without one, whatever the guest asks for. Scratch is memory: it makes none but to ask
 * the time. */
#include "wasi/syscalls.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

const struct wasi_syscall wasi_syscalls[] = {
    {SYS_readv, WASI_SYSCALL_ALWAYS, 0, "fd_read"},
    {SYS_preadv, WASI_SYSCALL_ALWAYS, 0, "fd_pread"},
    {SYS_writev, WASI_SYSCALL_ALWAYS, 0, "fd_write, if only on standard output"},
    {SYS_pwritev, WASI_SYSCALL_ALWAYS, 0, "fd_pwrite, if only on standard output that is a file"},
    {SYS_lseek, WASI_SYSCALL_ALWAYS, 0, "fd_seek, fd_tell, poll_oneoff"},
    {SYS_fsync, WASI_SYSCALL_ALWAYS, 0, "fd_sync"},
    {SYS_fdatasync, WASI_SYSCALL_ALWAYS, 0, "fd_datasync"},
    {SYS_fadvise64, WASI_SYSCALL_ALWAYS, 0, "fd_advise"},
    {SYS_close, WASI_SYSCALL_ALWAYS, 0,
     "fd_close, fd_renumber, and the O_PATH descriptors of path functions"},
    {SYS_openat2, WASI_SYSCALL_FOLDER, 0, "every path function, fd_readdir"},
    {SYS_newfstatat, WASI_SYSCALL_FOLDER, 0,
     "fd_filestat_get, path_filestat_get, path_open, fd_readdir"},
    {SYS_fstat, WASI_SYSCALL_ALWAYS, 0, "fd_filestat_get and poll_oneoff of a standard descriptor"},
    {SYS_fstatfs, WASI_SYSCALL_FOLDER, 0, "path_open and path_readlink refuse procfs"},
    {SYS_readlinkat, WASI_SYSCALL_FOLDER, 0, "path_readlink"},
    {SYS_getdents64, WASI_SYSCALL_FOLDER, 0, "fd_readdir"},
    {SYS_getrandom, WASI_SYSCALL_ALWAYS, 0, "random_get"},
    {SYS_clock_gettime, WASI_SYSCALL_ALWAYS, 0,
     "clock_time_get, poll_oneoff, where the vDSO does not answer"},
    {SYS_clock_getres, WASI_SYSCALL_ALWAYS, 0, "clock_res_get, where the vDSO does not answer"},
    {SYS_ppoll, WASI_SYSCALL_ALWAYS, 0, "poll_oneoff, and waiting on standard descriptors"},
    {SYS_rt_sigprocmask, WASI_SYSCALL_ALWAYS, 0,
     "so that no interrupt comes between looking and waiting"},
    {SYS_ioctl, WASI_SYSCALL_ALWAYS, FIONREAD, "poll_oneoff: bytes to read"},
    {SYS_sched_yield, WASI_SYSCALL_ALWAYS, 0, "sched_yield"},
    {SYS_ftruncate, WASI_SYSCALL_WRITABLE_FOLDER, 0, "fd_filestat_set_size"},
    {SYS_fallocate, WASI_SYSCALL_WRITABLE_FOLDER, 0, "fd_allocate"},
    {SYS_fcntl, WASI_SYSCALL_WRITABLE_FOLDER, F_SETFL, "fd_fdstat_set_flags: append"},
    {SYS_utimensat, WASI_SYSCALL_WRITABLE_FOLDER, 0,
     "fd_filestat_set_times, path_filestat_set_times"},
    {SYS_mkdirat, WASI_SYSCALL_WRITABLE_FOLDER, 0, "path_create_directory"},
    {SYS_linkat, WASI_SYSCALL_WRITABLE_FOLDER, 0, "path_link"},
    {SYS_renameat, WASI_SYSCALL_WRITABLE_FOLDER, 0, "path_rename"},
    {SYS_symlinkat, WASI_SYSCALL_WRITABLE_FOLDER, 0, "path_symlink"},
    {SYS_unlinkat, WASI_SYSCALL_WRITABLE_FOLDER, 0, "path_remove_directory, path_unlink_file"},
    {0, WASI_SYSCALL_ALWAYS, 0, NULL},
};
