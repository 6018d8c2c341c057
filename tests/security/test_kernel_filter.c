/* The system call filter by itself: what a process may still call after lockdown_enter, with every
 * other wall off. Each call is made in a process of its own, once without the filter as a control,
 * where it must return, and once behind it, where the process must die of SIGSYS. */
#include "wall_probe.h"

#include "wasi/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RETURNED 40

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

static int make_call(void *argument)
{
    const struct call *call = argument;
    const long *a = call->arguments;
    if (syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]) == 0 && call->number == SYS_clone)
        probe_leave(0); /* the control's child */
    return RETURNED;
}

/* Makes the call without the filter or behind it. The wait status. */
static int run(bool filtered, probe_body *body, const struct call *call)
{
    wall_set walls = probe_walls(WALL_SECCOMP);
    const struct probe probe = {.walls = filtered ? walls : walls & ~WALL_BIT(WALL_SECCOMP)};
    return probe_run(&probe, body, (void *)call);
}

static bool is_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static bool is_returned(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == RETURNED;
}

static void each_forbidden_call_kills(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        int control = run(false, make_call, &forbidden[i]);
        int status = run(true, make_call, &forbidden[i]);
        if (!is_returned(control))
            fail_msg("%s: the control ended with wait status %d", forbidden[i].name, control);
        if (!is_killed(status))
            fail_msg("%s: wait status %d instead of death by SIGSYS", forbidden[i].name, status);
    }
}

static void each_allowed_call_returns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        int status = run(true, make_call, &allowed[i]);
        if (!is_returned(status))
            fail_msg("%s: wait status %d", allowed[i].name, status);
    }
}

/* ---- every number there is ---- */

/* Beyond the last system call of any kernel so far. */
#define NUMBERS 1024

/* What the filter allows beside the list of the WASI host: see syscall_filter.c. */
static const int allowed_beside[] =
    {
        SYS_write,        SYS_brk,          SYS_munmap,          SYS_madvise,
        SYS_rt_sigaction, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit,
        SYS_exit_group,   SYS_mmap,         SYS_mprotect, /* unless executable, which -1 is */
};

/* The calls whose end is another than to return. */
static bool returns(long number)
{
    return number != SYS_exit && number != SYS_exit_group && number != SYS_rt_sigreturn;
}

static bool is_allowed(long number, bool folders)
{
    for (size_t i = 0; i < sizeof(allowed_beside) / sizeof(allowed_beside[0]); i++) {
        if (allowed_beside[i] == number)
            return number != SYS_mmap && number != SYS_mprotect;
    }
    for (const struct wasi_syscall *call = wasi_syscalls; call->purpose != NULL; call++) {
        if (call->number == number)
            return call->need <= (folders ? WASI_SYSCALL_FOLDER : WASI_SYSCALL_ALWAYS) &&
                   call->second == 0;
    }
    return false;
}

/* Two numbers that the kernel keeps from filters (kernel/seccomp.c, seccomp_uprobe_exception): they
 * are for code that a tracer put into a process, and do nothing for others, or kill them. */
static bool is_a_tracers(long number)
{
#if defined(__x86_64__)
    return number == 335 || number == 336; /* uretprobe, uprobe */
#else
    (void)number;
    return false;
#endif
}

/* With arguments that nothing can be done with; those of ioctl, mmap and mprotect are forbidden. */
static size_t count_allowed(bool folders)
{
    static const char *const readable[] = {"/"};
    const struct probe probe = {.walls = probe_walls(WALL_SECCOMP),
                                .readable = readable,
                                .readable_count = folders ? 1 : 0};
    size_t allowed_count = 0;
    for (long number = 0; number < NUMBERS; number++) {
        struct call call = {.number = number, .arguments = {-1, -1, -1, -1, -1, -1}};
        int status = probe_run(&probe, make_call, &call);
        if (is_a_tracers(number) &&
            (is_returned(status) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGILL)))
            continue;
        bool is_listed = is_allowed(number, folders);
        if (is_killed(status) == is_listed)
            fail_msg("call %ld: wait status %d", number, status);
        if (is_listed && returns(number) && !is_returned(status))
            fail_msg("call %ld: wait status %d instead of a return", number, status);
        allowed_count += is_listed ? 1 : 0;
    }
    return allowed_count;
}

/* A list that grows is to be looked at. Without a granted folder it has none that takes a path. */
static void each_number_is_allowed_or_kills(void **state)
{
    (void)state;
    assert_in_range(count_allowed(true), 20, 35);
    assert_int_equal(count_allowed(true) - count_allowed(false), 5);
}

/* ---- arguments ---- */

