/* fstat(2) as the system call of that name. The C library's makes newfstatat(2), which takes a path
 * and so is not allowed to a guest process that was granted no folder. On the 64-bit architectures
 * that shannon runs on the kernel's structure is the C library's.
 */
#ifndef SHANNON_BASE_FILE_STATUS_H
#define SHANNON_BASE_FILE_STATUS_H

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0, or -1 with errno. */
static inline int file_status(int fd, struct stat *status)
{
    return (int)syscall(SYS_fstat, fd, status);
}

#endif
