/* Processes behind walls. See wall_probe.h. */
#include "wall_probe.h"

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_MADE 250
#define KEPT_MAX 16

struct probe_shared *probe_shared;

static char folder[64];
static bool in_own_process; /* below run_in_process: a test cannot fail there, only end */

static void end_process(int status)
{
    (void)syscall(SYS_exit_group, status);
}

void (*volatile probe_leave)(int) = end_process;

#define GIVE_UP(...)                                                                               \
    do {                                                                                           \
        if (!in_own_process)                                                                       \
            fail_msg(__VA_ARGS__);                                                                 \
        (void)fprintf(stderr, "# " __VA_ARGS__);                                                   \
        (void)fprintf(stderr, "\n");                                                               \
        _exit(NOT_MADE);                                                                           \
    } while (0)

/* ---- making the process ---- */

/* cmocka's handlers would go on with the next test. */
static void forget_handlers(void)
{
    static const int numbers[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        (void)signal(numbers[i], SIG_DFL);
}

static void run_body(struct lockdown *lockdown, const struct probe *probe, probe_body *body,
                     void *argument)
{
    int kept[KEPT_MAX];
    struct error error = ERROR_NONE;
    forget_handlers();
    memcpy(kept, probe->kept, probe->kept_count * sizeof(int));
    if (lockdown_enter(lockdown, kept, probe->kept_count, &error) != 0) {
        memcpy(probe_shared->message, error.message, sizeof(error.message));
        probe_leave(NOT_MADE);
    }
    probe_shared->active = lockdown_active(lockdown);
    probe_leave(body(argument));
}

static void confine(struct lockdown *lockdown)
{
    struct error error = ERROR_NONE;
    if (lockdown_confine(lockdown, &error) == 0)
        return;
    memcpy(probe_shared->message, error.message, sizeof(error.message));
    probe_leave(NOT_MADE);
}

static pid_t start_from_zygote(struct lockdown *lockdown, const struct probe *probe,
                               probe_body *body, void *argument)
{
    int status;
    pid_t zygote = fork();
    if (zygote == 0) {
        confine(lockdown);
        pid_t pid = lockdown_fork(lockdown, true);
        if (pid == 0)
            run_body(lockdown, probe, body, argument);
        probe_shared->pid = pid;
        probe_leave(pid > 0 ? 0 : NOT_MADE);
    }
    if (zygote < 0 || waitpid(zygote, &status, 0) != zygote || status != 0)
        return -1;
    return probe_shared->pid;
}

static pid_t start_direct(struct lockdown *lockdown, const struct probe *probe, probe_body *body,
                          void *argument)
{
    pid_t pid = lockdown_fork_confined(lockdown);
    if (pid == 0) {
        confine(lockdown);
        run_body(lockdown, probe, body, argument);
    }
    return pid;
}

pid_t probe_start(const struct probe *probe, probe_body *body, void *argument)
{
    const struct lockdown_options options = {
        .readable_paths = probe->readable,
        .readable_path_count = probe->readable_count,
        .processor_seconds = probe->processor_seconds == 0 ? 60 : probe->processor_seconds,
        .memory_bytes = probe->memory_bytes == 0 ? (uint64_t)64 << 20 : probe->memory_bytes,
        .file_bytes = probe->file_bytes,
        .without = WALLS_ALL & ~probe->walls,
    };
    struct error error = ERROR_NONE;
    probe_shared->message[0] = '\0';
    struct lockdown *lockdown = lockdown_prepare(&options, &error);
    if (lockdown == NULL)
        GIVE_UP("%s", error.message);
    pid_t pid = probe->way == PROBE_FROM_ZYGOTE ? start_from_zygote(lockdown, probe, body, argument)
                                                : start_direct(lockdown, probe, body, argument);
    lockdown_free(lockdown);
    if (pid < 0)
        GIVE_UP("no process was made: %s", probe_shared->message);
    return pid;
}

int probe_run(const struct probe *probe, probe_body *body, void *argument)
{
    int status;
    pid_t pid = probe_start(probe, body, argument);
    if (waitpid(pid, &status, 0) != pid)
        GIVE_UP("the process is somebody else's");
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_MADE)
        GIVE_UP("the walls could not be put up: %s", probe_shared->message);
    if (probe_shared->active != probe->walls)
        GIVE_UP("the walls %#x were asked for, and %#x hold", probe->walls, probe_shared->active);
    return status;
}

