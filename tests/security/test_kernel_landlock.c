/* Landlock by itself: what it leaves of the file system and of other processes, with all other
 * walls off. What a kernel's version of it does not handle yet is left out there. */
#include "wall_probe.h"

#include "sandbox/guest_channel.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int errno_or_success(bool success)
{
    return success ? 0 : errno;
}

static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* ---- folders: "granted", which may be read, and "other" ---- */

static char granted[96];
static char other[96];

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0666), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* A program that exits with 0 and needs no other file: no loader, no library. */
static void write_program(const char *path)
{
#if defined(__x86_64__)
    static const uint8_t code[] = {0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05};
    const uint16_t machine = EM_X86_64;
#elif defined(__aarch64__)
    static const uint8_t code[] = {0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b,
                                   0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};
    const uint16_t machine = EM_AARCH64;
#endif
    const uint64_t place = 0x400000;
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr segment;
        uint8_t code[sizeof(code)];
    } program = {
        .head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                             EV_CURRENT},
                 .e_type = ET_EXEC,
                 .e_machine = machine,
                 .e_version = EV_CURRENT,
                 .e_entry = place + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                 .e_phoff = sizeof(Elf64_Ehdr),
                 .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 1},
        .segment = {.p_type = PT_LOAD,
                    .p_flags = PF_R | PF_X,
                    .p_vaddr = place,
                    .p_filesz = sizeof(program),
                    .p_memsz = sizeof(program),
                    .p_align = 0x1000},
    };
    memcpy(program.code, code, sizeof(code));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, &program, sizeof(program)), sizeof(program));
    assert_int_equal(fchmod(fd, 0755), 0);
    (void)close(fd);
}

static void make_folder(const char *name, char path[96])
{
    char inner[128];
    (void)snprintf(path, 96, "%s/%s", probe_folder(), name);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    (void)snprintf(inner, sizeof(inner), "%s/file", path);
    write_file(inner, "text");
    (void)snprintf(inner, sizeof(inner), "%s/sub", path);
    assert_int_equal(mkdir(inner, 0777), 0);
    (void)snprintf(inner, sizeof(inner), "%s/sub/deep", path);
    write_file(inner, "deep");
    (void)snprintf(inner, sizeof(inner), "%s/empty", path);
    assert_int_equal(mkdir(inner, 0777), 0);
    (void)snprintf(inner, sizeof(inner), "%s/program", path);
    write_program(inner);
}

static int begin(void **state)
{
    if (probe_begin(state) != 0)
        return -1;
    make_folder("granted", granted);
    make_folder("other", other);
    return 0;
}

static const char *const readable[] = {granted};

static struct probe landlocked(int way)
{
    return (struct probe){.walls = probe_walls(WALL_LANDLOCK),
                          .way = (enum probe_way)way,
                          .readable = readable,
                          .readable_count = 1};
}

/* In both ways: what `body` gets behind Landlock, where it succeeds without. */
static void expect_behind(probe_body *body, void *argument, int expected)
{
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = landlocked(way);
        int behind = probe_result(&probe, body, argument);
        if (behind != expected)
            fail_msg("%s instead of %s (way %d)", behind == 0 ? "success" : strerrorname_np(behind),
                     expected == 0 ? "success" : strerrorname_np(expected), way);
        probe.walls &= ~WALL_BIT(WALL_LANDLOCK);
        int control = probe_result(&probe, body, argument);
        if (control != 0)
            fail_msg("the control was refused too: %s", strerrorname_np(control));
    }
}

/* ---- reading ---- */

