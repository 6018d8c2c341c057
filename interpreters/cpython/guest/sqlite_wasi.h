/*
 * What SQLite's Unix layer expects of the system and wasi-libc does not have; included before
 * sqlite3.c.
 *
 * SQLite is built to use its "unix-none" file layer, which locks nothing, so the lock commands are
 * only names. There are no owners or modes: setting them succeeds, as on file systems that ignore
 * them.
 */
#ifndef SQLITE_WASI_H
#define SQLITE_WASI_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6

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
