/*
 * What SQLite's Unix layer expects of the system and wasi-libc does not have; included before
 * sqlite3.c.
 *
 * WASI has no locks on files. fcntl(2)'s are between processes, and a file that a guest can write
 * belongs to that guest alone, so every one is granted and none is ever in the way. What keeps two
 * connections of the same program apart is SQLite's own record of the files that it has open
 * (unixInodeInfo, by device and inode), which it needs because these locks do nothing within a
 * process. There are no owners or modes: setting them succeeds, as on file systems that ignore
 * them.
 */
#ifndef SQLITE_WASI_H
#define SQLITE_WASI_H

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6

static int fcntl_with_locks(int descriptor, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    int result = 0;
    if (command == F_GETLK) {
        va_arg(arguments, struct flock *)->l_type = F_UNLCK;
    } else if (command != F_SETLK) {
        result = fcntl(descriptor, command, va_arg(arguments, int));
    }
    va_end(arguments);
    return result;
}

/* SQLite takes the function's address and looks it up by this name. */
#define fcntl fcntl_with_locks

static inline int fchmod(int descriptor, mode_t mode)
{
    (void)descriptor;
    (void)mode;
    return 0;
}

static inline int fchown(int descriptor, uid_t owner, gid_t group)
{
    (void)descriptor;
    (void)owner;
    (void)group;
    return 0;
}

static inline uid_t geteuid(void)
{
    return 0;
}

#endif