static int enter_and_read(void *argument)
{
    char text[16] = "";
    if (chdir(argument) != 0)
        return EUCLEAN;
    for (int i = 0; i < 2; i++) {
        int fd = open(i == 0 ? "file" : "sub/deep", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return errno;
        if (read(fd, text, sizeof(text)) != 4 || strcmp(text, i == 0 ? "text" : "deep") != 0)
            return EUCLEAN;
    }
    return 0;
}

static int enter_and_list(void *argument)
{
    if (chdir(argument) != 0)
        return EUCLEAN;
    DIR *folder = opendir(".");
    return errno_or_success(folder != NULL);
}

static int open_file(void *argument)
{
    int fd = open(argument, O_RDONLY | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

static void granted_folders_can_be_read(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    expect_behind(enter_and_read, granted, 0);
    expect_behind(enter_and_list, granted, 0);
}

static void others_cannot(void **state)
{
    static char by_parent[128];
    static const char *const paths[] = {"/etc/passwd", "/", "/proc/self/maps", "/dev/null", "/tmp"};
    (void)state;
    probe_need(WALL_LANDLOCK);
    expect_behind(enter_and_read, other, EACCES);
    expect_behind(enter_and_list, other, EACCES);
    expect_behind(open_file, (void *)probe_folder(), EACCES); /* of which a part is granted */
    (void)snprintf(by_parent, sizeof(by_parent), "%s/../other/file", granted);
    expect_behind(open_file, by_parent, EACCES);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        expect_behind(open_file, (void *)paths[i], EACCES);
}

static void a_link_out_of_a_granted_folder_leads_nowhere(void **state)
{
    static char link_path[128];
    char target[128];
    (void)state;
    probe_need(WALL_LANDLOCK);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", granted);
    (void)snprintf(target, sizeof(target), "%s/file", other);
    assert_int_equal(symlink(target, link_path), 0);
    expect_behind(open_file, link_path, EACCES);
}

/* ---- changing ---- */

static int open_to_write(void *argument)
{
    (void)argument;
    int fd = open("file", O_WRONLY | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

static int create(void *argument)
{
    (void)argument;
    int fd = open("new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int result = errno_or_success(fd >= 0);
    (void)unlink("new");
    return result;
}

static int make_directory(void *argument)
{
    (void)argument;
    int result = errno_or_success(mkdir("new", 0700) == 0);
    (void)rmdir("new");
    return result;
}

static int make_pipe(void *argument)
{
    (void)argument;
    int result = errno_or_success(mkfifo("new", 0600) == 0);
    (void)unlink("new");
    return result;
}

static int make_socket(void *argument)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "new"};
    (void)argument;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = errno_or_success(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    (void)unlink("new");
    return result;
}

static int make_link(void *argument)
{
    (void)argument;
    int result = errno_or_success(symlink("file", "new") == 0);
    (void)unlink("new");
    return result;
}

static int make_hard_link(void *argument)
{
    (void)argument;
    int result = errno_or_success(link("file", "new") == 0);
    (void)unlink("new");
    return result;
}

static int rename_file(void *argument)
{
    (void)argument;
    int result = errno_or_success(rename("file", "new") == 0);
    (void)rename("new", "file");
    return result;
}

static int move_file(void *argument)
{
    (void)argument;
    int result = errno_or_success(rename("file", "sub/new") == 0);
    (void)rename("sub/new", "file");
    return result;
}

static int remove_file(void *argument)
{
    (void)argument;
    int result = errno_or_success(unlink("file") == 0);
    if (result == 0)
        write_file("file", "text");
    return result;
}

static int remove_directory(void *argument)
{
    (void)argument;
    int result = errno_or_success(rmdir("empty") == 0);
    (void)mkdir("empty", 0777);
    return result;
}

static int make_character_device(void *argument)
{
    (void)argument;
    int result = errno_or_success(mknod("new", S_IFCHR | 0600, makedev(0, 0)) == 0);
    (void)unlink("new");
    return result;
}

static int make_block_device(void *argument)
{
    (void)argument;
    int result = errno_or_success(mknod("new", S_IFBLK | 0600, makedev(7, 99)) == 0);
    (void)unlink("new");
    return result;
}

static int truncate_file(void *argument)
{
    (void)argument;
    return errno_or_success(truncate("file", 4) == 0);
}

static int execute(void *argument)
{
    char *const arguments[] = {"program", NULL};
    (void)argument;
    (void)execv("./program", arguments);
    return errno;
}

struct change {
    const char *name;
    probe_body *body;
    int refusal;
    int version; /* of Landlock, from which on it is handled */
};

static const struct change changes[] = {
    {"open to write", open_to_write, EACCES, 1},
    {"create", create, EACCES, 1},
    {"mkdir", make_directory, EACCES, 1},
    {"mkfifo", make_pipe, EACCES, 1},
    {"bind to a path", make_socket, EACCES, 1},
    {"symlink", make_link, EACCES, 1},
    {"link", make_hard_link, EACCES, 1},
    {"rename", rename_file, EACCES, 1},
    {"move", move_file, EXDEV, 1}, /* see landlock(7): nothing moves between folders */
    {"unlink", remove_file, EACCES, 1},
    {"rmdir", remove_directory, EACCES, 1},
    {"mknod, character device", make_character_device, EACCES, 1},
    {"mknod, block device", make_block_device, EACCES, 1},
    {"truncate", truncate_file, EACCES, 3},
    {"execute", execute, EACCES, 1},
};

struct change_in {
    const struct change *change;
    const char *folder;
};

static int change_in_folder(void *argument)
{
    const struct change_in *in = argument;
    (void)umask(0);
    return chdir(in->folder) == 0 ? in->change->body(NULL) : EUCLEAN;
}

static void nothing_can_be_changed(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    const char *const folders[] = {granted, other};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof(changes) / sizeof(changes[0]); j++) {
            struct change_in in = {.change = &changes[j], .folder = folders[i]};
            if (changes[j].version > landlock_version())
                continue;
            for (int way = 0; way < PROBE_WAYS; way++) {
                struct probe probe = landlocked(way);
                int behind = probe_result(&probe, change_in_folder, &in);
                /* A move between folders is refused as one between file systems, where the kernel
                 * does not find that the new place is refused anyway. */
                bool refused = behind == changes[j].refusal ||
                               (changes[j].refusal == EXDEV && behind == EACCES);
                probe.walls &= ~WALL_BIT(WALL_LANDLOCK);
                int control = probe_result(&probe, change_in_folder, &in);
                if (control == EPERM) /* devices are for root to make, and not for each */
                    continue;
                if (!refused || control != 0)
                    fail_msg("%s: %s, and %s without the wall", changes[j].name,
                             behind == 0 ? "success" : strerrorname_np(behind),
                             control == 0 ? "success" : strerrorname_np(control));
            }
        }
    }
}

/* ---- descriptors that are open ---- */

static int read_and_write_through(void *argument)
{
    const int *fds = argument;
    char text[8];
    if (pread(fds[0], text, 4, 0) != 4 || pwrite(fds[0], "text", 4, 0) != 4)
        return errno;
    int fd = openat(fds[1], "file", O_RDONLY | O_CLOEXEC);
    return errno_or_success(fd >= 0);
}

/* What is open may be used as before; what is opened beneath a folder is looked at again. */
static void open_descriptors_are_as_before(void **state)
{
    char path[128];
    (void)state;
    probe_need(WALL_LANDLOCK);
    (void)snprintf(path, sizeof(path), "%s/file", other);
    int fds[] = {open(path, O_RDWR | O_CLOEXEC), open(granted, O_PATH | O_CLOEXEC)};
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    expect_behind(read_and_write_through, fds, 0);
    (void)close(fds[1]);
    fds[1] = open(other, O_PATH | O_CLOEXEC);
    expect_behind(read_and_write_through, fds, EACCES);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* As guests have their folders: beneath a descriptor, in a mount namespace from which the former
 * root is gone. The rules belong to the folders, wherever they are mounted. */
static void grants_reach_into_a_mount_namespace(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    probe_need(WALL_MOUNT_NAMESPACE);
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = landlocked(way);
        char path[128];
        probe.walls |= probe_walls(WALL_MOUNT_NAMESPACE);
        (void)snprintf(path, sizeof(path), "%s/file", granted);
        int fds[] = {open(path, O_RDWR | O_CLOEXEC), open(granted, O_PATH | O_CLOEXEC)};
        assert_int_equal(probe_result(&probe, read_and_write_through, fds), 0);
        (void)close(fds[1]);
        fds[1] = open(other, O_PATH | O_CLOEXEC);
        assert_int_equal(probe_result(&probe, read_and_write_through, fds), EACCES);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}

/* ---- beyond files ---- */

static int connect_to(void *argument)
{
    const struct sockaddr_in *address = argument;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return errno_or_success(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
}

static int bind_to_any_port(void *argument)
{
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)argument;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return errno_or_success(bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0);
}

static void need_version(int version, const char *what)
{
    probe_need(WALL_LANDLOCK);
    if (landlock_version() < version)
        PROBE_SKIP("Landlock handles %s from its version %d on; here is %d\n", what, version,
                   landlock_version());
}

static void tcp_cannot_be_used(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    (void)state;
    need_version(4, "TCP");
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    expect_behind(connect_to, &address, EACCES);
    expect_behind(bind_to_any_port, NULL, EACCES);
    (void)close(listening);
}

static int signal_process(void *argument)
{
    return errno_or_success(kill(*(pid_t *)argument, 0) == 0);
}

static int signal_itself(void *argument)
{
    (void)argument;
    return errno_or_success(kill(getpid(), 0) == 0);
}

static void others_get_no_signals(void **state)
{
    pid_t own = getpid();
    (void)state;
    need_version(6, "signals");
    pid_t bystander = probe_start_bystander(false);
    expect_behind(signal_process, &own, EPERM);
    expect_behind(signal_process, &bystander, EPERM);
    expect_behind(signal_itself, NULL, 0);
    probe_end_bystander(bystander);
}

static int connect_to_abstract(void *argument)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path + 1, argument, strlen(argument));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argument));
    return errno_or_success(connect(fd, (const struct sockaddr *)&address, size) == 0);
}

