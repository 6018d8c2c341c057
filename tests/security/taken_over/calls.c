/* Goes past the WASI host, straight to the kernel. See acts.h. */
#include "taken_over.h"

#include "engine/linear_memory.h"
#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBER(value) ((long)(intptr_t)(value))

static const char passwd[] = "/etc/passwd";
static const char root[] = "/";
static const char nowhere[] = "/nonexistent/file";
static struct open_how how_to_read = {.flags = O_RDONLY | O_CLOEXEC};
static struct open_how how_to_write = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0600};
static struct stat status;
static struct rlimit no_limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
static int pair[2];

/* Each does nothing to the machine where it is not refused. The names are read by native.py. */
static const struct {
    const char *name;
    long number;
    long arguments[6];
} calls[] = {
    {"open_passwd",
     SYS_openat2,
     {AT_FDCWD, NUMBER(passwd), NUMBER(&how_to_read), sizeof(how_to_read)}},
    {"open_root", SYS_openat2, {AT_FDCWD, NUMBER(root), NUMBER(&how_to_read), sizeof(how_to_read)}},
    {"create_file",
     SYS_openat2,
     {AT_FDCWD, NUMBER(nowhere), NUMBER(&how_to_write), sizeof(how_to_write)}},
    {"stat_passwd", SYS_newfstatat, {AT_FDCWD, NUMBER(passwd), NUMBER(&status), 0}},
    {"execve", SYS_execve, {NUMBER(nowhere), 0, 0}},
    {"kill", SYS_kill, {1, 0}},
    {"ptrace", SYS_ptrace, {99, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0}},
    {"socket_unix", SYS_socket, {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}},
    {"socket_netlink", SYS_socket, {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0}},
    {"sendmsg", SYS_sendmsg, {3, 0, 0}},
    {"io_uring", SYS_io_uring_setup, {0, 0}},
    {"pipe", SYS_pipe2, {NUMBER(pair), O_CLOEXEC}},
    {"dup", SYS_dup, {3}},
    {"memfd", SYS_memfd_create, {NUMBER("x"), MFD_CLOEXEC}},
    {"mmap_executable",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mprotect_executable", SYS_mprotect, {0, 0, PROT_READ | PROT_EXEC}},
    {"userfaultfd", SYS_userfaultfd, {O_CLOEXEC}},
    {"bpf", SYS_bpf, {-1, 0, 0}},
    {"keyctl", SYS_keyctl, {-1, 0, 0, 0, 0}},
    {"setrlimit", SYS_prlimit64, {0, RLIMIT_CPU, NUMBER(&no_limit), 0}},
    {"unshare", SYS_unshare, {0}},
    {"setns", SYS_setns, {-1, 0}},
    {"mount", SYS_mount, {0, 0, 0, 0, 0}},
    {"chroot", SYS_chroot, {NUMBER(nowhere)}},
    {"seccomp", SYS_seccomp, {99, 0, 0}},
    {"set_dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
    {"type_on_terminal", SYS_ioctl, {3, TIOCSTI, 0}},
    {"ftruncate", SYS_ftruncate, {3, 0}},
    {"getpid", SYS_getpid, {0}},
    {"bytes_to_read", SYS_ioctl, {3, FIONREAD, NUMBER(pair)}},
    {"getrandom", SYS_getrandom, {NUMBER(pair), sizeof(pair), 0}},
};

int64_t act_call(int64_t argument)
{
    if (argument < 0 || (size_t)argument >= sizeof(calls) / sizeof(calls[0]))
        return -EDOM;
    const long *a = calls[argument].arguments;
    long result = syscall(calls[argument].number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result < 0 ? -errno : result;
}

int64_t act_descriptors(int64_t argument)
{
    int64_t open = 0;
    (void)argument;
    for (int fd = 0; fd < 62; fd++) {
        if (fstat(fd, &status) == 0)
            open |= (int64_t)1 << fd;
    }
    return open;
}

static int first_folder(void)
{
    for (size_t i = 0; i < WASI_DESCRIPTORS_MAX; i++) {
        if (taken_host->descriptors[i].kind == DESCRIPTOR_DIRECTORY)
            return taken_host->descriptors[i].host_fd;
    }
    return -1;
}

int64_t act_open_lots(int64_t argument)
{
    int folder = first_folder();
    int64_t count = 0;
    (void)argument;
    if (folder < 0)
        return -ENOENT;
    while (syscall(SYS_openat2, folder, ".", &how_to_read, sizeof(how_to_read)) >= 0)
        count++;
    return errno == EMFILE ? count : -errno;
}

int64_t act_reserve_lots(int64_t argument)
{
    int64_t count = 0;
    (void)argument;
    while (count < 1000 && mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        count++;
    return count;
}

int64_t act_find_canary(int64_t argument)
{
    char canary[32];
    int64_t count = 0;
    (void)snprintf(canary, sizeof(canary), "canary-%08llx", (unsigned long long)argument);
    size_t size = strlen(canary);
    const uint8_t *at = taken_memory->base;
    const uint8_t *end = at + taken_memory->size;
    while ((at = memmem(at, (size_t)(end - at), canary, size)) != NULL) {
        count++;
        at += size;
    }
    return count;
}

int64_t act_count_environment(int64_t argument)
{
    int64_t count = 0;
    (void)argument;
    while (environ[count] != NULL)
        count++;
    return count;
}
