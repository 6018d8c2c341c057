/* The namespaces of a guest process, each with all other walls off: users, process numbers,
 * network, System V and POSIX messages, mounts. As a plain user, each with the user namespace
 * without which the kernel makes no other; that one alone is then the control. */
#include "wall_probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int errno_or_success(bool success)
{
    return success ? 0 : errno;
}

/* ---- users ---- */

static int read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        (void)close(fd);
    text[got < 0 ? 0 : got] = '\0';
    return got < 0 ? -1 : 0;
}

/* Tells the maps of this process: "first in, first out, count" of users and of groups. */
static int tell_maps(void *argument)
{
    char users[512];
    char groups[512];
    (void)argument;
    if (read_text("/proc/self/uid_map", users, sizeof(users)) != 0 ||
        read_text("/proc/self/gid_map", groups, sizeof(groups)) != 0 ||
        sscanf(users, "%ld %ld %ld", &probe_shared->numbers[0], &probe_shared->numbers[1],
               &probe_shared->numbers[2]) != 3 ||
        sscanf(groups, "%ld %ld %ld", &probe_shared->numbers[3], &probe_shared->numbers[4],
               &probe_shared->numbers[5]) != 3)
        return EUCLEAN;
    probe_shared->numbers[6] = geteuid();
    probe_shared->numbers[7] = getegid();
    return strchr(users, '\n') == strrchr(users, '\n') ? 0 : EUCLEAN;
}

static void there_is_one_user_who_is_who_it_was(void **state)
{
    (void)state;
    probe_need(WALL_USER_NAMESPACE);
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = WALL_BIT(WALL_USER_NAMESPACE),
                                    .way = (enum probe_way)way};
        assert_int_equal(probe_result(&probe, tell_maps, NULL), 0);
        for (size_t i = 0; i < 8; i++) {
            int64_t own = i < 3 || i == 6 ? (int64_t)geteuid() : (int64_t)getegid();
            assert_int_equal(probe_shared->numbers[i], i == 2 || i == 5 ? 1 : own);
        }
    }
}

static int tell_own_namespace(void *argument)
{
    struct stat status;
    if (stat(argument, &status) != 0)
        return EUCLEAN;
    return status.st_ino == (ino_t)probe_shared->numbers[8] ? 0 : EXDEV;
}

