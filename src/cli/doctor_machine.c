/* The doctor's look at the machine: the tools that translate interpreters, and the kernel. */
#include "cli/doctor_checks.h"

#include "base/buffer.h"
#include "engine/linear_memory.h"
#include "engine/translate.h"
#include "sandbox/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define VERSION_TIMEOUT_MS 10000
#define CLANG_OLDEST 14
/* The layout of its output is known of this one; another may differ, and is then refused. */
#define WASM2C_KNOWN "1.0.32"
#define HWCAP2_FSGSBASE_BIT 2u

/* ---- tools ---- */

static int milliseconds_left(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long passed =
        (now.tv_sec - start->tv_sec) * 1000LL + (now.tv_nsec - start->tv_nsec) / 1000000;
    return passed >= VERSION_TIMEOUT_MS ? 0 : (int)(VERSION_TIMEOUT_MS - passed);
}

/* The first bytes a program writes, until it ends or the time is up. */
static void read_output(int fd, char *text, size_t size)
{
    struct timespec start;
    size_t used = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (used + 1 < size && poll(&readable, 1, milliseconds_left(&start)) > 0) {
        ssize_t count = read(fd, text + used, size - 1 - used);
        if (count <= 0)
            break;
        used += (size_t)count;
    }
    text[used] = '\0';
}

/* What `PROGRAM --version` prints first; "" when it cannot be run. */
static void read_version(const char *program, char *line, size_t size)
{
    char *arguments[] = {(char *)program, "--version", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;
    line[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    int status = posix_spawn(&pid, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (status == 0) {
        read_output(ends[0], line, size);
        (void)kill(pid, SIGKILL); /* it has ended, or is no such program */
        (void)waitpid(pid, NULL, 0);
    }
    (void)close(ends[0]);
    line[strcspn(line, "\n")] = '\0';
}

/* The first number after "version", or at the start. */
static long major_version(const char *line)
{
    const char *word = strstr(line, "version ");
    return strtol(word == NULL ? line : word + strlen("version "), NULL, 10);
}

static void check_wasm2c(struct doctor *doctor)
{
    char path[PATH_MAX];
    char version[256];
    if (!translate_find_program("wasm2c", path, sizeof(path))) {
        doctor_fault(doctor, DOCTOR_WARNING, "wasm2c", "apt-get install wabt",
                     "wasm2c is not in PATH: an interpreter that is not translated yet cannot be");
        return;
    }
    read_version(path, version, sizeof(version));
    if (strcmp(version, WASM2C_KNOWN) != 0)
        doctor_fault(doctor, DOCTOR_WARNING, "wasm2c",
                     "install wabt " WASM2C_KNOWN ", the version of Debian 12",
                     "%s says it is version \"%.40s\", which is not known to work", path, version);
    else
        doctor_ok(doctor, "wasm2c", "%s, version %s", path, version);
}

static void check_clang(struct doctor *doctor)
{
    char path[PATH_MAX];
    char version[256];
    if (!translate_find_program("clang-19", path, sizeof(path)) &&
        !translate_find_program("clang", path, sizeof(path))) {
        doctor_fault(doctor, DOCTOR_WARNING, "clang", "apt-get install clang-19 lld-19",
                     "neither clang-19 nor clang is in PATH: an interpreter that is not "
                     "translated yet cannot be");
        return;
    }
    read_version(path, version, sizeof(version));
    if (strstr(version, "clang") == NULL || major_version(version) < CLANG_OLDEST)
        doctor_fault(doctor, DOCTOR_WARNING, "clang", "apt-get install clang-19 lld-19",
                     "%s says it is \"%.60s\"; %d or newer is needed", path, version, CLANG_OLDEST);
    else
        doctor_ok(doctor, "clang", "%s, %.100s", path, version);
}

void doctor_check_tools(struct doctor *doctor)
{
    check_wasm2c(doctor);
    check_clang(doctor);
}

/* ---- the kernel ---- */

static void check_processor(struct doctor *doctor)
{
    struct utsname name;
    (void)uname(&name);
#if defined(__x86_64__)
    bool fsgsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT) != 0;
    doctor_ok(doctor, "processor", "x86-64, Linux %s; memory is reached through GS%s", name.release,
              fsgsbase ? " (fsgsbase)" : "");
#else
    doctor_ok(doctor, "processor",
              "%s, Linux %s; memory is reached through a plain base, which is "
              "slower than on x86-64",
              name.machine, name.release);
#endif
}

static bool has_openat2(void)
{
    /* A NULL `how` fails with EINVAL or EFAULT where the call exists. */
    return syscall(SYS_openat2, AT_FDCWD, "/", NULL, (size_t)0) == -1 && errno != ENOSYS &&
           errno != EPERM;
}

static void check_openat2(struct doctor *doctor)
{
    if (has_openat2())
        doctor_ok(doctor, "openat2", "paths are resolved beneath granted folders by the kernel");
    else
        doctor_fault(doctor, DOCTOR_PROBLEM, "openat2",
                     "use Linux 5.6 or newer; in a container, let its seccomp profile allow the "
                     "call",
                     "missing, without which no folder can be granted");
}

static void check_walls(struct doctor *doctor)
{
    struct error error = ERROR_NONE;
    wall_set walls;
    if (walls_probe(&walls, &error) != 0) {
        doctor_fault(
            doctor, DOCTOR_PROBLEM, "walls",
            "use Linux 5.9 or newer; in a container, let its seccomp profile allow seccomp, "
            "capset and close_range",
            "the kernel's walls cannot be put up, so nothing is run: %s", error.message);
        return;
    }
    for (int wall = 0; wall < WALL_COUNT; wall++) {
        if ((walls & WALL_BIT(wall)) != 0)
            doctor_ok(doctor, wall_name((enum wall)wall), "%s", wall_meaning((enum wall)wall));
        else
            doctor_fault(doctor, DOCTOR_WARNING, wall_name((enum wall)wall),
                         wall_advice((enum wall)wall),
                         "not permitted here, so programs run without it: %s",
                         wall_meaning((enum wall)wall));
    }
}

static void check_memory_file(struct doctor *doctor)
{
    int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool sealed = fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (sealed)
        doctor_ok(doctor, "memfd", "interpreters share their memory in sealed memory files");
    else
        doctor_fault(doctor, DOCTOR_PROBLEM, "memfd",
                     "use Linux 5.9 or newer; in a container, let its seccomp profile allow "
                     "memfd_create",
                     "there are no sealed memory files, without which nothing is run");
}

static void check_address_space(struct doctor *doctor)
{
    struct linear_memory memory;
    struct error error = ERROR_NONE;
    if (linear_memory_reserve(&memory, &error) != 0) {
        doctor_fault(doctor, DOCTOR_PROBLEM, "address space", "ulimit -v unlimited", "%s",
                     error.message);
        return;
    }
    doctor_ok(doctor, "address space", "%zu GiB can be reserved for a guest's memory",
              memory.reservation_size >> 30);
    linear_memory_destroy(&memory);
}

void doctor_check_kernel(struct doctor *doctor)
{
    check_processor(doctor);
    check_openat2(doctor);
    check_walls(doctor);
    check_memory_file(doctor);
    check_address_space(doctor);
}
