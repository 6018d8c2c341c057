/* Entering namespaces. Invariant: a namespace counts as entered only when it does what its wall
 * promises. */
#include "sandbox/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return written;
}

/* user_namespaces(7): without privileges one may map oneself, and groups only once setgroups(2) is
 * given up. Unmapped, the process would be the overflow user to itself and nothing worse. */
void namespaces_map_user(unsigned uid, unsigned gid)
{
    char line[64];
    (void)write_text("/proc/self/setgroups", "deny");
    (void)snprintf(line, sizeof(line), "%u %u 1", uid, uid);
    (void)write_text("/proc/self/uid_map", line);
    (void)snprintf(line, sizeof(line), "%u %u 1", gid, gid);
    (void)write_text("/proc/self/gid_map", line);
}

bool namespaces_enter_user(void)
{
    unsigned uid = geteuid();
    unsigned gid = getegid();
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    namespaces_map_user(uid, gid);
    return true;
}

/* A file system with nothing in it and no room for anything, on some folder that every system has.
 */
static const char *mount_nothing(void)
{
    static const char *const places[] = {"/tmp", "/usr", "/etc", "/proc"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "size=4k,nr_inodes=2,mode=0555") == 0)
            return places[i];
    }
    return NULL;
}

/* 1 when the root is empty now, 0 when it is as before. */
static int empty_root(struct error *error)
{
    /* So that nothing done here spreads to where this namespace came from. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 0;
    const char *place = mount_nothing();
    if (place == NULL || chdir(place) != 0)
        return 0;
    /* pivot_root(2), NOTES: the same folder twice puts the old root on top of the new one. */
    if (syscall(SYS_pivot_root, ".", ".") != 0)
        return 0;
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot leave the former root folder");
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make the root folder read-only");
    return 1;
}

int namespaces_enter(wall_set wanted, wall_set *entered, struct error *error)
{
    static const struct {
        enum wall wall;
        int flags;
    } simple[] = {
        {WALL_NETWORK_NAMESPACE, CLONE_NEWNET},
        {WALL_IPC_NAMESPACE, CLONE_NEWIPC | CLONE_NEWUTS},
    };
    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if ((wanted & WALL_BIT(simple[i].wall)) != 0 && unshare(simple[i].flags) == 0)
            *entered |= WALL_BIT(simple[i].wall);
    }
    if ((wanted & WALL_BIT(WALL_MOUNT_NAMESPACE)) == 0 || unshare(CLONE_NEWNS) != 0)
        return 0;
    int emptied = empty_root(error);
    if (emptied == 1)
        *entered |= WALL_BIT(WALL_MOUNT_NAMESPACE);
    return emptied < 0 ? -1 : 0;
}
