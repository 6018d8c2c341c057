/* The kernel's wall by itself: what a process may still do after lockdown_enter, with WebAssembly
 * and the WASI host out of the way. Each call is made in a child of its own, once without the wall
 * as a control, where it must return, and once behind it, where the child must die of SIGSYS. */
#include "sandbox/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RETURNED 40
#define NOT_LOCKED 41
#define PROCESSOR_SECONDS 20

static struct lockdown *lockdown;

struct call {
    const char *name;
    long number;
    long arguments[6];
};

/* Arguments with which the call does nothing where it is allowed. */
#define TEXT(text) ((long)(intptr_t)(text))
static const char nowhere[] = "/nonexistent/file";
static const char passwd[] = "/etc/passwd";
static int pair[2];
static struct timespec no_time;

static const struct call forbidden[] = {
    /* processes */
    {"fork", SYS_clone, {SIGCHLD}},
    {"clone3", SYS_clone3, {0, 0}},
    {"execve", SYS_execve, {TEXT(nowhere), 0, 0}},
    {"execveat", SYS_execveat, {AT_FDCWD, TEXT(nowhere), 0, 0, 0}},
    {"kill", SYS_kill, {1, 0}},
    {"tgkill", SYS_tgkill, {1, 1, 0}},
    {"ptrace", SYS_ptrace, {99, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}},
    {"pidfd_open", SYS_pidfd_open, {1, 0}},
    {"pidfd_getfd", SYS_pidfd_getfd, {-1, 0, 0}},
    {"pidfd_send_signal", SYS_pidfd_send_signal, {-1, 0, 0, 0}},
    {"setpriority", SYS_setpriority, {0, 0, 0}},
    {"sched_setaffinity", SYS_sched_setaffinity, {0, 0, 0}},
    {"getpid", SYS_getpid, {0}},
    /* network */
    {"socket, IPv4", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"socket, Unix", SYS_socket, {AF_UNIX, SOCK_DGRAM, 0}},
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, TEXT(pair)}},
    {"connect", SYS_connect, {-1, 0, 0}},
    {"bind", SYS_bind, {-1, 0, 0}},
    {"listen", SYS_listen, {-1, 0}},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}},
    {"sendto", SYS_sendto, {-1, 0, 0, 0, 0, 0}},
    {"sendmsg", SYS_sendmsg, {-1, 0, 0}},
    {"recvmsg", SYS_recvmsg, {-1, 0, 0}},
    /* files */
    {"openat, absolute path", SYS_openat, {AT_FDCWD, TEXT(passwd), O_RDONLY}},
    {"openat, to write", SYS_openat, {AT_FDCWD, TEXT(nowhere), O_WRONLY | O_CREAT, 0600}},
    {"mkdirat", SYS_mkdirat, {AT_FDCWD, TEXT(nowhere), 0700}},
    {"mknodat", SYS_mknodat, {AT_FDCWD, TEXT(nowhere), 0, 0}},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, TEXT(nowhere), 0}},
    {"renameat2", SYS_renameat2, {AT_FDCWD, TEXT(nowhere), AT_FDCWD, TEXT(nowhere), 0}},
    {"linkat", SYS_linkat, {AT_FDCWD, TEXT(nowhere), AT_FDCWD, TEXT(nowhere), 0}},
    {"symlinkat", SYS_symlinkat, {TEXT(nowhere), AT_FDCWD, TEXT(nowhere)}},
    {"fchmodat", SYS_fchmodat, {AT_FDCWD, TEXT(nowhere), 0}},
    {"fchownat", SYS_fchownat, {AT_FDCWD, TEXT(nowhere), 0, 0, 0}},
    {"utimensat", SYS_utimensat, {AT_FDCWD, TEXT(nowhere), 0, 0}},
    {"truncate", SYS_truncate, {TEXT(nowhere), 0}},
    {"ftruncate", SYS_ftruncate, {-1, 0}},
    {"fallocate", SYS_fallocate, {-1, 0, 0, 1}},
    {"chdir", SYS_chdir, {TEXT(nowhere)}},
    {"chroot", SYS_chroot, {TEXT(nowhere)}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}},
    {"setxattr", SYS_setxattr, {TEXT(nowhere), 0, 0, 0, 0}},
    {"dup", SYS_dup, {-1}},
    {"dup3", SYS_dup3, {-1, 100, 0}},
    {"pipe2", SYS_pipe2, {TEXT(pair), 0}},
    {"fcntl, to own", SYS_fcntl, {-1, F_SETOWN, 1}},
    {"ioctl, to type on a terminal", SYS_ioctl, {-1, TIOCSTI, 0}},
    {"ioctl, the same with the upper half set",
     SYS_ioctl,
     {-1, (long)((uint64_t)TIOCSTI | ((uint64_t)FIONREAD << 32)), 0}},
    {"sendfile", SYS_sendfile, {-1, -1, 0, 0}},
    {"splice", SYS_splice, {-1, 0, -1, 0, 0, 0}},
    /* memory */
    {"mmap, executable",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mmap, writable and executable",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mprotect, executable", SYS_mprotect, {0, 0, PROT_EXEC}},
    {"pkey_mprotect", SYS_pkey_mprotect, {0, 0, PROT_EXEC, -1}},
    {"memfd_create", SYS_memfd_create, {TEXT("x"), 0}},
    {"shmget", SYS_shmget, {0, 0, 0}},
    {"userfaultfd", SYS_userfaultfd, {-1}},
    {"process_madvise", SYS_process_madvise, {-1, 0, 0, 0, 0}},
    /* the system */
    {"mount", SYS_mount, {0, 0, 0, 0, 0}},
    {"umount2", SYS_umount2, {TEXT(nowhere), 0}},
    {"pivot_root", SYS_pivot_root, {0, 0}},
    {"unshare", SYS_unshare, {0}},
    {"setns", SYS_setns, {-1, 0}},
    {"setuid", SYS_setresuid, {-1, -1, -1}},
    {"capset", SYS_capset, {0, 0}},
    {"prctl", SYS_prctl, {PR_GET_DUMPABLE, 0, 0, 0, 0}},
    {"seccomp", SYS_seccomp, {99, 0, 0}},
    {"prlimit64", SYS_prlimit64, {0, RLIMIT_CPU, 0, 0}},
    {"bpf", SYS_bpf, {-1, 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}},
    {"io_uring_setup", SYS_io_uring_setup, {0, 0}},
    {"keyctl", SYS_keyctl, {-1, 0, 0, 0, 0}},
    {"add_key", SYS_add_key, {0, 0, 0, 0, 0}},
    {"init_module", SYS_init_module, {0, 0, 0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, -1}},
    {"reboot", SYS_reboot, {0, 0, 0, 0}},
    {"settimeofday", SYS_settimeofday, {0, 0}},
    {"sethostname", SYS_sethostname, {0, -1}},
    {"syslog", SYS_syslog, {99, 0, 0}},
    {"inotify_init1", SYS_inotify_init1, {0}},
    {"fanotify_init", SYS_fanotify_init, {-1, 0}},
    {"epoll_create1", SYS_epoll_create1, {0}},
    {"timerfd_create", SYS_timerfd_create, {0, 0}},
    {"eventfd2", SYS_eventfd2, {0, 0}},
    {"timer_create", SYS_timer_create, {-1, 0, 0}},
    {"setitimer", SYS_setitimer, {-1, 0, 0}},
    {"uname", SYS_uname, {0}},
    {"sysinfo", SYS_sysinfo, {0}},