/* Each is another than this test's. */
static void each_namespace_is_another(void **state)
{
    static const struct {
        enum wall wall;
        char path[32];
    } namespaces[] = {
        {WALL_USER_NAMESPACE, "/proc/self/ns/user"},   {WALL_PID_NAMESPACE, "/proc/self/ns/pid"},
        {WALL_NETWORK_NAMESPACE, "/proc/self/ns/net"}, {WALL_IPC_NAMESPACE, "/proc/self/ns/ipc"},
        {WALL_IPC_NAMESPACE, "/proc/self/ns/uts"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
        struct stat status;
        assert_int_equal(stat(namespaces[i].path, &status), 0);
        probe_shared->numbers[8] = (int64_t)status.st_ino;
        probe_need(namespaces[i].wall);
        probe_expect(namespaces[i].wall, tell_own_namespace, (void *)namespaces[i].path, EXDEV);
    }
}

static int become_another_user(void *argument)
{
    (void)argument;
    return errno_or_success(setresuid(NOBODY - 1, NOBODY - 1, NOBODY - 1) == 0);
}

static int join_a_group(void *argument)
{
    (void)argument;
    return errno_or_success(setresgid(NOBODY - 1, NOBODY - 1, NOBODY - 1) == 0);
}

static int set_groups(void *argument)
{
    const gid_t none[] = {NOBODY - 1};
    (void)argument;
    return errno_or_success(syscall(SYS_setgroups, 1, none) == 0);
}

static int open_file(void *argument)
{
    int fd = open(argument, O_RDONLY | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

static int give_file_away(void *argument)
{
    return errno_or_success(chown(argument, NOBODY - 1, NOBODY - 1) == 0);
}

static int mount_something(void *argument)
{
    return errno_or_success(mount("none", argument, "tmpfs", 0, NULL) == 0);
}

static int set_host_name(void *argument)
{
    struct utsname names;
    (void)argument;
    if (uname(&names) != 0)
        return EUCLEAN;
    return errno_or_success(sethostname(names.nodename, strlen(names.nodename)) == 0);
}

static int raise_a_limit(void *argument)
{
    struct rlimit limit;
    (void)argument;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return EUCLEAN;
    limit.rlim_max++;
    return errno_or_success(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static int use_a_higher_priority(void *argument)
{
    (void)argument;
    return errno_or_success(setpriority(PRIO_PROCESS, 0, -1) == 0);
}

static int kill_anothers_process(void *argument)
{
    return errno_or_success(kill(*(pid_t *)argument, 0) == 0);
}

/* What root may do outside it may not do from within a user namespace, although it has every
 * capability there. A plain user could not do it in the first place. */
static void roots_rights_stay_outside(void)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/file", probe_folder());
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    pid_t other = probe_start_bystander(true);
    const struct {
        const char *name;
        probe_body *body;
        void *argument;
        int refusal;
    } rights[] = {
        {"becoming another user", become_another_user, NULL, EINVAL},
        {"joining a group", join_a_group, NULL, EINVAL},
        {"reading another's file", open_file, path, EACCES},
        {"giving a file away", give_file_away, path, EINVAL},
        {"naming the host", set_host_name, NULL, EPERM},
        {"raising a limit", raise_a_limit, NULL, EPERM},
        {"a higher priority", use_a_higher_priority, NULL, EACCES},
        {"signals to another's process", kill_anothers_process, &other, EPERM},
    };
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        const struct probe control = {0};
        if (probe_result(&control, rights[i].body, rights[i].argument) == EPERM)
            print_message("# %s: the root of this container may not do it either\n",
                          rights[i].name);
        else
            probe_expect(WALL_USER_NAMESPACE, rights[i].body, rights[i].argument,
                         rights[i].refusal);
    }
    probe_end_bystander(other);
}

static void rights_stay_in_the_user_namespace(void **state)
{
    static probe_body *const bodies[] = {become_another_user, join_a_group, set_groups};
    static const int refusals[] = {EINVAL, EINVAL, EPERM};
    (void)state;
    probe_need(WALL_USER_NAMESPACE);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const struct probe probe = {.walls = WALL_BIT(WALL_USER_NAMESPACE)};
        assert_int_equal(probe_result(&probe, bodies[i], NULL), refusals[i]);
    }
    const struct probe probe = {.walls = WALL_BIT(WALL_USER_NAMESPACE)};
    assert_int_equal(probe_result(&probe, mount_something, (void *)probe_folder()), EPERM);
    if (geteuid() == 0)
        roots_rights_stay_outside();
}

/* ---- process numbers ---- */

static int signal_process(void *argument)
{
    return errno_or_success(kill(*(pid_t *)argument, 0) == 0);
}

static int signal_all(void *argument)
{
    (void)argument;
    return errno_or_success(kill(-1, 0) == 0);
}

static int ask_about_process(void *argument)
{
    return errno_or_success(getpgid(*(pid_t *)argument) >= 0 &&
                            sched_getscheduler(*(pid_t *)argument) >= 0);
}

static int open_process(void *argument)
{
    int fd = (int)syscall(SYS_pidfd_open, *(pid_t *)argument, 0);
    return errno_or_success(fd >= 0);
}

static int has_parent(void *argument)
{
    (void)argument;
    return getppid() != 0 && getpid() != 1 ? 0 : ESRCH;
}

static void no_other_process_is_there(void **state)
{
    (void)state;
    pid_t own = getpid();
    probe_need(WALL_PID_NAMESPACE);
    /* In a container this test may itself be the first process, whose number exists everywhere. */
    pid_t other = probe_start_bystander(false);
    pid_t pids[] = {own, other};
    for (size_t i = own == 1 ? 1 : 0; i < 2; i++) {
        probe_expect(WALL_PID_NAMESPACE, signal_process, &pids[i], ESRCH);
        probe_expect(WALL_PID_NAMESPACE, ask_about_process, &pids[i], ESRCH);
        probe_expect(WALL_PID_NAMESPACE, open_process, &pids[i], ESRCH);
    }
    probe_expect(WALL_PID_NAMESPACE, signal_all, NULL, ESRCH);
    probe_expect(WALL_PID_NAMESPACE, has_parent, NULL, ESRCH);
    probe_end_bystander(other);
}

static int make_another_process(void *argument)
{
    (void)argument;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    return errno_or_success(pid > 0);
}

/* What a guest process might leave behind dies with it, as the first of its namespace. */
static void nothing_outlives_the_process(void **state)
{
    (void)state;
    probe_need(WALL_PID_NAMESPACE);
    for (int way = 0; way < PROBE_WAYS; way++) {
        int ends[2];
        char byte;
        const struct probe probe = {.walls = probe_walls(WALL_PID_NAMESPACE),
                                    .way = (enum probe_way)way};
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(probe_result(&probe, make_another_process, NULL), 0);
        (void)close(ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody holds the other end any more */
        (void)close(ends[0]);
    }
}

/* ---- network ---- */

static int connect_to(void *argument)
{
    const struct sockaddr_in *address = argument;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return EUCLEAN;
    return errno_or_success(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
}

static int send_to(void *argument)
{
    const struct sockaddr_in *address = argument;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return EUCLEAN;
    return errno_or_success(
        sendto(fd, "x", 1, 0, (const struct sockaddr *)address, sizeof(*address)) == 1);
}

static int use_an_interface(void *argument)
{
    struct ifaddrs *addresses;
    (void)argument;
    if (getifaddrs(&addresses) != 0)
        return errno;
    int result = ENETDOWN;
    for (const struct ifaddrs *address = addresses; address != NULL; address = address->ifa_next) {
        if (address->ifa_addr != NULL && address->ifa_addr->sa_family == AF_INET)
            result = 0;
    }
    freeifaddrs(addresses);
    return result;
}

static void there_is_no_network(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    (void)state;
    probe_need(WALL_NETWORK_NAMESPACE);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    probe_expect(WALL_NETWORK_NAMESPACE, connect_to, &address, ENETUNREACH);
    probe_expect(WALL_NETWORK_NAMESPACE, send_to, &address, ENETUNREACH);
    probe_expect(WALL_NETWORK_NAMESPACE, use_an_interface, NULL, ENETDOWN);
    (void)close(listening);
}

static int connect_to_abstract(void *argument)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return EUCLEAN;
    memcpy(address.sun_path + 1, argument, strlen(argument));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argument));
    return errno_or_success(connect(fd, (const struct sockaddr *)&address, size) == 0);
}

static void abstract_sockets_of_others_are_not_there(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    (void)state;
    probe_need(WALL_NETWORK_NAMESPACE);
    int length = snprintf(name, sizeof(name), "shannon-wall-%d", (int)getpid());
    memcpy(address.sun_path + 1, name, (size_t)length);
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    assert_int_equal(listen(listening, 16), 0);
    probe_expect(WALL_NETWORK_NAMESPACE, connect_to_abstract, name, ECONNREFUSED);
    (void)close(listening);
}

/* ---- messages ---- */

static int attach_memory(void *argument)
{
    return errno_or_success(shmat(*(int *)argument, NULL, SHM_RDONLY) != (void *)-1);
}

static void shared_memory_of_others_is_not_there(void **state)
{
    (void)state;
    probe_need(WALL_IPC_NAMESPACE);
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
    if (id < 0 && (errno == ENOSYS || errno == ENOSPC))
        PROBE_SKIP("there is no System V shared memory here\n");
    assert_true(id >= 0);
    probe_expect(WALL_IPC_NAMESPACE, attach_memory, &id, EINVAL);
    assert_int_equal(shmctl(id, IPC_RMID, NULL), 0);
}

static int open_queue(void *argument)
{
    return errno_or_success(mq_open(argument, O_RDONLY) != (mqd_t)-1);
}

static void message_queues_of_others_are_not_there(void **state)
{
    char name[64];
    (void)state;
    probe_need(WALL_IPC_NAMESPACE);
    (void)snprintf(name, sizeof(name), "/shannon-wall-%d", (int)getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666, NULL);
    if (queue == (mqd_t)-1 && (errno == ENOSYS || errno == EMFILE))
        PROBE_SKIP("there are no POSIX message queues here\n");
    assert_true(queue != (mqd_t)-1);
    probe_expect(WALL_IPC_NAMESPACE, open_queue, name, ENOENT);
    (void)mq_close(queue);
    assert_int_equal(mq_unlink(name), 0);
}

static int rename_the_host(void *argument)
{
    struct utsname names;
    if (sethostname(argument, strlen(argument)) != 0 || uname(&names) != 0)
        return errno;
    return strcmp(names.nodename, argument) == 0 ? 0 : EUCLEAN;
}

/* The names of the host are a namespace that comes with that of messages. */
static void the_hosts_name_is_a_copy(void **state)
{
    struct utsname before;
    struct utsname after;
    (void)state;
    probe_need(WALL_IPC_NAMESPACE);
    assert_int_equal(uname(&before), 0);
    const struct probe probe = {.walls = probe_walls(WALL_IPC_NAMESPACE)};
    assert_int_equal(probe_result(&probe, rename_the_host, (void *)"shannon-wall"), 0);
    assert_int_equal(uname(&after), 0);
    assert_string_equal(before.nodename, after.nodename);
}

/* ---- mounts ---- */

static int list_root(void *argument)
{
    (void)argument;
    DIR *root = opendir("/");
    if (root == NULL)
        return EUCLEAN;
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(root)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 ? 1 : 0;
    (void)closedir(root);
    return count > 0 ? 0 : ENOENT;
}

static void the_root_is_empty(void **state)
{
    static const char *const paths[] = {
        "/etc/passwd",   "/proc/self/status", "/proc",      "/dev/null",     "/sys",
        "/tmp",          "/usr/bin/env",      "etc/passwd", "../etc/passwd", "../../etc/passwd",
        "/../etc/passwd"};
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    assert_int_equal(chdir("/"), 0); /* for relative paths of the control */
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        probe_expect(WALL_MOUNT_NAMESPACE, open_file, (void *)paths[i], ENOENT);
    probe_expect(WALL_MOUNT_NAMESPACE, list_root, NULL, ENOENT);
}

static int leave_by_parents(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20; i++) {
        if (chdir("..") != 0)
            return EUCLEAN;
    }
    return open_file((void *)"etc/passwd");
}

