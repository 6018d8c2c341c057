/* No way back: what a process gave up in lockdown_enter it cannot get again. With all walls, each
 * attempt kills the process or is refused; and with all but the system call filter, which would
 * have to fall first, the others hold by themselves. */
#include "wall_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int errno_or_success(bool success)
{
    return success ? 0 : errno;
}

static wall_set all_permitted(void)
{
    wall_set walls = 0;
    struct error error = ERROR_NONE;
    if (walls_probe(&walls, &error) != 0)
        fail_msg("%s", error.message);
    return walls;
}

/* ---- attempts ---- */

static int become_another_user(void *argument)
{
    (void)argument;
    return errno_or_success(setresuid(NOBODY - 1, NOBODY - 1, NOBODY - 1) == 0);
}

static int become_another_group(void *argument)
{
    (void)argument;
    return errno_or_success(setresgid(NOBODY - 1, NOBODY - 1, NOBODY - 1) == 0);
}

static int set_groups(void *argument)
{
    const gid_t groups[] = {NOBODY - 1};
    (void)argument;
    return errno_or_success(syscall(SYS_setgroups, 1, groups) == 0);
}

static int take_all_capabilities(void *argument)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = 1u << CAP_SYS_CHROOT, .permitted = 1u << CAP_SYS_CHROOT}};
    (void)argument;
    return errno_or_success(syscall(SYS_capset, &header, all) == 0);
}

static int take_an_ambient_capability(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0) == 0);
}

static int unset_no_new_privs(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static int become_dumpable(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static int outlive_the_parent(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0);
}

static int leave_the_filter(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED, 0, 0, 0) == 0);
}

