/* Names of walls, and which of them can be had. Invariant: the probe builds the very walls that a
 * guest process gets, by the same functions. */
#include "sandbox/walls.h"

#include "sandbox/lockdown.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INDISPENSABLE "see `shannon doctor`"

static const struct {
    const char *name;
    const char *meaning;
    const char *advice;
} known[WALL_COUNT] = {
    [WALL_NO_NEW_PRIVS] = {"no_new_privs", "no program can give the process rights it has not",
                           INDISPENSABLE},
    [WALL_SECCOMP] = {"seccomp", "system calls outside a short list kill the process",
                      INDISPENSABLE},
    [WALL_RESOURCE_LIMITS] = {"rlimits", "processor time, memory, files and processes are limited",
                              INDISPENSABLE},
    [WALL_CAPABILITIES] = {"capabilities", "the process has no capability", INDISPENSABLE},
    [WALL_NOT_DUMPABLE] = {"not_dumpable", "no core is written, no equal can trace the process",
                           INDISPENSABLE},
    [WALL_DESCRIPTORS] = {"descriptors", "the process holds no descriptor but its own",
                          INDISPENSABLE},
    [WALL_USER_NAMESPACE] = {"user_namespace",
                             "outside its namespace the process has no rights but its user's",
                             "let the kernel make user namespaces "
                             "(user.max_user_namespaces, kernel.unprivileged_userns_clone, a "
                             "container's seccomp profile)"},
    [WALL_PID_NAMESPACE] = {"pid_namespace", "the process sees no other process",
                            "it needs user_namespace, or CAP_SYS_ADMIN"},
    [WALL_NETWORK_NAMESPACE] = {"network_namespace", "there is no network, not even loopback",
                                "it needs user_namespace, or CAP_SYS_ADMIN"},
    [WALL_IPC_NAMESPACE] = {"ipc_namespace", "no System V or POSIX message reaches others",
                            "it needs user_namespace, or CAP_SYS_ADMIN"},
    [WALL_MOUNT_NAMESPACE] = {"mount_namespace", "the root folder is empty and read-only",
                              "it needs user_namespace, or CAP_SYS_ADMIN"},
    [WALL_LANDLOCK] = {"landlock",
                       "only granted folders can be read, no file can be written or made",
                       "run Linux 5.13 or newer with landlock among its security modules (lsm=)"},
};

const char *wall_name(enum wall wall)
{
    return known[wall].name;
}

const char *wall_meaning(enum wall wall)
{
    return known[wall].meaning;
}

const char *wall_advice(enum wall wall)
{
    return known[wall].advice;
}

int wall_from_name(const char *name)
{
    for (int wall = 0; wall < WALL_COUNT; wall++) {
        if (strcmp(known[wall].name, name) == 0)
            return wall;
    }
    return -1;
}

int walls_append_names(struct buffer *text, wall_set walls)
{
    const char *between = "";
    for (int wall = 0; wall < WALL_COUNT; wall++) {
        if ((walls & WALL_BIT(wall)) == 0)
            continue;
        if (buffer_append_format(text, "%s%s", between, known[wall].name) != 0)
            return -1;
        between = ", ";
    }
    return 0;
}

struct answer {
    wall_set walls;
    struct error error;
};

/* In the process that tries: never returns. */
static _Noreturn void try_walls(int answer_fd)
{
    struct answer answer = {0};
    const struct lockdown_options options = {.processor_seconds = 10, .memory_bytes = 1 << 30};
    struct lockdown *lockdown = lockdown_prepare(&options, &answer.error);
    if (lockdown != NULL && lockdown_confine(lockdown, &answer.error) == 0) {
        int kept[] = {answer_fd};
        pid_t pid = lockdown_fork(lockdown, false);
        if (pid == 0) {
            if (lockdown_enter(lockdown, kept, 1, &answer.error) == 0)
                answer.walls = lockdown_active(lockdown);
            /* write(2) is on the list of allowed calls. */
            (void)!write(answer_fd, &answer, sizeof(answer));
            _exit(0);
        }
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        else
            error_set_errno(&answer.error, ERROR_INTERNAL, errno, "cannot make a process");
    }
    if (answer.error.kind != ERROR_OK)
        (void)!write(answer_fd, &answer, sizeof(answer));
    _exit(0);
}

int walls_probe(wall_set *walls, struct error *error)
{
    struct answer answer;
    int ends[2];
    *walls = 0;
    if (pipe2(ends, 0) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        try_walls(ends[1]);
    (void)close(ends[1]);
    ssize_t size;
    do
        size = read(ends[0], &answer, sizeof(answer));
    while (size < 0 && errno == EINTR);
    (void)close(ends[0]);
    if (pid < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a process");
    (void)waitpid(pid, NULL, 0);
    if (size != (ssize_t)sizeof(answer))
        return error_set(
            error, ERROR_INTERNAL,
            "a process that put the kernel's walls around itself ended without a word: "
            "does a filter around this one kill it?");
    if (answer.error.kind != ERROR_OK)
        return error_set(error, answer.error.kind, "%s", answer.error.message);
    *walls = answer.walls;
    return 0;
}

int walls_require(wall_set walls, const char *const *names, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        int wall = wall_from_name(names[i]);
        if (wall < 0) {
            BUFFER_LOCAL struct buffer all = BUFFER_EMPTY;
            (void)walls_append_names(&all, WALLS_ALL);
            return error_set(error, ERROR_INVALID_REQUEST,
                             "sandbox.require names \"%.60s\", which is no wall; there are %s",
                             names[i], buffer_text(&all));
        }
        if ((walls & WALL_BIT(wall)) == 0)
            return error_set(
                error, ERROR_INTERNAL,
                "sandbox.require asks for %s (%s), which this machine does not permit: "
                "%s",
                names[i], known[wall].meaning,
                known[wall].advice == NULL ? "see `shannon doctor`" : known[wall].advice);
    }
    return 0;
}