#if defined(__x86_64__)
    {"open", SYS_open, {TEXT(passwd), O_RDONLY}},
    {"creat", SYS_creat, {TEXT(nowhere), 0600}},
    {"unlink", SYS_unlink, {TEXT(nowhere)}},
    {"arch_prctl", SYS_arch_prctl, {0, 0}},
    {"ioperm", SYS_ioperm, {0, 0, 0}},
    {"iopl", SYS_iopl, {99}},
    {"modify_ldt", SYS_modify_ldt, {99, 0, 0}},
#endif
    {"a number that is no call", 100000, {0}},
};

static const struct call allowed[] = {
    {"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, TEXT(&no_time)}},
    {"getrandom", SYS_getrandom, {TEXT(pair), sizeof(pair), 0}},
    {"ppoll", SYS_ppoll, {0, 0, TEXT(&no_time), 0, 0}},
    {"readv", SYS_readv, {-1, 0, 0}},
    {"writev", SYS_writev, {-1, 0, 0}},
    {"close", SYS_close, {-1}},
    {"ioctl, bytes to read", SYS_ioctl, {-1, FIONREAD, TEXT(pair)}},
    {"mmap, writable",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mprotect, writable", SYS_mprotect, {0, 0, PROT_READ | PROT_WRITE}},
};

static void end_process(int status)
{
    (void)syscall(SYS_exit_group, status);
}

/* Through a pointer, as a sanitizer makes forbidden calls before what it knows not to return, and
 * in its own _exit. */
static void (*volatile leave)(int) = end_process;

static int make_call(const struct call *call)
{
    const long *a = call->arguments;
    if (syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]) == 0 && call->number == SYS_clone)
        leave(0); /* the control's child */
    return RETURNED;
}