/* One that allows everything; it would stand beside the other. */
static int enter_another_filter(void *argument)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {.len = 1, .filter = allow};
    (void)argument;
    return errno_or_success(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

static int get_a_tracer(void *argument)
{
    (void)argument;
    return errno_or_success(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

static int raise_a_limit(void *argument)
{
    static const __rlimit_resource_t resources[] = {RLIMIT_CPU,  RLIMIT_DATA,  RLIMIT_AS,
                                                    RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_NOFILE};
    (void)argument;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        struct rlimit limit;
        if (getrlimit(resources[i], &limit) != 0)
            return errno;
        if (limit.rlim_max == RLIM_INFINITY)
            return 0; /* there was no limit */
        limit.rlim_max++;
        if (setrlimit(resources[i], &limit) == 0)
            return 0;
        if (errno != EPERM)
            return errno;
    }
    return EPERM;
}

static int change_root(void *argument)
{
    (void)argument;
    return errno_or_success(chroot("/") == 0);
}

static int mount_something(void *argument)
{
    (void)argument;
    return errno_or_success(mount("none", "/", "tmpfs", 0, NULL) == 0);
}

static int make_root_writable(void *argument)
{
    (void)argument;
    return errno_or_success(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
}

static int unmount_root(void *argument)
{
    (void)argument;
    return errno_or_success(umount2("/", MNT_DETACH) == 0);
}

static int pivot_root(void *argument)
{
    (void)argument;
    return errno_or_success(syscall(SYS_pivot_root, ".", ".") == 0);
}

static int unshare_flag(void *argument)
{
    return errno_or_success(unshare(*(int *)argument) == 0);
}

/* The namespaces of the process 1, or the lowest number there is. */
static int join_outside(void *argument)
{
    int fd = open(argument, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return errno_or_success(setns(fd, 0) == 0);
}

static int make_a_process(void *argument)
{
    const long flags = *(const long *)argument;
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        probe_leave(0);
    return errno_or_success(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static int execute(void *argument)
{
    char *const arguments[] = {"true", NULL};
    (void)argument;
    (void)execv("/bin/true", arguments);
    return errno;
}

static int open_in_proc(void *argument)
{
    int fd = open(argument, O_RDWR | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

/* By the one call to open files that the filter allows. */
static int open_by_allowed_call(void *argument)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    long fd = syscall(SYS_openat2, AT_FDCWD, argument, &how, sizeof(how));
    return errno_or_success(fd >= 0);
}

static int be_of_another_kind(void *argument)
{
    (void)argument;
    return errno_or_success(personality(READ_IMPLIES_EXEC) >= 0);
}

static int make_a_socket(void *argument)
{
    (void)argument;
    return errno_or_success(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static int new_user = CLONE_NEWUSER;
static int new_mounts = CLONE_NEWNS;
static int new_network = CLONE_NEWNET;
static int new_numbers = CLONE_NEWPID;
static long plain_fork;
static long fork_into_namespaces = CLONE_NEWUSER | CLONE_NEWNS;

/* ---- with all walls ---- */

struct attempt {
    const char *name;
    probe_body *body;
    void *argument;
};

static const struct attempt attempts[] = {
    {"setresuid", become_another_user, NULL},
    {"setresgid", become_another_group, NULL},
    {"setgroups", set_groups, NULL},
    {"capset", take_all_capabilities, NULL},
    {"an ambient capability", take_an_ambient_capability, NULL},
    {"no_new_privs off", unset_no_new_privs, NULL},
    {"dumpable", become_dumpable, NULL},
    {"no tie to the parent", outlive_the_parent, NULL},
    {"seccomp off", leave_the_filter, NULL},
    {"another filter", enter_another_filter, NULL},
    {"ptrace", get_a_tracer, NULL},
    {"setrlimit", raise_a_limit, NULL},
    {"chroot", change_root, NULL},
    {"mount", mount_something, NULL},
    {"remount", make_root_writable, NULL},
    {"umount", unmount_root, NULL},
    {"pivot_root", pivot_root, NULL},
    {"unshare, users", unshare_flag, &new_user},
    {"unshare, mounts", unshare_flag, &new_mounts},
    {"unshare, network", unshare_flag, &new_network},
    {"unshare, process numbers", unshare_flag, &new_numbers},
    {"setns", join_outside, "/proc/1/ns/net"},
    {"fork", make_a_process, &plain_fork},
    {"clone into namespaces", make_a_process, &fork_into_namespaces},
    {"execve", execute, NULL},
    {"open in /proc", open_in_proc, "/proc/self/mem"},
    {"personality", be_of_another_kind, NULL},
    {"socket", make_a_socket, NULL},
};

static void each_attempt_kills(void **state)
{
    (void)state;
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = all_permitted(), .way = (enum probe_way)way};
        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
            int status = probe_run(&probe, attempts[i].body, attempts[i].argument);
            if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
                fail_msg("%s: wait status %d", attempts[i].name, status);
        }
    }
}

/* The controls: what anybody can do, and what root can. */
static void without_walls_they_can_be_made(void **state)
{
    static const struct attempt everybodys[] = {
        {"dumpable", become_dumpable, NULL},
        {"no tie to the parent", outlive_the_parent, NULL},
        {"ptrace", get_a_tracer, NULL},
        {"fork", make_a_process, &plain_fork},
        {"execve", execute, NULL},
        {"open in /proc", open_in_proc, "/proc/self/mem"},
        {"personality", be_of_another_kind, NULL},
        {"socket", make_a_socket, NULL},
        {"setrlimit", raise_a_limit, NULL},
    };
    static const struct attempt roots[] = {
        {"setresuid", become_another_user, NULL},
        {"setresgid", become_another_group, NULL},
        {"setgroups", set_groups, NULL},
        {"capset", take_all_capabilities, NULL},
        {"chroot", change_root, NULL},
        {"unshare, mounts", unshare_flag, &new_mounts},
        {"unshare, network", unshare_flag, &new_network},
        {"another filter", enter_another_filter, NULL},
    };
    const struct probe probe = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(everybodys) / sizeof(everybodys[0]); i++) {
        int result = probe_result(&probe, everybodys[i].body, everybodys[i].argument);
        if (result != 0)
            fail_msg("%s: %s", everybodys[i].name, strerrorname_np(result));
    }
    const struct probe ready = {.walls = WALL_BIT(WALL_NO_NEW_PRIVS)};
    assert_int_equal(probe_result(&ready, enter_another_filter, NULL), 0);
    for (size_t i = 0; geteuid() == 0 && i < sizeof(roots) / sizeof(roots[0]); i++) {
        int result = probe_result(&probe, roots[i].body, roots[i].argument);
        if (result == EPERM)
            print_message("# %s: the root of this container may not either\n", roots[i].name);
        else if (result != 0)
            fail_msg("%s: %s", roots[i].name, strerrorname_np(result));
    }
}

/* What the filter lets a process call that was granted a folder, it cannot get far with elsewhere;
 * and one that was granted none may not even ask, which holds also where the kernel permits neither
 * of the other walls. */
static void no_file_of_the_host_can_be_opened(void **state)
{
    static char folder[96];
    const char *const readable[] = {folder};
    static const char *const paths[] = {"/etc/passwd",
                                        "/proc/self/mem",
                                        "/proc/self/maps",
                                        "/proc/self/fd/0",
                                        "/proc/sys/kernel/ns_last_pid",
                                        "/dev/mem",
                                        "/sys/kernel",
                                        "/",
                                        "../../../etc/passwd",
                                        "/proc/1/root/etc/passwd",
                                        "."};
    const wall_set walls = all_permitted();
    (void)state;
    (void)snprintf(folder, sizeof(folder), "%s", probe_folder());
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct probe probe = {.walls = walls};
        int status = probe_run(&probe, open_by_allowed_call, (void *)paths[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: wait status %d", paths[i], status);
    }
    if ((walls & (WALL_BIT(WALL_MOUNT_NAMESPACE) | WALL_BIT(WALL_LANDLOCK))) == 0)
        PROBE_SKIP("neither a mount namespace nor Landlock can be had here\n");
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {
            .walls = walls, .way = (enum probe_way)way, .readable = readable, .readable_count = 1};
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            int result = probe_result(&probe, open_by_allowed_call, (void *)paths[i]);
            if (result != ENOENT && result != EACCES)
                fail_msg("%s: %s", paths[i],
                         result == 0 ? "it was opened" : strerrorname_np(result));
        }
    }
}

/* ---- with all walls but the filter ---- */

static struct probe without_filter(int way)
{
    return (struct probe){.walls = all_permitted() & ~WALL_BIT(WALL_SECCOMP),
                          .way = (enum probe_way)way};
}

/* What each is refused with; EINVAL where a user is none of the namespace's. */
static const struct {
    struct attempt attempt;
    int refusals[3];
} refused[] = {
    {{"setresuid", become_another_user, NULL}, {EPERM, EINVAL}},
    {{"setresgid", become_another_group, NULL}, {EPERM, EINVAL}},
    {{"setgroups", set_groups, NULL}, {EPERM, EINVAL}},
    {{"capset", take_all_capabilities, NULL}, {EPERM}},
    {{"an ambient capability", take_an_ambient_capability, NULL}, {EPERM}},
    {{"no_new_privs off", unset_no_new_privs, NULL}, {EINVAL}},
    {{"setrlimit", raise_a_limit, NULL}, {EPERM}},
    {{"chroot", change_root, NULL}, {EPERM}},
    {{"mount", mount_something, NULL}, {EPERM}},
    {{"remount", make_root_writable, NULL}, {EPERM}},
    {{"umount", unmount_root, NULL}, {EPERM}},
    {{"pivot_root", pivot_root, NULL}, {EPERM}},
    {{"unshare, mounts", unshare_flag, &new_mounts}, {EPERM}},
    {{"unshare, network", unshare_flag, &new_network}, {EPERM}},
    {{"unshare, process numbers", unshare_flag, &new_numbers}, {EPERM}},
    {{"setns", join_outside, "/proc/1/ns/net"}, {ENOENT, EACCES, EPERM}},
    {{"execve", execute, NULL}, {ENOENT, EACCES}},
    {{"open in /proc", open_in_proc, "/proc/self/mem"}, {ENOENT, EACCES}},
};

static void without_the_filter_the_others_hold(void **state)
{
    (void)state;
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = without_filter(way);
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            const struct attempt *attempt = &refused[i].attempt;
            int result = probe_result(&probe, attempt->body, attempt->argument);
            bool expected = false;
            for (size_t j = 0; j < 3; j++)
                expected |= result != 0 && result == refused[i].refusals[j];
            if (!expected)
                fail_msg("%s: %s", attempt->name,
                         result == 0 ? "it succeeded" : strerrorname_np(result));
        }
    }
}

/* Anybody can make a user namespace, in which there are all capabilities again. They reach nothing
 * that was given up. */
static int gain_in_another_namespace(void *argument)
{
    static const struct attempt further[] = {
        {"mount", mount_something, NULL},
        {"remount", make_root_writable, NULL},
        {"setrlimit", raise_a_limit, NULL},
        {"open", open_by_allowed_call, "/etc/passwd"},
        {"/proc", open_in_proc, "/proc/self/mem"},
        {"setns", join_outside, "/proc/1/ns/net"},
        {"no_new_privs off", unset_no_new_privs, NULL},
    };
    (void)argument;
    if (unshare(CLONE_NEWUSER) != 0)
        return EPERM; /* better still */
    (void)unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
    for (size_t i = 0; i < sizeof(further) / sizeof(further[0]); i++) {
        if (further[i].body(further[i].argument) == 0) {
            (void)snprintf(probe_shared->text, sizeof(probe_shared->text), "%s", further[i].name);
            return 0;
        }
    }
    return EPERM;
}

static void another_user_namespace_gives_nothing_back(void **state)
{
    (void)state;
    if ((all_permitted() & WALL_BIT(WALL_LANDLOCK)) == 0)
        PROBE_SKIP("without Landlock, mounts are forbidden by the filter alone\n");
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = without_filter(way);
        if (probe_result(&probe, gain_in_another_namespace, NULL) != EPERM)
            fail_msg("%s succeeded", probe_shared->text);
    }
}

/* Further rules only take away. */
static int widen_landlock(void *argument)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE |
                                                                    LANDLOCK_ACCESS_FS_WRITE_FILE};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    struct landlock_path_beneath_attr rule = {.allowed_access = attributes.handled_access_fs,
                                              .parent_fd = open("/", O_PATH | O_CLOEXEC)};
    if (ruleset < 0 || rule.parent_fd < 0 ||
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return EUCLEAN;
    return open_by_allowed_call(argument);
}