static void abstract_sockets_of_others_cannot_be_used(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    (void)state;
    need_version(6, "abstract sockets");
    int length = snprintf(name, sizeof(name), "shannon-wall-%d", (int)getpid());
    memcpy(address.sun_path + 1, name, (size_t)length);
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    assert_int_equal(listen(listening, 16), 0);
    expect_behind(connect_to_abstract, name, EPERM);
    (void)close(listening);
}

static volatile int secret = 4711;

static int read_memory(void *argument)
{
    int found = 0;
    struct iovec here = {.iov_base = &found, .iov_len = sizeof(found)};
    struct iovec there = {.iov_base = (void *)(uintptr_t)&secret, .iov_len = sizeof(secret)};
    ssize_t size = process_vm_readv(*(pid_t *)argument, &here, 1, &there, 1, 0);
    return errno_or_success(size == sizeof(found));
}

static void others_cannot_be_traced(void **state)
{
    pid_t own = getpid();
    const struct probe control = {0};
    (void)state;
    probe_need(WALL_LANDLOCK);
    if (probe_result(&control, read_memory, &own) != 0)
        PROBE_SKIP("a process may not trace its parent here at all\n");
    expect_behind(read_memory, &own, EPERM);
}

static int mount_something(void *argument)
{
    (void)argument;
    return errno_or_success(mount("none", "/", "tmpfs", 0, NULL) == 0);
}

