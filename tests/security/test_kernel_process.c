/* The walls of a guest process that need no namespace, each with all others off: no_new_privs,
 * resource limits, capabilities, not being dumpable, closed descriptors; and the tie to its
 * parent's life. */
#include "wall_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)
#define GIBIBYTE ((size_t)1 << 30)

static int errno_or_success(bool success)
{
    return success ? 0 : errno;
}

/* ---- no_new_privs ---- */

/* This program again, as which it is executed with the set-user-ID bit; see main. */
#define TELL_USER "--tell-user"
#define USER_IS_NOBODY 42

static int can_gain_by_exec(void *argument)
{
    (void)argument;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}

static void need_what_can_be_gained(void)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        PROBE_SKIP("no_new_privs is set around this test already\n");
}

static void no_new_privs_is_set(void **state)
{
    (void)state;
    need_what_can_be_gained();
    probe_expect(WALL_NO_NEW_PRIVS, can_gain_by_exec, NULL, EPERM);
}

static int unset_no_new_privs(void *argument)
{
    (void)argument;
    return errno_or_success(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void no_new_privs_stays(void **state)
{
    const struct probe probe = {.walls = WALL_BIT(WALL_NO_NEW_PRIVS)};
    (void)state;
    assert_int_equal(probe_result(&probe, unset_no_new_privs, NULL), EINVAL);
}

static int execute_set_user_id(void *argument)
{
    char *const arguments[] = {argument, TELL_USER, NULL};
    char *const environment[] = {NULL};
    (void)execve(argument, arguments, environment);
    return errno;
}

/* As root: a program of another user's with the set-user-ID bit makes its caller that user. */
static void anothers_program_changes_nothing(void)
{
    char program[128];
    char copy[300];
    struct probe probe = {.walls = WALL_BIT(WALL_NO_NEW_PRIVS)};
    (void)snprintf(program, sizeof(program), "%s/program", probe_folder());
    (void)snprintf(copy, sizeof(copy), "cp /proc/%d/exe %s", (int)getpid(), program);
    assert_int_equal(system(copy), 0);
    assert_int_equal(chown(program, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(program, 04755), 0);
    int behind = probe_result(&probe, execute_set_user_id, program);
    probe.walls = 0;
    int control = probe_result(&probe, execute_set_user_id, program);
    if (control == 0)
        PROBE_SKIP("set-user-ID programs have no effect in %s\n", program);
    assert_int_equal(control, USER_IS_NOBODY);
    assert_int_equal(behind, 0);
}

/* Whether the loader takes the program for one that gained rights: then it shows nothing. */
static int loader_shows_its_vector(void *argument)
{
    char *const arguments[] = {argument, "--version", NULL};
    char *const environment[] = {"LD_SHOW_AUXV=1", NULL};
    if (dup2((int)probe_shared->numbers[0], 1) != 1)
        return errno;
    (void)execve(argument, arguments, environment);
    return errno;
}

static bool shows_vector(const char *program, wall_set walls)
{
    const struct probe probe = {.walls = walls};
    char text[8192] = "";
    int ends[2];
    size_t size = 0;
    assert_int_equal(pipe(ends), 0);
    probe_shared->numbers[0] = ends[1];
    (void)probe_run(&probe, loader_shows_its_vector, (void *)program);
    (void)close(ends[1]);
    for (ssize_t got = 1; got > 0 && size < sizeof(text) - 1; size += (size_t)got) {
        got = read(ends[0], text + size, sizeof(text) - 1 - size);
        assert_true(got >= 0);
    }
    (void)close(ends[0]);
    return strstr(text, "AT_SECURE") != NULL;
}

/* As a plain user: a program of root's. */
static void roots_program_gives_nothing(void)
{
    static const char *const programs[] = {"/usr/bin/su",    "/bin/su",    "/usr/bin/passwd",
                                           "/usr/bin/mount", "/bin/mount", "/usr/bin/sudo"};
    const char *program = NULL;
    struct stat status;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && program == NULL; i++) {
        if (stat(programs[i], &status) == 0 && status.st_uid == 0 &&
            (status.st_mode & S_ISUID) != 0 && access(programs[i], X_OK) == 0)
            program = programs[i];
    }
    if (program == NULL)
        PROBE_SKIP("there is no set-user-ID program of root's here\n");
    if (shows_vector(program, 0))
        PROBE_SKIP("set-user-ID programs have no effect here\n");
    assert_true(shows_vector(program, WALL_BIT(WALL_NO_NEW_PRIVS)));
}

static void set_user_id_gives_nothing(void **state)
{
    (void)state;
    need_what_can_be_gained();
    if (geteuid() == 0)
        anothers_program_changes_nothing();
    else
        roots_program_gives_nothing();
}

/* ---- resource limits ---- */

/* Root is not bound by some of them; it has no capability either, behind the wall for those. */
static int without_rights(probe_body *body, void *argument)
{
    return probe_become_nobody() == 0 ? body(argument) : EUCLEAN;
}

static int map_data(void *argument)
{
    (void)argument;
    void *place = mmap(NULL, GIBIBYTE + GIBIBYTE / 2, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return errno_or_success(place != MAP_FAILED);
}

static int break_data(void *argument)
{
    (void)argument;
    return errno_or_success(sbrk((intptr_t)(GIBIBYTE + GIBIBYTE / 2)) != (void *)-1);
}

static int map_addresses(void *argument)
{
    (void)argument;
    return errno_or_success(mmap(NULL, 14 * GIBIBYTE, PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static void memory_is_limited(void **state)
{
    (void)state;
    probe_expect(WALL_RESOURCE_LIMITS, map_data, NULL, ENOMEM);
    probe_expect(WALL_RESOURCE_LIMITS, map_addresses, NULL, ENOMEM);
    /* The break has less room than that in some layouts. */
    const struct probe probe = {.walls = WALL_BIT(WALL_RESOURCE_LIMITS)};
    assert_int_equal(probe_result(&probe, break_data, NULL), ENOMEM);
}

/* What a guest process needs is there: the address space of linear memory, and its memory. */
static int map_what_is_needed(void *argument)
{
    (void)argument;
    void *space = mmap(NULL, 10 * GIBIBYTE + 2 * MEBIBYTE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return errno_or_success(space != MAP_FAILED &&
                            mprotect(space, 64 * MEBIBYTE, PROT_READ | PROT_WRITE) == 0);
}

static void memory_is_limited_to_enough(void **state)
{
    const struct probe probe = {.walls = WALL_BIT(WALL_RESOURCE_LIMITS)};
    (void)state;
    assert_int_equal(probe_result(&probe, map_what_is_needed, NULL), 0);
}

/* Writes argument[0] bytes and then one more. */
static int write_one_more(void *argument)
{
    const size_t *size = argument;
    static const char bytes[8192];
    int fd = memfd_create("file", MFD_CLOEXEC);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (fd < 0 || write(fd, bytes, *size) != (ssize_t)*size)
        return EUCLEAN;
    return errno_or_success(write(fd, bytes, 1) == 1);
}

static void files_are_limited(void **state)
{
    size_t sizes[] = {0, 4096};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct probe probe = {.walls = WALL_BIT(WALL_RESOURCE_LIMITS), .file_bytes = sizes[i]};
        assert_int_equal(probe_result(&probe, write_one_more, &sizes[i]), EFBIG);
        probe.walls = 0;
        assert_int_equal(probe_result(&probe, write_one_more, &sizes[i]), 0);
    }
}

static int fork_once(void *argument)
{
    (void)argument;
    pid_t pid = fork();
    if (pid == 0)
        probe_leave(0);
    return errno_or_success(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static int fork_as_nobody(void *argument)
{
    return without_rights(fork_once, argument);
}

static void there_is_no_further_process(void **state)
{
    (void)state;
    probe_expect(WALL_RESOURCE_LIMITS, fork_as_nobody, NULL, EAGAIN);
}

#define MANY_DESCRIPTORS 1500

static int open_many_descriptors(void *argument)
{
    struct rlimit limit;
    (void)argument;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return EUCLEAN;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return EUCLEAN;
    return errno_or_success(fcntl(1, F_DUPFD, MANY_DESCRIPTORS) == MANY_DESCRIPTORS);
}

static void descriptors_are_limited(void **state)
{
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max <= MANY_DESCRIPTORS)
        PROBE_SKIP("this process may have %ju descriptors, no more than a guest\n",
                   (uintmax_t)limit.rlim_max);
    probe_expect(WALL_RESOURCE_LIMITS, open_many_descriptors, NULL, EINVAL);
}

static int lock_memory(void *argument)
{
    static char page[4096];
    (void)argument;
    return errno_or_success(mlock(page, sizeof(page)) == 0);
}

static int lock_memory_as_nobody(void *argument)
{
    return without_rights(lock_memory, argument);
}

static void memory_cannot_be_locked(void **state)
{
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (limit.rlim_cur < 8192)
        PROBE_SKIP("this process cannot lock memory either\n");
    probe_expect(WALL_RESOURCE_LIMITS, lock_memory_as_nobody, NULL, EPERM);
}

static int open_message_queue(void *argument)
{
    mqd_t queue = mq_open(argument, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    int result = errno_or_success(queue != (mqd_t)-1);
    if (result == 0)
        (void)mq_unlink(argument);
    return result;
}

static int open_message_queue_as_nobody(void *argument)
{
    return without_rights(open_message_queue, argument);
}

static void message_queues_cannot_be_made(void **state)
{
    char name[64];
    struct rlimit limit;
    (void)state;
    (void)snprintf(name, sizeof(name), "/shannon-wall-%d", (int)getpid());
    assert_int_equal(getrlimit(RLIMIT_MSGQUEUE, &limit), 0);
    if (limit.rlim_cur < 100000)
        PROBE_SKIP("this process cannot make message queues either\n");
    probe_expect(WALL_RESOURCE_LIMITS, open_message_queue_as_nobody, name, EMFILE);
}

static int queue_many_signals(void *argument)
{
    sigset_t set;
    (void)argument;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 100; i++) {
        if (sigqueue(getpid(), SIGRTMIN, (union sigval){0}) != 0)
            return errno;
    }
    return 0;
}

static int queue_many_signals_as_nobody(void *argument)
{
    return without_rights(queue_many_signals, argument);
}

static void pending_signals_are_limited(void **state)
{
    (void)state;
    probe_expect(WALL_RESOURCE_LIMITS, queue_many_signals_as_nobody, NULL, EAGAIN);
}

/* Lets a core be as large as it may, and dies as one that leaves one. */
static int leave_a_core(void *argument)
{
    struct rlimit limit;
    (void)argument;
    if (chdir(probe_folder()) != 0 || getrlimit(RLIMIT_CORE, &limit) != 0)
        return EUCLEAN;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) != 0)
        return EUCLEAN;
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

/* What goes to a program is not limited by RLIMIT_CORE, see core(5): it is not_dumpable's to
 * forbid. */
static bool cores_are_files(void)
{
    char pattern[256] = "|";
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
    if (file == NULL)
        return false;
    (void)!fgets(pattern, sizeof(pattern), file);
    (void)fclose(file);
    return pattern[0] != '|' && pattern[0] != '@' && strchr(pattern, '/') == NULL;
}

static bool leaves_a_core(wall_set walls)
{
    const struct probe probe = {.walls = walls};
    int status = probe_run(&probe, leave_a_core, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    return WCOREDUMP(status);
}

static void need_cores(void)
{
    (void)probe_folder(); /* before a process makes its own */
    if (!cores_are_files())
        PROBE_SKIP("cores do not go to the working directory here\n");
    if (!leaves_a_core(0))
        PROBE_SKIP("this process may leave no core either\n");
}

static void the_limits_let_no_core_be_written(void **state)
{
    (void)state;
    need_cores();
    assert_false(leaves_a_core(WALL_BIT(WALL_RESOURCE_LIMITS)));
}

/* The limits that were, which a process that was locked down asks for again. */
static const __rlimit_resource_t limited[] = {
    RLIMIT_CORE,  RLIMIT_CPU,    RLIMIT_DATA,    RLIMIT_AS,       RLIMIT_FSIZE,
    RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING};
#define LIMITED_COUNT (sizeof(limited) / sizeof(limited[0]))

static struct rlimit former[LIMITED_COUNT];

/* 0 when all former limits can be had again, EPERM when none can. */
static int raise_limits(void *argument)
{
    (void)argument;
    size_t refused = 0;
    for (size_t i = 0; i < LIMITED_COUNT; i++) {
        struct rlimit now;
        if (getrlimit(limited[i], &now) != 0)
            return EUCLEAN;
        probe_shared->numbers[i] = (int64_t)now.rlim_max;
        if (setrlimit(limited[i], &former[i]) != 0)
            refused += errno == EPERM ? 1 : 0;
    }
    return refused == 0 ? 0 : (refused == LIMITED_COUNT ? EPERM : EUCLEAN);
}

static int raise_limits_as_nobody(void *argument)
{
    return without_rights(raise_limits, argument);
}

static void no_limit_can_be_raised(void **state)
{
    (void)state;
    for (size_t i = 0; i < LIMITED_COUNT; i++) {
        assert_int_equal(getrlimit(limited[i], &former[i]), 0);
        if (former[i].rlim_max == 0)
            PROBE_SKIP("this process is limited as much as a guest\n");
    }
    probe_expect(WALL_RESOURCE_LIMITS, raise_limits_as_nobody, NULL, EPERM);
}

static void count_signal(int number)
{
    (void)number;
    probe_shared->numbers[0]++;
}

/* Uses the processor until it has had two and a half seconds of it. */
static int use_the_processor(void *argument)
{
    struct timespec used;
    (void)argument;
    (void)signal(SIGXCPU, count_signal);
    probe_shared->numbers[1] = 1;
    do
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < 2500);
    return 0;
}

/* A signal that can be answered comes after the given time, and death a second later. */
static void processor_time_is_limited(void **state)
{
    const struct probe behind = {.walls = WALL_BIT(WALL_RESOURCE_LIMITS), .processor_seconds = 1};
    const struct probe control = {0};
    int status;
    (void)state;
    pid_t without = probe_start(&control, use_the_processor, NULL);
    while (*(volatile int64_t *)&probe_shared->numbers[1] == 0)
        (void)sched_yield(); /* one process after another is made; they run together */
    status = probe_run(&behind, use_the_processor, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(probe_shared->numbers[0], 1);
    assert_int_equal(waitpid(without, &status, 0), without);
    assert_int_equal(status, 0);
}

/* ---- capabilities ---- */

static int change_root(void *argument)
{
    (void)argument;
    return errno_or_success(chroot("/") == 0);
}

static int read_others_file(void *argument)
{
    int fd = open(argument, O_RDONLY | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

static int raise_capabilities(void *argument)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3];
    (void)argument;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        all[i] = (struct __user_cap_data_struct){.effective = 1u << CAP_SYS_CHROOT,
                                                 .permitted = 1u << CAP_SYS_CHROOT};
    all[1] = (struct __user_cap_data_struct){0};
    if (syscall(SYS_capset, &header, all) != 0)
        return errno;
    return change_root(argument);
}

/* The largest of the sets that a process has or could give itself: "" when all are empty. */
static int has_no_capability(void *argument)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    (void)argument;
    if (syscall(SYS_capget, &header, sets) != 0)
        return EUCLEAN;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if ((sets[i].effective | sets[i].permitted | sets[i].inheritable) != 0)
            return 0;
    }
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1)
            return 0;
    }
    return EPERM;
}

static void expect_no_capability(wall_set others)
{
    static probe_body *const bodies[] = {change_root, raise_capabilities, has_no_capability};
    for (int way = 0; way < PROBE_WAYS; way++) {
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
            struct probe probe = {.walls = others | WALL_BIT(WALL_CAPABILITIES),
                                  .way = (enum probe_way)way};
            assert_int_equal(probe_result(&probe, bodies[i], NULL), EPERM);
            probe.walls = others;
            assert_int_equal(probe_result(&probe, bodies[i], NULL), 0);
        }
    }
}

static void roots_are_given_up(void)
{
    char path[128];
    expect_no_capability(0);
    /* A file of another user's, which root can read by a capability only. */
    (void)snprintf(path, sizeof(path), "%s/file", probe_folder());
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    probe_expect(WALL_CAPABILITIES, read_others_file, path, EACCES);
}

static void capabilities_are_given_up(void **state)
{
    (void)state;
    if (geteuid() == 0)
        roots_are_given_up();
    /* The first process of a user namespace has all of them there, whoever made it. */
    probe_need(WALL_USER_NAMESPACE);
    expect_no_capability(WALL_BIT(WALL_USER_NAMESPACE));
}

/* ---- not dumpable ---- */

static int wait_to_be_attacked(void *argument)
{
    (void)argument;
    probe_shared->numbers[0] = 1;
    (void)ppoll(NULL, 0, NULL, NULL);
    return 0;
}

static volatile int secret = 4711;

typedef int attack(pid_t pid);

static int open_in_proc(pid_t pid, const char *name, int flags)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, flags | O_CLOEXEC);
    int result = errno_or_success(fd >= 0);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

static int open_memory(pid_t pid)
{
    return open_in_proc(pid, "mem", O_RDWR);
}

static int open_map(pid_t pid)
{
    return open_in_proc(pid, "maps", O_RDONLY);
}

static int open_environment(pid_t pid)
{
    return open_in_proc(pid, "environ", O_RDONLY);
}

static int open_descriptors(pid_t pid)
{
    return open_in_proc(pid, "fd", O_RDONLY | O_DIRECTORY);
}

static int trace(pid_t pid)
{
    int result = errno_or_success(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
    if (result == 0)
        (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return result;
}

static int read_memory(pid_t pid)
{
    int found = 0;
    struct iovec here = {.iov_base = &found, .iov_len = sizeof(found)};
    struct iovec there = {.iov_base = (void *)(uintptr_t)&secret, .iov_len = sizeof(secret)};
    ssize_t size = process_vm_readv(pid, &here, 1, &there, 1, 0);
    return size == sizeof(found) && found == secret ? 0 : errno;
}

static int get_descriptor(pid_t pid)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, process, 0, 0);
    int result = errno_or_success(fd >= 0);
    (void)close(process);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

static const struct {
    const char *name;
    attack *attack;
    int refusal;
} attacks[] = {
    {"/proc/PID/mem", open_memory, EACCES},
    {"/proc/PID/maps", open_map, EACCES},
    {"/proc/PID/environ", open_environment, EACCES},
    {"/proc/PID/fd", open_descriptors, EACCES},
    {"ptrace", trace, EPERM},
    {"process_vm_readv", read_memory, EPERM},
    {"pidfd_getfd", get_descriptor, EPERM},
};
#define ATTACK_COUNT (sizeof(attacks) / sizeof(attacks[0]))

/* As an equal of the process: what each attack got, in probe_shared->numbers from 1 on. */
static int attack_one(void *argument)
{
    const struct probe *probe = argument;
    int status;
    probe_shared->numbers[0] = 0;
    pid_t pid = probe_start(probe, wait_to_be_attacked, NULL);
    while (*(volatile int64_t *)&probe_shared->numbers[0] == 0) {
        if (waitpid(pid, &status, WNOHANG) != 0)
            return 1;
        (void)sched_yield();
    }
    for (size_t i = 0; i < ATTACK_COUNT; i++)
        probe_shared->numbers[i + 1] = attacks[i].attack(pid);
    (void)kill(pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 1;
}

static void an_equal_can_do_nothing_to_it(void **state)
{
    (void)state;
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = {.way = (enum probe_way)way};
        assert_int_equal(probe_as_nobody(attack_one, &probe), 0);
        for (size_t i = 0; i < ATTACK_COUNT; i++) {
            int64_t control = probe_shared->numbers[i + 1];
            if (control == EPERM || control == EACCES)
                PROBE_SKIP("an equal may not use %s here at all\n", attacks[i].name);
            if (control != 0)
                fail_msg("%s: the control failed: %s", attacks[i].name,
                         strerrorname_np((int)control));
        }
        probe.walls = WALL_BIT(WALL_NOT_DUMPABLE);
        assert_int_equal(probe_as_nobody(attack_one, &probe), 0);
        for (size_t i = 0; i < ATTACK_COUNT; i++) {
            if (probe_shared->numbers[i + 1] != attacks[i].refusal)
                fail_msg("%s: %" PRId64, attacks[i].name, probe_shared->numbers[i + 1]);
        }
    }
}

static void what_is_not_dumpable_leaves_no_core(void **state)
{
    (void)state;
    need_cores();
    assert_false(leaves_a_core(WALL_BIT(WALL_NOT_DUMPABLE)));
}

/* ---- descriptors ---- */

/* How many descriptors are open; 0 when they are other than `kept` ones in probe_shared->numbers.
 */
static int hold_only_kept(void *argument)
{
    const size_t *kept = argument;
    size_t open_count = 0;
    for (int fd = 0; fd < 4096; fd++)
        open_count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    for (size_t i = 0; i < *kept; i++) {
        if (fcntl((int)probe_shared->numbers[i], F_GETFD) < 0)
            return EUCLEAN;
    }
    return open_count == *kept ? EBADF : 0;
}

static void only_kept_descriptors_are_open(void **state)
{
    static const int numbers[] = {3, 20, 200, 500, 0};
    int fds[5];
    (void)state;
    int null = open("/dev/null", O_RDWR);
    assert_true(null >= 0);
    for (size_t i = 0; i < 5; i++) {
        fds[i] = fcntl(null, F_DUPFD, numbers[i] == 0 ? 600 : numbers[i]);
        assert_true(fds[i] >= numbers[i]);
    }
    /* In no order, with neighbours, one of them twice; none; and the standard ones. */
    const int sets[][4] = {
        {fds[2], fds[0], fds[3], fds[1]}, {fds[1], fds[1], fds[4]}, {0}, {2, 0, 1}, {fds[4]}};
    const size_t sizes[] = {4, 3, 0, 3, 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t distinct = i == 1 ? 2 : sizes[i];
        for (int way = 0; way < PROBE_WAYS; way++) {
            struct probe probe = {.walls = WALL_BIT(WALL_DESCRIPTORS),
                                  .way = (enum probe_way)way,
                                  .kept = sets[i],
                                  .kept_count = sizes[i]};
            size_t next = 0;
            for (size_t j = i == 1 ? 1 : 0; j < sizes[i]; j++)
                probe_shared->numbers[next++] = sets[i][j];
            assert_int_equal(probe_result(&probe, hold_only_kept, &distinct), EBADF);
            probe.walls = 0;
            assert_int_equal(probe_result(&probe, hold_only_kept, &distinct), 0);
        }
    }
    for (size_t i = 0; i < 5; i++)
        (void)close(fds[i]);
    (void)close(null);
}

/* ---- all together ---- */

static int wait_for_ever(void *argument)
{
    (void)argument;
    probe_shared->numbers[0] = 1;
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
    return 0;
}

static wall_set all_permitted(void)
{
    wall_set walls = 0;
    struct error error = ERROR_NONE;
    assert_int_equal(walls_probe(&walls, &error), 0);
    return walls;
}

/* The rest of a line "NAME:\t..." of /proc/PID/status, as a number of base 16. */
static unsigned long long status_line(pid_t pid, const char *name)
{
    char path[64];
    char line[256];
    unsigned long long value = ~0ull;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t size = strlen(name);
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            value = strtoull(line + size + 1, NULL, 16);
    }
    (void)fclose(file);
    return value;
}

static void the_kernel_says_so_too(void **state)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
    (void)state;
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = all_permitted(), .way = (enum probe_way)way};
        struct rlimit limit;
        int status;
        probe_shared->numbers[0] = 0;
        pid_t pid = probe_start(&probe, wait_for_ever, NULL);
        while (*(volatile int64_t *)&probe_shared->numbers[0] == 0 && kill(pid, 0) == 0)
            (void)sched_yield();
        assert_int_equal(status_line(pid, "Seccomp"), 2);
        assert_int_equal(status_line(pid, "NoNewPrivs"), 1);
        assert_int_equal(status_line(pid, "Threads"), 1);
        for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
            assert_int_equal(status_line(pid, sets[i]), 0);
        assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &limit), 0);
        assert_int_equal(limit.rlim_max, 0);
        assert_int_equal(prlimit(pid, RLIMIT_NPROC, NULL, &limit), 0);
        assert_int_equal(limit.rlim_max, 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
}