static void the_root_has_no_parent(void **state)
{
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    probe_expect(WALL_MOUNT_NAMESPACE, leave_by_parents, NULL, ENOENT);
}

static int write_to_root(void *argument)
{
    static const char *const names[] = {"/file", "/folder"};
    (void)argument;
    struct statvfs status;
    if (statvfs("/", &status) != 0)
        return EUCLEAN;
    const unsigned long flags = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
    if ((status.f_flag & flags) != flags)
        return 0;
    if (open(names[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EROFS ||
        mkdir(names[1], 0700) == 0 || errno != EROFS || chmod("/", 0777) == 0 || errno != EROFS)
        return 0;
    return EROFS;
}

static void the_root_is_read_only(void **state)
{
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = probe_walls(WALL_MOUNT_NAMESPACE),
                                    .way = (enum probe_way)way};
        assert_int_equal(probe_result(&probe, write_to_root, NULL), EROFS);
    }
    assert_int_equal(write_to_root(NULL), 0);
}

/* What a guest was granted is reached through descriptors that are open. */
static int read_through_descriptor(void *argument)
{
    char text[16] = "";
    int fd = openat(*(int *)argument, "sub/file", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return read(fd, text, sizeof(text)) == 7 && strcmp(text, "granted") == 0 ? 0 : EUCLEAN;
}

static int list_through_descriptor(void *argument)
{
    int copy = openat(*(int *)argument, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL)
        return errno;
    int count = 0;
    while (readdir(listing) != NULL)
        count++;
    (void)closedir(listing);
    return count == 3 ? 0 : EUCLEAN;
}

static void open_descriptors_still_work(void **state)
{
    char path[128];
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    (void)snprintf(path, sizeof(path), "%s/sub", probe_folder());
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/sub/file", probe_folder());
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(file, "granted", 7), 7);
    (void)close(file);
    int folder = open(probe_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = probe_walls(WALL_MOUNT_NAMESPACE),
                                    .way = (enum probe_way)way};
        assert_int_equal(probe_result(&probe, read_through_descriptor, &folder), 0);
        assert_int_equal(probe_result(&probe, list_through_descriptor, &folder), 0);
    }
    (void)close(folder);
}