/* Nor in a mount namespace where the process has every capability. */
static void nothing_can_be_mounted(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    probe_need(WALL_MOUNT_NAMESPACE);
    for (int way = 0; way < PROBE_WAYS; way++) {
        struct probe probe = landlocked(way);
        probe.walls |= probe_walls(WALL_MOUNT_NAMESPACE);
        assert_int_equal(probe_result(&probe, mount_something, NULL), EPERM);
        probe.walls &= ~WALL_BIT(WALL_LANDLOCK);
        assert_int_equal(probe_result(&probe, mount_something, NULL), 0);
    }
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
    const char *const missing[] = {"/nonexistent/folder"};
    const struct lockdown_options options = {
        .readable_paths = missing, .readable_path_count = 1, .processor_seconds = 1};
    struct error error = ERROR_NONE;
    (void)state;
    probe_need(WALL_LANDLOCK);
    assert_null(lockdown_prepare(&options, &error));
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "/nonexistent/folder"));
}

/* What lockdown_prepare opens is not where a guest process puts its channel, whatever numbers are
 * free. */
static int prepare_with_few_descriptors(void *argument)
{
    const struct lockdown_options options = {.processor_seconds = 1};
    struct error error = ERROR_NONE;
    int first = *(int *)argument;
    if (syscall(SYS_close_range, first, ~0u, 0) != 0)
        return EUCLEAN;
    struct lockdown *lockdown = lockdown_prepare(&options, &error);
    int result = errno_or_success(lockdown != NULL && dup2(first - 1, GUEST_CHANNEL_FD) >= 0 &&
                                  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    int kept[] = {GUEST_CHANNEL_FD};
    if (result == 0 && lockdown_enter(lockdown, kept, 1, &error) != 0)
        return EBADF;
    probe_leave(result);
    return result;
}

static void the_rules_are_not_where_the_channel_goes(void **state)
{
    (void)state;
    probe_need(WALL_LANDLOCK);
    for (int first = GUEST_CHANNEL_FD - 1; first <= GUEST_CHANNEL_FD; first++)
        assert_int_equal(probe_in_process(prepare_with_few_descriptors, &first), 0);
}

int main(void)
{
#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, begin, probe_end)
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(granted_folders_can_be_read),
        FOLDER_TEST(others_cannot),
        FOLDER_TEST(a_link_out_of_a_granted_folder_leads_nowhere),
        FOLDER_TEST(nothing_can_be_changed),
        FOLDER_TEST(open_descriptors_are_as_before),
        FOLDER_TEST(grants_reach_into_a_mount_namespace),
        FOLDER_TEST(tcp_cannot_be_used),
        FOLDER_TEST(others_get_no_signals),
        FOLDER_TEST(abstract_sockets_of_others_cannot_be_used),
        FOLDER_TEST(others_cannot_be_traced),
        FOLDER_TEST(nothing_can_be_mounted),
        WALL_TEST(a_folder_that_is_not_there_is_refused),
        WALL_TEST(the_rules_are_not_where_the_channel_goes),
    };
    return cmocka_run_group_tests_name("kernel_landlock", tests, NULL, NULL);
}
