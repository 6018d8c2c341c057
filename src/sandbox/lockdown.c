/* The kernel's wall around a guest process. Invariant: after lockdown_enter returned 0, every wall
 * of lockdown_active is in force and none can be taken off. */
#include "sandbox/lockdown.h"

#include "sandbox/guest_channel.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a guest process needs beside its linear memory and scratch files: the guest's stack, its own
 * heap, a request. */
#define HOST_MEMORY ((uint64_t)1 << 30)
/* The reservation of linear_memory.h, in which access rights come and go, is address space too. */
#define RESERVED_ADDRESSES ((uint64_t)11 << 30)
/* More than WASI_DESCRIPTORS_MAX, with the process's own. */
#define DESCRIPTORS_MAX 1100

struct lockdown {
    struct sock_fprog program;
    struct lockdown_options options;
    int ruleset; /* -1: no Landlock */
    int procfs;  /* -1: none */
    wall_set confined;
    bool user_namespace_made;    /* by lockdown_fork_confined */
    bool process_namespace_made; /* the same */
    bool forks_into_namespace;   /* children get a process namespace each */
};

/* A guest process puts its channel at its number, whatever was there. */
static int move_off_channel(int fd)
{
    if (fd != GUEST_CHANNEL_FD)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, GUEST_CHANNEL_FD + 1);
    (void)close(fd);
    return moved;
}