int probe_result(const struct probe *probe, probe_body *body, void *argument)
{
    int status = probe_run(probe, body, argument);
    if (!WIFEXITED(status))
        GIVE_UP("the process ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* ---- other users ---- */

int probe_become_nobody(void)
{
    return geteuid() != 0 || (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                              setresuid(NOBODY, NOBODY, NOBODY) == 0)
               ? 0
               : -1;
}

static int run_in_process(bool nobody, probe_body *function, void *argument)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        in_own_process = true;
        /* Becoming another user makes a process one that others may not trace. */
        if (nobody && (probe_become_nobody() != 0 || prctl(PR_SET_DUMPABLE, 1) != 0))
            _exit(NOT_MADE);
        _exit(function(argument));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int probe_in_process(probe_body *function, void *argument)
{
    return run_in_process(false, function, argument);
}

int probe_as_nobody(probe_body *function, void *argument)
{
    return run_in_process(true, function, argument);
}

pid_t probe_start_bystander(bool nobody)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (nobody && probe_become_nobody() != 0)
            _exit(1);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* which becoming another user clears */
        (void)close(ready[0]);
        (void)close(ready[1]);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    (void)close(ready[0]);
    return pid;
}

void probe_end_bystander(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

/* ---- expectations ---- */

/* Whether the kernel permits the wall, found out without the sandbox's own code: what that says is
 * not there must not be. */
static int try_wall(void *argument)
{
    static const int flags[WALL_COUNT] = {
        [WALL_USER_NAMESPACE] = CLONE_NEWUSER,   [WALL_PID_NAMESPACE] = CLONE_NEWPID,
        [WALL_NETWORK_NAMESPACE] = CLONE_NEWNET, [WALL_IPC_NAMESPACE] = CLONE_NEWIPC,
        [WALL_MOUNT_NAMESPACE] = CLONE_NEWNS,
    };
    enum wall wall = *(enum wall *)argument;
    if (wall == WALL_LANDLOCK)
        return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0
                   ? 0
                   : EPERM;
    /* Alone, which root may; or in a user namespace of its own. */
    if (unshare(flags[wall]) != 0 && unshare(flags[wall] | CLONE_NEWUSER) != 0)
        return EPERM;
    if (wall != WALL_MOUNT_NAMESPACE)
        return 0;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("none", "/tmp", "tmpfs", MS_NOSUID, NULL) == 0
               ? 0
               : EPERM;
}

void probe_need(enum wall wall)
{
    static wall_set permitted;
    static bool known;
    struct error error = ERROR_NONE;
    if (!known && walls_probe(&permitted, &error) != 0)
        fail_msg("%s", error.message);
    known = true;
    if ((permitted & WALL_BIT(wall)) != 0)
        return;
    if (probe_in_process(try_wall, &wall) == 0)
        fail_msg("%s is not there, although this machine permits it", wall_name(wall));
    PROBE_SKIP("this machine does not permit %s to this user\n", wall_name(wall));
}

wall_set probe_walls(enum wall wall)
{
    wall_set walls = WALL_BIT(wall);
    if (geteuid() == 0)
        return walls;
    if (wall == WALL_LANDLOCK || wall == WALL_SECCOMP)
        return walls | WALL_BIT(WALL_NO_NEW_PRIVS);
    if (wall >= WALL_PID_NAMESPACE)
        return walls | WALL_BIT(WALL_USER_NAMESPACE);
    return walls;
}

static const char *shown(int result)
{
    return result == 0 ? "success" : strerrorname_np(result);
}

void probe_expect(enum wall wall, probe_body *body, void *argument, int refusal)
{
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = {.walls = probe_walls(wall), .way = (enum probe_way)way};
        int behind = probe_result(&probe, body, argument);
        probe.walls &= ~WALL_BIT(wall);
        int control = probe_result(&probe, body, argument);
        if (control != 0)
            fail_msg("%s: the control was refused too: %s", wall_name(wall), shown(control));
        if (behind != refusal)
            fail_msg("%s: %s instead of %s (way %d)", wall_name(wall), shown(behind),
                     shown(refusal), way);
    }
}

/* ---- each test ---- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

const char *probe_folder(void)
{
    const char *base = getenv("TMPDIR");
    if (folder[0] != '\0')
        return folder;
    (void)snprintf(folder, sizeof(folder), "%s/shannon-wall-XXXXXX",
                   base == NULL || strlen(base) > 30 ? "/tmp" : base);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    return folder;
}

int probe_begin(void **state)
{
    (void)state;
    if (probe_shared == NULL)
        probe_shared = mmap(NULL, sizeof(*probe_shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (probe_shared == MAP_FAILED)
        return -1;
    memset(probe_shared, 0, sizeof(*probe_shared));
    return 0;
}

int probe_end(void **state)
{
    (void)state;
    if (folder[0] != '\0')
        (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    folder[0] = '\0';
    return 0;
}