/* In a child: enters the wall when `locked`, runs `body`, exits with its result. Returns the wait
 * status. */
static int run(bool locked, int (*body)(const struct call *), const struct call *call)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error error = ERROR_NONE;
        if (locked && lockdown_enter(lockdown, parent, PROCESSOR_SECONDS, &error) != 0)
            leave(NOT_LOCKED);
        leave(body(call));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void each_forbidden_call_kills(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        int control = run(false, make_call, &forbidden[i]);
        int status = run(true, make_call, &forbidden[i]);
        if (!WIFEXITED(control) || WEXITSTATUS(control) != RETURNED)
            fail_msg("%s: the control ended with wait status %d", forbidden[i].name, control);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: wait status %d instead of death by SIGSYS", forbidden[i].name, status);
    }
}

static void each_allowed_call_returns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        int status = run(true, make_call, &allowed[i]);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != RETURNED)
            fail_msg("%s: wait status %d", allowed[i].name, status);
    }
}

#if defined(__x86_64__)

/* The numbers of another calling convention mean other calls. */
static int call_as_x32(const struct call *call)
{
    (void)call;
    (void)syscall(SYS_write | 0x40000000, -1, 0, 0);
    return RETURNED;
}

static int call_as_32_bit(const struct call *call)
{
    long result = 20; /* getpid there, writev here */
    (void)call;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return RETURNED;
}

static void other_calling_conventions_kill(void **state)
{
    (void)state;
    int status = run(true, call_as_x32, NULL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = run(true, call_as_32_bit, NULL);
    /* A kernel without 32-bit programs refuses the instruction itself. */
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
}

#endif

static int burn(const struct call *call)
{
    (void)call;
    for (volatile uint64_t i = 0;; i++) {
    }
    return RETURNED;
}

static void processor_time_is_limited(void **state)
{
    (void)state;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        leave(lockdown_enter(lockdown, parent, 1, &error) != 0 ? NOT_LOCKED : burn(NULL));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}

static void a_parent_that_is_gone_is_noticed(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        leave(lockdown_enter(lockdown, getpid(), PROCESSOR_SECONDS, &error) != 0 &&
                      error.kind == ERROR_KILLED
                  ? RETURNED
                  : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), RETURNED);
}

/* The value of a line "NAME:\tVALUE" of /proc/PID/status, or -1. */
static long status_line(pid_t pid, const char *name)
{
    char path[64];
    char line[256];
    long value = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t size = strlen(name);
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            (void)sscanf(line + size + 1, "%ld", &value);
    }
    (void)fclose(file);
    return value;
}

static void the_kernel_says_so_too(void **state)
{
    int ready[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        if (lockdown_enter(lockdown, parent, PROCESSOR_SECONDS, &error) != 0)
            leave(NOT_LOCKED);
        (void)syscall(SYS_write, ready[1], "x", 1);
        (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
        leave(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    struct rlimit core;
    struct rlimit processes;
    assert_int_equal(status_line(pid, "Seccomp"), 2);
    assert_int_equal(status_line(pid, "NoNewPrivs"), 1);
    assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &core), 0);
    assert_int_equal(prlimit(pid, RLIMIT_NPROC, NULL, &processes), 0);
    assert_int_equal(core.rlim_max, 0);
    assert_int_equal(processes.rlim_max, 0);
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void other_descriptors_are_closed(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        int kept = open("/dev/null", O_RDONLY);
        int low = fcntl(kept, F_DUPFD, 20);
        int high = fcntl(kept, F_DUPFD, 200);
        bool closed = lockdown_close_descriptors(21, &error) == 0 && low == 20 &&
                      fcntl(low, F_GETFD) >= 0 && fcntl(high, F_GETFD) < 0 && errno == EBADF;
        leave(closed ? RETURNED : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), RETURNED);
}

static int prepare(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    lockdown = lockdown_prepare(&error);
    return lockdown == NULL ? -1 : 0;
}

static int release(void **state)
{
    (void)state;
    lockdown_free(lockdown);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_forbidden_call_kills),
        cmocka_unit_test(each_allowed_call_returns),
#if defined(__x86_64__)
        cmocka_unit_test(other_calling_conventions_kill),
#endif
        cmocka_unit_test(processor_time_is_limited),
        cmocka_unit_test(a_parent_that_is_gone_is_noticed),
        cmocka_unit_test(the_kernel_says_so_too),
        cmocka_unit_test(other_descriptors_are_closed),
    };
    return cmocka_run_group_tests(tests, prepare, release);
}