/* Counts the mounts of this process, through a descriptor on procfs from before. */
static int count_mounts(void *argument)
{
    char text[4096];
    int fd = openat(*(int *)argument, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text));
    int count = 0;
    for (ssize_t i = 0; i < size; i++)
        count += text[i] == '\n' ? 1 : 0;
    return size < 0 ? EUCLEAN : count;
}

static void the_former_mounts_are_gone(void **state)
{
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    int procfs = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(procfs >= 0);
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = {.walls = probe_walls(WALL_MOUNT_NAMESPACE),
                              .way = (enum probe_way)way};
        assert_int_equal(probe_result(&probe, count_mounts, &procfs), 1);
        probe.walls &= ~WALL_BIT(WALL_MOUNT_NAMESPACE);
        assert_true(probe_result(&probe, count_mounts, &procfs) > 1);
    }
    (void)close(procfs);
}

static int count_own_mounts(void)
{
    char line[1024];
    int count = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        count++;
    if (file != NULL)
        (void)fclose(file);
    return count;
}

static int do_nothing(void *argument)
{
    (void)argument;
    return 0;
}

/* 0 when as many mounts are here after the processes as before. */
static int make_processes(void *argument)
{
    /* Where root may, from mounts that would pass on what is done to their copies. */
    if (argument != NULL &&
        (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) != 0))
        return 0;
    int before = count_own_mounts();
    for (int way = 0; way < PROBE_WAYS; way++) {
        const struct probe probe = {.walls = probe_walls(WALL_MOUNT_NAMESPACE),
                                    .way = (enum probe_way)way};
        if (probe_result(&probe, do_nothing, NULL) != 0)
            return EUCLEAN;
    }
    return before > 0 && count_own_mounts() == before && access("/etc/passwd", F_OK) == 0 ? 0
                                                                                          : EXDEV;
}