struct lockdown *lockdown_prepare(const struct lockdown_options *options, struct error *error)
{
    struct lockdown *lockdown = calloc(1, sizeof(*lockdown));
    if (lockdown == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    lockdown->options = *options;
    lockdown->options.readable_paths = NULL; /* borrowed for this call */
    lockdown->procfs = move_off_channel(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (landlock_prepare(options->readable_paths, options->readable_path_count, &lockdown->ruleset,
                         error) != 0 ||
        syscall_filter_compile(options->readable_path_count > 0, &lockdown->program, error) != 0) {
        lockdown_free(lockdown);
        return NULL;
    }
    bool has_rules = lockdown->ruleset >= 0;
    lockdown->ruleset = move_off_channel(lockdown->ruleset);
    if (has_rules && lockdown->ruleset < 0) { /* not as if the kernel had no Landlock */
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot keep the Landlock rules");
        lockdown_free(lockdown);
        return NULL;
    }
    return lockdown;
}

void lockdown_free(struct lockdown *lockdown)
{
    if (lockdown == NULL)
        return;
    if (lockdown->ruleset >= 0)
        (void)close(lockdown->ruleset);
    if (lockdown->procfs >= 0)
        (void)close(lockdown->procfs);
    free(lockdown->program.filter);
    free(lockdown);
}

static bool wants(const struct lockdown *lockdown, enum wall wall)
{
    return (lockdown->options.without & WALL_BIT(wall)) == 0;
}

/* ---- namespaces ---- */

static pid_t clone_process(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

/* Whether children can have process namespaces of their own. */
static bool can_make_process_namespaces(void)
{
    pid_t pid = clone_process(CLONE_NEWPID);
    if (pid == 0)
        _exit(0);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0;
}

int lockdown_confine(struct lockdown *lockdown, struct error *error)
{
    wall_set *confined = &lockdown->confined;
    if (lockdown->user_namespace_made ||
        (wants(lockdown, WALL_USER_NAMESPACE) && namespaces_enter_user()))
        *confined |= WALL_BIT(WALL_USER_NAMESPACE);
    if (lockdown->process_namespace_made)
        *confined |= WALL_BIT(WALL_PID_NAMESPACE);
    if (namespaces_enter(~lockdown->options.without, confined, error) != 0)
        return -1;
    /* A new user namespace took both away: credentials(7) changed. procfs shows a process that is
     * not dumpable to root only; lockdown_open_own has to work until lockdown_enter. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot tie the process to its parent");
    if (!lockdown->process_namespace_made && wants(lockdown, WALL_PID_NAMESPACE))
        lockdown->forks_into_namespace = can_make_process_namespaces();
    return 0;
}

pid_t lockdown_fork(struct lockdown *lockdown, bool for_parent)
{
    unsigned long flags = for_parent ? CLONE_PARENT : 0;
    if (!lockdown->forks_into_namespace)
        return clone_process(flags);
    pid_t pid = clone_process(flags | CLONE_NEWPID);
    if (pid == 0)
        lockdown->confined |= WALL_BIT(WALL_PID_NAMESPACE);
    return pid;
}

pid_t lockdown_fork_confined(struct lockdown *lockdown)
{
    static const unsigned long tries[] = {CLONE_NEWUSER | CLONE_NEWPID, CLONE_NEWPID, 0};
    unsigned uid = geteuid();
    unsigned gid = getegid();
    pid_t pid = -1;
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]) && pid < 0; i++) {
        if (((tries[i] & CLONE_NEWUSER) != 0 && !wants(lockdown, WALL_USER_NAMESPACE)) ||
            ((tries[i] & CLONE_NEWPID) != 0 && !wants(lockdown, WALL_PID_NAMESPACE)))
            continue;
        pid = clone_process(tries[i]);
        if (pid == 0) {
            lockdown->user_namespace_made = (tries[i] & CLONE_NEWUSER) != 0;
            lockdown->process_namespace_made = (tries[i] & CLONE_NEWPID) != 0;
        }
    }
    if (pid == 0 && lockdown->user_namespace_made)
        namespaces_map_user(uid, gid);
    return pid;
}

int lockdown_open_own(const struct lockdown *lockdown, const char *name)
{
    char path[64] = "self/";
    if (lockdown->procfs < 0 || strlen(name) > sizeof(path) - sizeof("self/"))
        return -1;
    (void)strcat(path, name);
    return openat(lockdown->procfs, path, O_RDONLY | O_CLOEXEC);
}

/* ---- the guest process itself ---- */

static int compare_descriptors(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static int close_between(unsigned first, unsigned last, struct error *error)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot close the other descriptors");
}

static int close_others(int *kept, size_t kept_count, struct error *error)
{
    unsigned first = 0;
    qsort(kept, kept_count, sizeof(*kept), compare_descriptors);
    for (size_t i = 0; i < kept_count; i++) {
        unsigned descriptor = (unsigned)kept[i];
        if (descriptor > first && close_between(first, descriptor - 1, error) != 0)
            return -1;
        first = descriptor + 1;
    }
    return close_between(first, ~0U, error);
}

int lockdown_drop_capabilities(const struct lockdown *lockdown, struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (!wants(lockdown, WALL_CAPABILITIES))
        return 0;
    if (syscall(SYS_capset, &header, none) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot give up the capabilities");
}

static int set_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard, struct error *error)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read resource limit %d",
                               (int)resource);
    /* One that is lower already stays: it cannot be raised, and need not be. */
    if (limit.rlim_max < hard)
        hard = limit.rlim_max;
    limit.rlim_cur = soft < hard ? soft : hard;
    limit.rlim_max = hard;
    if (setrlimit(resource, &limit) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set resource limit %d",
                           (int)resource);
}

static int limit_resources(const struct lockdown_options *options, struct error *error)
{
    rlim_t seconds = options->processor_seconds;
    rlim_t memory = options->memory_bytes + HOST_MEMORY;
    const struct {
        __rlimit_resource_t resource;
        rlim_t soft;
        rlim_t hard;
    } limits[] = {
        {RLIMIT_CORE, 0, 0}, /* a core would hold guest data on disk */
        {RLIMIT_CPU, seconds, seconds + 1},
        {RLIMIT_DATA, memory, memory},
        {RLIMIT_AS, memory + RESERVED_ADDRESSES, memory + RESERVED_ADDRESSES},
        {RLIMIT_FSIZE, options->file_bytes, options->file_bytes},
        {RLIMIT_NPROC, 0, 0},
        {RLIMIT_NOFILE, DESCRIPTORS_MAX, DESCRIPTORS_MAX},
        {RLIMIT_MEMLOCK, 0, 0},
        {RLIMIT_MSGQUEUE, 0, 0},
        {RLIMIT_SIGPENDING, 64, 64},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (set_limit(limits[i].resource, limits[i].soft, limits[i].hard, error) != 0)
            return -1;
    }
    return 0;
}

int lockdown_enter(const struct lockdown *lockdown, int *kept, size_t kept_count,
                   struct error *error)
{
    /* First, so that nothing below can leave a process behind. fork(2) cleared it. A parent that
     * died just before is noticed by the end of its channel. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot tie the process to its parent");
    /* An unprivileged process may put itself under Landlock and a filter only when it can gain
     * nothing by exec. */
    if (wants(lockdown, WALL_NO_NEW_PRIVS) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set no_new_privs");
    /* Before the rules' own descriptor is closed. */
    if (lockdown->ruleset >= 0 && wants(lockdown, WALL_LANDLOCK) &&
        landlock_enter(lockdown->ruleset, error) != 0)
        return -1;
    if (wants(lockdown, WALL_DESCRIPTORS) && close_others(kept, kept_count, error) != 0)
        return -1;
    if (wants(lockdown, WALL_RESOURCE_LIMITS) && limit_resources(&lockdown->options, error) != 0)
        return -1;
    if (lockdown_drop_capabilities(lockdown, error) != 0)
        return -1;
    /* After the capabilities, whose change may set it again. */
    if (wants(lockdown, WALL_NOT_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make the process not dumpable");
    /* Last: everything above would be killed by it. */
    if (wants(lockdown, WALL_SECCOMP) &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &lockdown->program) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot enter the system call filter");
    return 0;
}

wall_set lockdown_active(const struct lockdown *lockdown)
{
    wall_set active = WALLS_INDISPENSABLE | lockdown->confined;
    if (lockdown->forks_into_namespace)
        active |= WALL_BIT(WALL_PID_NAMESPACE);
    if (lockdown->ruleset >= 0)
        active |= WALL_BIT(WALL_LANDLOCK);
    return active & ~lockdown->options.without;
}
