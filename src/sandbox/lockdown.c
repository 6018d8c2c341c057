/* The kernel's wall around a guest process. Invariant: after lockdown_enter returned 0, the filter
 * is in force and cannot be taken off. */
#include "sandbox/lockdown.h"

#include "wasi/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct lockdown {
    struct sock_fprog program;
};

/* What the C library and the end of a process need beside the WASI host's own list. Nothing in
 * either makes a process, a socket or executable memory, or changes a file by its name. Files can
 * be opened to read, by openat2: a filter cannot see a path. */
static const int allowed_calls[] = {
    SCMP_SYS(write),           /* the report */
    SCMP_SYS(brk),             /* the allocator */
    SCMP_SYS(munmap),          /* the allocator */
    SCMP_SYS(madvise),         /* the allocator */
    SCMP_SYS(rt_sigprocmask),  /* swapcontext, on the way to and from the guest's stack */
    SCMP_SYS(rt_sigaction),    /* the fault handler, when a fault is not the guest's */
    SCMP_SYS(rt_sigreturn),    /* a handler's return */
    SCMP_SYS(restart_syscall), /* a wait that was stopped and continued */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static int allow(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int allow_wasi(scmp_filter_ctx filter, const struct wasi_syscall *call)
{
    if (call->second == 0)
        return allow(filter, call->number);
    /* 32 bits: the kernel ignores the upper half of an ioctl's command, and so must the filter. */
    const struct scmp_arg_cmp second =
        SCMP_CMP32(1, SCMP_CMP_EQ, (uint32_t)call->second, (uint32_t)0);
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, 1, &second);
}

static int add_rules(scmp_filter_ctx filter)
{
    int status = 0;
    for (size_t i = 0; i < sizeof(allowed_calls) / sizeof(allowed_calls[0]) && status == 0; i++)
        status = allow(filter, allowed_calls[i]);
    /* No guest is given a writable folder, so none needs the calls that change files. */
    for (const struct wasi_syscall *call = wasi_syscalls; call->purpose != NULL && status == 0;
         call++) {
        if (!call->changes_files)
            status = allow_wasi(filter, call);
    }
    /* No memory that is or becomes executable. */
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    if (status == 0)
        status =
            seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_executable);
    if (status == 0)
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable);
    return status;
}

/* libseccomp hands out the program only through a descriptor. */
static int read_program(scmp_filter_ctx filter, struct lockdown *lockdown)
{
    struct stat status;
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = seccomp_export_bpf(filter, fd);
    if (result == 0 && fstat(fd, &status) != 0)
        result = -errno;
    if (result == 0) {
        size_t size = (size_t)status.st_size;
        lockdown->program.filter = malloc(size);
        lockdown->program.len = (unsigned short)(size / sizeof(struct sock_filter));
        if (lockdown->program.filter == NULL ||
            pread(fd, lockdown->program.filter, size, 0) != (ssize_t)size)
            result = -ENOMEM;
    }
    (void)close(fd);
    return result;
}

struct lockdown *lockdown_prepare(struct error *error)
{
    struct lockdown *lockdown = calloc(1, sizeof(*lockdown));
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int status = lockdown == NULL || filter == NULL ? -ENOMEM : add_rules(filter);
    if (status == 0) /* a tree instead of a chain of comparisons */
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (status == 0)
        status = read_program(filter, lockdown);
    if (filter != NULL)
        seccomp_release(filter);
    if (status == 0)
        return lockdown;
    lockdown_free(lockdown);
    error_set_errno(error, ERROR_INTERNAL, -status, "cannot build the system call filter");
    return NULL;
}

void lockdown_free(struct lockdown *lockdown)
{
    if (lockdown == NULL)
        return;
    free(lockdown->program.filter);
    free(lockdown);
}

int lockdown_close_descriptors(unsigned first, struct error *error)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot close the other descriptors");
}

static int set_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard, struct error *error)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit(resource, &limit) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set resource limit %d",
                           (int)resource);
}

int lockdown_enter(const struct lockdown *lockdown, pid_t parent, uint32_t processor_seconds,
                   struct error *error)
{
    /* First, so that nothing below can leave a process behind. fork(2) cleared it. The parent may
     * have died just before: then its place was taken by another. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot tie the process to its parent");
    if (getppid() != parent)
        return error_set(error, ERROR_KILLED, "the parent process is gone");
    /* Before the filter, which allows none of these. A core would hold guest data on disk. */
    if (set_limit(RLIMIT_CORE, 0, 0, error) != 0 ||
        set_limit(RLIMIT_CPU, processor_seconds, (rlim_t)processor_seconds + 1, error) != 0 ||
        set_limit(RLIMIT_NPROC, 0, 0, error) != 0)
        return -1;
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make the process not dumpable");
    /* An unprivileged process may install a filter only when it can gain nothing by exec. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set no_new_privs");
    /* Last: everything above would be killed by it. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &lockdown->program) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot enter the system call filter");
    return 0;
}

static bool has_seccomp(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool has_openat2(void)
{
    /* A NULL `how` fails with EINVAL or EFAULT where the call exists. */
    return syscall(SYS_openat2, AT_FDCWD, "/", NULL, (size_t)0) == -1 && errno != ENOSYS &&
           errno != EPERM;
}

static bool has_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static bool has_close_range(void)
{
    return syscall(SYS_close_range, ~0U, ~0U, 0) == 0;
}

size_t lockdown_walls(struct lockdown_wall *walls, size_t maximum)
{
    const struct lockdown_wall known[] = {
        {"seccomp", has_seccomp(), "system calls outside a short list kill the process"},
        {"openat2", has_openat2(), "paths are resolved beneath granted folders by the kernel"},
        {"pidfd", has_pidfd(), "a process is ended without mistaking another for it"},
        {"close_range", has_close_range(), "a guest process holds no descriptor but its own"},
    };
    size_t count = sizeof(known) / sizeof(known[0]);
    for (size_t i = 0; i < count && i < maximum; i++)
        walls[i] = known[i];
    return count < maximum ? count : maximum;
}