/* Starts a process that waits, and ends while it does. */
static int leave_a_process_behind(void *argument)
{
    probe_shared->numbers[0] = 0;
    (void)probe_start(argument, wait_for_ever, NULL);
    while (*(volatile int64_t *)&probe_shared->numbers[0] == 0)
        (void)sched_yield();
    return 0;
}

/* With no wall but this, and with all of them. */
static void a_process_dies_with_its_parent(void **state)
{
    (void)state;
    for (int way = 0; way < PROBE_WAYS; way++) {
        for (int all = 0; all < 2; all++) {
            int ends[2];
            char byte;
            assert_int_equal(pipe(ends), 0);
            struct probe probe = {.walls = all ? all_permitted() : 0,
                                  .way = (enum probe_way)way,
                                  .kept = &ends[1],
                                  .kept_count = 1};
            assert_int_equal(probe_as_nobody(leave_a_process_behind, &probe), 0);
            (void)close(ends[1]);
            /* The last who holds the other end is the process that was left behind. */
            struct pollfd polled = {.fd = ends[0], .events = POLLIN};
            assert_int_equal(poll(&polled, 1, 30000), 1);
            assert_int_equal(read(ends[0], &byte, 1), 0);
            (void)close(ends[0]);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], TELL_USER) == 0)
        return geteuid() == NOBODY ? USER_IS_NOBODY : 0;
    const struct CMUnitTest tests[] = {
        WALL_TEST(no_new_privs_is_set),
        WALL_TEST(no_new_privs_stays),
        WALL_TEST(set_user_id_gives_nothing),
        WALL_TEST(memory_is_limited),
        WALL_TEST(memory_is_limited_to_enough),
        WALL_TEST(files_are_limited),
        WALL_TEST(there_is_no_further_process),
        WALL_TEST(descriptors_are_limited),
        WALL_TEST(memory_cannot_be_locked),
        WALL_TEST(message_queues_cannot_be_made),
        WALL_TEST(pending_signals_are_limited),
        WALL_TEST(the_limits_let_no_core_be_written),
        WALL_TEST(no_limit_can_be_raised),
        WALL_TEST(processor_time_is_limited),
        WALL_TEST(capabilities_are_given_up),
        WALL_TEST(an_equal_can_do_nothing_to_it),
        WALL_TEST(what_is_not_dumpable_leaves_no_core),
        WALL_TEST(only_kept_descriptors_are_open),
        WALL_TEST(the_kernel_says_so_too),
        WALL_TEST(a_process_dies_with_its_parent),
    };
    return cmocka_run_group_tests_name("kernel_process", tests, NULL, NULL);
}