static void further_landlock_rules_give_nothing(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    const struct probe probe = {.walls = WALL_BIT(WALL_LANDLOCK) | WALL_BIT(WALL_NO_NEW_PRIVS)};
    assert_int_equal(probe_result(&probe, widen_landlock, (void *)"/etc/passwd"), EACCES);
    const struct probe control = {.walls = WALL_BIT(WALL_NO_NEW_PRIVS)};
    assert_int_equal(probe_result(&control, widen_landlock, (void *)"/etc/passwd"), 0);
}

/* ---- and what a guest process needs still works ---- */

static int live_on(void *argument)
{
    const int *fds = argument;
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    char text[8];
    struct iovec vector = {.iov_base = text, .iov_len = sizeof(text)};
    long fd = syscall(SYS_openat2, fds[0], "file", &how, sizeof(how));
    if (fd < 0)
        return errno;
    if (syscall(SYS_readv, fd, &vector, 1) != 4 || memcmp(text, "text", 4) != 0)
        return EUCLEAN;
    vector.iov_len = 4;
    return errno_or_success(syscall(SYS_writev, fds[1], &vector, 1) == 4);
}

static void what_was_granted_can_be_used(void **state)
{
    static char path[96];
    const char *const readable[] = {path};
    char file[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s", probe_folder());
    (void)snprintf(file, sizeof(file), "%s/file", path);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, "text", 4), 4);
    (void)close(fd);
    for (int way = 0; way < PROBE_WAYS; way++) {
        int channel[2];
        char text[8];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
        int fds[] = {open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), channel[1]};
        assert_true(fds[0] >= 0);
        const struct probe probe = {.walls = all_permitted(),
                                    .way = (enum probe_way)way,
                                    .readable = readable,
                                    .readable_count = 1,
                                    .kept = fds,
                                    .kept_count = 2};
        assert_int_equal(probe_result(&probe, live_on, fds), 0);
        assert_int_equal(read(channel[0], text, sizeof(text)), 4);
        assert_memory_equal(text, "text", 4);
        (void)close(fds[0]);
        (void)close(channel[0]);
        (void)close(channel[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALL_TEST(each_attempt_kills),
        WALL_TEST(without_walls_they_can_be_made),
        WALL_TEST(no_file_of_the_host_can_be_opened),
        WALL_TEST(without_the_filter_the_others_hold),
        WALL_TEST(another_user_namespace_gives_nothing_back),
        WALL_TEST(further_landlock_rules_give_nothing),
        WALL_TEST(what_was_granted_can_be_used),
    };
    return cmocka_run_group_tests_name("kernel_return", tests, NULL, NULL);
}