static void nothing_becomes_executable(void **state)
{
    (void)state;
    for (unsigned rights = 0; rights < 8; rights++) {
        for (int high = 0; high < 64; high += 9) { /* with a bit that means nothing, or not much */
            long protection = (long)(rights | (high >= 3 ? UINT64_C(1) << high : 0));
            const struct call calls[] = {
                {"mmap", SYS_mmap, {0, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
                {"mprotect", SYS_mprotect, {0, 0, protection}},
            };
            for (size_t i = 0; i < 2; i++) {
                int status = run(true, make_call, &calls[i]);
                bool executable = (rights & PROT_EXEC) != 0;
                if (executable ? !is_killed(status) : !is_returned(status))
                    fail_msg("%s, rights %lx: wait status %d", calls[i].name, protection, status);
            }
        }
    }
}

static void ioctl_counts_bytes_and_nothing_else(void **state)
{
    (void)state;
    for (int bit = -1; bit < 64; bit++) {
        uint64_t command = (uint64_t)FIONREAD ^ (bit < 0 ? 0 : UINT64_C(1) << bit);
        const struct call call = {.number = SYS_ioctl,
                                  .arguments = {-1, (long)command, TEXT(pair)}};
        int status = run(true, make_call, &call);
        if (bit < 0 ? !is_returned(status) : !is_killed(status))
            fail_msg("ioctl %#lx: wait status %d", (unsigned long)command, status);
    }
}

#if defined(__x86_64__)

/* ---- the numbers of another calling convention, which mean other calls ---- */

static int call_as_x32(void *argument)
{
    (void)syscall((long)(intptr_t)argument | 0x40000000, -1, -1, -1, -1, -1, -1);
    return RETURNED;
}

static int call_as_32_bit(void *argument)
{
    long result = (long)(intptr_t)argument;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
                     : "memory", "r8", "r9", "r10", "r11");
    return RETURNED;
}

static void numbers_of_x32_kill(void **state)
{
    (void)state;
    for (intptr_t number = 0; number < NUMBERS; number++) {
        int status = run(true, call_as_x32, (const struct call *)number);
        if (!is_killed(status))
            fail_msg("call %ld: wait status %d", (long)number, status);
    }
}

static void numbers_of_32_bit_programs_kill(void **state)
{
    (void)state;
    /* getpid there. A kernel without 32-bit programs refuses the instruction itself. */
    int control = run(false, call_as_32_bit, (const struct call *)(intptr_t)20);
    bool known = is_returned(control);
    assert_true(known || (WIFSIGNALED(control) && WTERMSIG(control) == SIGSEGV));
    for (intptr_t number = 0; number < NUMBERS; number++) {
        int status = run(true, call_as_32_bit, (const struct call *)number);
        if (known ? !is_killed(status) : !WIFSIGNALED(status))
            fail_msg("call %ld: wait status %d", (long)number, status);
    }
}

#endif

/* ---- what a filter is not for ---- */

/* A handler that was there before runs, and nothing it calls is exempt. */
static void call_from_handler(int number)
{
    (void)number;
    (void)syscall(SYS_getpid);
    probe_leave(RETURNED);
}

static int call_after_a_fault(void *argument)
{
    (void)argument;
    (void)signal(SIGSEGV, call_from_handler);
    volatile uintptr_t nowhere_at_all = 8;
    *(volatile int *)nowhere_at_all = 1;
    return RETURNED;
}

static int catch_the_filters_signal(void *argument)
{
    (void)argument;
    (void)signal(SIGSYS, call_from_handler); /* rt_sigaction is allowed */
    (void)syscall(SYS_getpid);
    return RETURNED;
}

static void the_signal_cannot_be_caught(void **state)
{
    (void)state;
    assert_true(is_killed(run(true, catch_the_filters_signal, NULL)));
    assert_true(is_killed(run(true, call_after_a_fault, NULL)));
}

static int thread_body(void *argument)
{
    (void)argument;
    return 0;
}

static int make_a_thread(void *argument)
{
    static char stack[65536];
    (void)argument;
    (void)clone(thread_body, stack + sizeof(stack),
                CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                NULL);
    return RETURNED;
}

static void there_is_no_second_thread(void **state)
{
    (void)state;
    assert_true(is_returned(run(false, make_a_thread, NULL)));
    assert_true(is_killed(run(true, make_a_thread, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALL_TEST(each_forbidden_call_kills),
        WALL_TEST(each_allowed_call_returns),
        WALL_TEST(each_number_is_allowed_or_kills),
        WALL_TEST(nothing_becomes_executable),
        WALL_TEST(ioctl_counts_bytes_and_nothing_else),
#if defined(__x86_64__)
        WALL_TEST(numbers_of_x32_kill),
        WALL_TEST(numbers_of_32_bit_programs_kill),
#endif
        WALL_TEST(the_signal_cannot_be_caught),
        WALL_TEST(there_is_no_second_thread),
    };
    return cmocka_run_group_tests_name("kernel_filter", tests, NULL, NULL);
}