/* What is mounted there does not appear here. */
static void nothing_of_it_reaches_this_namespace(void **state)
{
    static int shared = 1;
    (void)state;
    probe_need(WALL_MOUNT_NAMESPACE);
    assert_int_equal(probe_in_process(make_processes, NULL), 0);
    assert_int_equal(probe_in_process(make_processes, &shared), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALL_TEST(there_is_one_user_who_is_who_it_was),
        WALL_TEST(each_namespace_is_another),
        WALL_TEST(rights_stay_in_the_user_namespace),
        WALL_TEST(no_other_process_is_there),
        WALL_TEST(nothing_outlives_the_process),
        WALL_TEST(there_is_no_network),
        WALL_TEST(abstract_sockets_of_others_are_not_there),
        WALL_TEST(shared_memory_of_others_is_not_there),
        WALL_TEST(message_queues_of_others_are_not_there),
        WALL_TEST(the_hosts_name_is_a_copy),
        WALL_TEST(the_root_is_empty),
        WALL_TEST(the_root_has_no_parent),
        WALL_TEST(the_root_is_read_only),
        WALL_TEST(open_descriptors_still_work),
        WALL_TEST(the_former_mounts_are_gone),
        WALL_TEST(nothing_of_it_reaches_this_namespace),
    };
    return cmocka_run_group_tests_name("kernel_namespaces", tests, NULL, NULL);
}
