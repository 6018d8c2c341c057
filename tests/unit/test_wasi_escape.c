/* src/wasi/resolve.c and the path functions over it: ways out of a preopen. Each denial has its
 * positive control: the same path shape that stays inside. */
#include "test_wasi_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Links in rw and ro; what they lead to outside has its twin inside. */
static void plant_links(const struct fixture *fixture, const char *folder)
{
    static const struct {
        const char *name;
        const char *target;
    } links[] = {
        {"out", "../outside"},
        {"out-slash", "../outside/"},
        {"up", ".."},
        {"chain1", "chain2"},
        {"chain2", "sub/chain3"},
        {"sub/chain3", "../../outside"},
        {"trick", "evil/"},
        {"evil", "../outside"},
        {"deep-trick", "trick/."},
        {"etc", "/etc"},
        {"root", "/"},
        {"secret-link", "../outside/secret"},
        {"passwd", "/etc/passwd"},
        {"proc", "/proc/self/root"},
        {"loop", "loop"},
        {"loop1", "loop2"},
        {"loop2", "loop1"},
        {"dangling", "../outside/new"},
        {"in", "sub"},
        {"in-slash", "sub/"},
        {"in-chain", "in-slash"},
        {"in-around", "sub/../sub"},
        {"deep-link", "in-chain/deep"},
    };
    char path[128];
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, links[i].name);
        host_symlink(fixture, links[i].target, path);
    }
}

/* Paths that lead to a folder outside, or in a circle. */
static const char *const folders_outside[] = {
    "out/",
    "out/.",
    "out//",
    "out-slash/",
    "up/outside",
    "up/",
    "chain1/",
    "chain1/.",
    "trick/",
    "trick/.",
    "trick//",
    "deep-trick/",
    "etc/",
    "root/",
    "root/etc",
    "proc/",
    "../outside",
    "sub/../../outside",
    "..",
    "../",
    "./..",
    "sub/../..",
    "sub/../../rw/..",
    "in/../../outside",
    "../rw",
    "../rw/../outside",
    "/",
    "/etc",
    "//",
    "loop/",
    "loop1/",
    "loop/x",
    "in/../up/outside",
};

/* The same to a file outside. */
static const char *const files_outside[] = {
    "out/secret",          "out-slash/secret",         "up/outside/secret", "chain1/secret",
    "trick/secret",        "deep-trick/secret",        "etc/passwd",        "root/etc/passwd",
    "../outside/secret",   "sub/../../outside/secret", "/etc/passwd",       "proc/etc/passwd",
    "./../outside/secret", "in/../../outside/secret",  "in/../out/secret",
};

/* Links that are followed only when asked for. */
static const char *const links_outside[] = {"out",      "chain1", "trick",    "secret-link",
                                            "passwd",   "loop",   "loop1",    "proc",
                                            "dangling", "etc",    "in/../out"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_denied(uint32_t answer, const char *what, const char *path)
{
    if (answer != WASI_ERRNO_NOTCAPABLE && answer != WASI_ERRNO_LOOP)
        fail_msg("%s of '%s' answers %u, neither notcapable nor loop", what, path, answer);
}

static void try_all_opens(struct fixture *fixture, uint32_t directory, const char *path,
                          bool follow_only)
{
    for (uint32_t flags = 0; flags <= WASI_OFLAGS_ALL; flags++) {
        static const uint64_t rights[] = {0, WASI_RIGHT_FD_READ, READ_WRITE};
        if ((flags & WASI_OFLAGS_CREAT) != 0 && (flags & WASI_OFLAGS_DIRECTORY) != 0)
            continue;
        /* What exists is not opened with creat and excl, whatever it is: no walk leads on. */
        bool exclusive = (flags & WASI_OFLAGS_CREAT) != 0 && (flags & WASI_OFLAGS_EXCL) != 0;
        for (size_t r = 0; r < 3; r++) {
            if (!exclusive)
                expect_denied(guest_open_follow(fixture, directory, path, flags, rights[r], NULL),
                              "opening", path);
            if (!follow_only)
                expect_denied(guest_open(fixture, directory, path, flags, rights[r], NULL),
                              "opening without following", path);
            assert_int_not_equal(guest_open(fixture, directory, path, flags, rights[r], NULL), 0);
        }
    }
}

static void nothing_outside_is_opened(void **state)
{
    struct fixture *fixture = *state;
    plant_links(fixture, "rw");
    plant_links(fixture, "ro");
    int descriptors = open_descriptor_count();
    int entries = host_entry_count(fixture);
    for (uint32_t directory = RW; directory <= RO; directory++) {
        for (size_t i = 0; i < COUNT(folders_outside); i++)
            try_all_opens(fixture, directory, folders_outside[i], false);
        for (size_t i = 0; i < COUNT(files_outside); i++)
            try_all_opens(fixture, directory, files_outside[i], false);
        for (size_t i = 0; i < COUNT(links_outside); i++)
            try_all_opens(fixture, directory, links_outside[i], true);
    }
    assert_int_equal(open_descriptor_count(), descriptors);
    assert_int_equal(host_entry_count(fixture), entries);
    host_check_content(fixture, "outside/secret", "SECRET");
}

static void nothing_outside_is_asked_about(void **state)
{
    struct fixture *fixture = *state;
    plant_links(fixture, "rw");
    for (size_t i = 0; i < COUNT(folders_outside); i++) {
        expect_denied(guest_stat(fixture, RW, folders_outside[i], false), "stat",
                      folders_outside[i]);
        expect_denied(guest_stat(fixture, RW, folders_outside[i], true), "stat",
                      folders_outside[i]);
        expect_denied(guest_readlink(fixture, RW, folders_outside[i]), "readlink",
                      folders_outside[i]);
    }
    for (size_t i = 0; i < COUNT(files_outside); i++) {
        expect_denied(guest_stat(fixture, RW, files_outside[i], false), "stat", files_outside[i]);
        expect_denied(guest_readlink(fixture, RW, files_outside[i]), "readlink", files_outside[i]);
    }
    for (size_t i = 0; i < COUNT(links_outside); i++) {
        expect_denied(guest_stat(fixture, RW, links_outside[i], true), "stat", links_outside[i]);
        assert_int_equal(guest_stat(fixture, RW, links_outside[i], false), 0);
        assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_SYMBOLIC_LINK);
    }
    /* Whether something exists outside makes no difference. */
    assert_int_equal(guest_stat(fixture, RW, "../outside/missing", true), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, RW, "out/missing", true), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, RW, "/missing", true), WASI_ERRNO_NOTCAPABLE);
}

static uint32_t set_times(struct fixture *fixture, const char *path, bool follow)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    return preview1_path_filestat_set_times(fixture->host, RW,
                                            follow ? WASI_LOOKUPFLAGS_SYMLINK_FOLLOW : 0, PATH_AT,
                                            size, 1, 1, WASI_FSTFLAGS_MTIM);
}

static void try_changes(struct fixture *fixture, const char *path)
{
    expect_denied(guest_path_call(fixture, preview1_path_create_directory, RW, path), "mkdir",
                  path);
    expect_denied(guest_path_call(fixture, preview1_path_remove_directory, RW, path), "rmdir",
                  path);
    expect_denied(guest_path_call(fixture, preview1_path_unlink_file, RW, path), "unlink", path);
    expect_denied(guest_symlink(fixture, "x", RW, path), "symlink", path);
    expect_denied(guest_link(fixture, RW, path, RW, "stolen"), "link from", path);
    expect_denied(guest_link(fixture, RW, "file", RW, path), "link to", path);
    expect_denied(guest_rename(fixture, RW, path, RW, "stolen"), "rename from", path);
    expect_denied(guest_rename(fixture, RW, "file", RW, path), "rename to", path);
    expect_denied(set_times(fixture, path, false), "set times", path);
    expect_denied(set_times(fixture, path, true), "set times", path);
}

static void nothing_outside_is_changed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const new_names[] = {"out/new",   "chain1/new",     "trick/new",
                                            "up/new",    "../outside/new", "/tmp/shannon-new",
                                            "loop/new",  "deep-trick/new", "../new",
                                            "root/new/", "out/new/"};
    struct stat before;
    struct stat after;
    plant_links(fixture, "rw");
    int entries = host_entry_count(fixture);
    assert_int_equal(fstatat(fixture->folder_fd, "outside/secret", &before, 0), 0);
    for (size_t i = 0; i < COUNT(files_outside); i++)
        try_changes(fixture, files_outside[i]);
    for (size_t i = 0; i < COUNT(new_names); i++)
        try_changes(fixture, new_names[i]);
    assert_int_equal(fstatat(fixture->folder_fd, "outside/secret", &after, 0), 0);
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
    assert_int_equal(host_entry_count(fixture), entries);
    assert_true(access("/tmp/shannon-new", F_OK) != 0);
}

/* A trailing slash makes the kernel follow a link at the end; the calls that act on names must
 * not. */
static void a_slash_behind_a_link_changes_nothing_outside(void **state)
{
    static const char *const names[] = {"out/", "out//", "trick/", "chain1/", "in/", "etc/"};
    struct fixture *fixture = *state;
    plant_links(fixture, "rw");
    int entries = host_entry_count(fixture);
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *name = names[i];
        assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, name),
                         WASI_ERRNO_EXIST);
        assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, name),
                         WASI_ERRNO_NOTDIR);
        assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, name),
                         WASI_ERRNO_NOTDIR);
        assert_int_equal(guest_symlink(fixture, "x", RW, name), WASI_ERRNO_EXIST);
        assert_int_equal(guest_link(fixture, RW, name, RW, "stolen"), WASI_ERRNO_NOTDIR);
        assert_int_equal(guest_link(fixture, RW, "file", RW, name), WASI_ERRNO_EXIST);
        assert_int_equal(guest_rename(fixture, RW, name, RW, "stolen"), WASI_ERRNO_NOTDIR);
        assert_int_equal(guest_rename(fixture, RW, "file", RW, name), WASI_ERRNO_NOTDIR);
        assert_int_not_equal(guest_rename(fixture, RW, "sub", RW, name), 0);
    }
    assert_int_equal(host_entry_count(fixture), entries);
    assert_true(host_exists(fixture, "outside/secret"));
}

static void what_stays_inside_is_followed(void **state)
{
    static const char *const files[] = {"in/deep",        "in-slash/deep",       "in-chain/deep",
                                        "in-around/deep", "deep-link",           "in/../file",
                                        "./in/./deep",    "sub/../in/../in/deep"};
    static const char *const folders[] = {"in/", "in-slash/.", "in-chain", "in-around", "in/.."};
    struct fixture *fixture = *state;
    plant_links(fixture, "rw");
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(guest_open_follow(fixture, RW, files[i], 0, READ_WRITE, NULL), 0);
        assert_int_equal(guest_stat(fixture, RW, files[i], true), 0);
        assert_int_equal(set_times(fixture, files[i], true), 0);
    }
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(guest_open_directory(fixture, RW, folders[i], NULL), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, "in/new"), 0);
    assert_true(host_exists(fixture, "rw/sub/new"));
    assert_int_equal(guest_rename(fixture, RW, "in-chain/new", RW, "in/newer"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "in/newer"), 0);
    assert_int_equal(guest_link(fixture, RW, "file", RW, "in-around/hard"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "sub/hard"), 0);
    /* Links that lead out can be removed and renamed: that touches only the name. */
    assert_int_equal(guest_rename(fixture, RW, "out", RW, "out2"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "out2"), 0);
    assert_true(host_exists(fixture, "outside/secret"));
}

static void absolute_links_are_not_made(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(guest_symlink(fixture, "/etc/passwd", RW, "link"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_symlink(fixture, "/", RW, "link"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_symlink(fixture, "//x", RW, "link"), WASI_ERRNO_NOTCAPABLE);
    assert_false(host_exists(fixture, "rw/link"));
    /* One that leads out can be made and leads nowhere. */
    assert_int_equal(guest_symlink(fixture, "../outside/secret", RW, "link"), 0);
    assert_int_equal(guest_open_follow(fixture, RW, "link", 0, READ_ONLY, NULL),
                     WASI_ERRNO_NOTCAPABLE);
}

/* A directory descriptor is the top for what is opened through it. */
static void a_folder_opened_beneath_is_a_boundary_too(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open_directory(fixture, RW, "sub", &fd), 0);
    assert_int_equal(guest_open(fixture, fd, "../file", 0, READ_ONLY, NULL), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, fd, "..", false), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, fd, "../file"),
                     WASI_ERRNO_NOTCAPABLE);
    /* Also after the folder itself was moved about. */
    host_mkdir(fixture, "rw/other");
    assert_int_equal(guest_rename(fixture, RW, "sub", RW, "other/sub"), 0);
    assert_int_equal(guest_open(fixture, fd, "../../file", 0, READ_ONLY, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_open(fixture, fd, "deep", 0, READ_ONLY, NULL), 0);
}

struct swapper {
    int folder;
    atomic_bool stop;
    unsigned long swaps;
};

static void *swap_until_stopped(void *argument)
{
    struct swapper *swapper = argument;
    while (!atomic_load(&swapper->stop)) {
        if (renameat2(swapper->folder, "rw/swap", swapper->folder, "rw/swapped", RENAME_EXCHANGE) !=
            0)
            return NULL;
        swapper->swaps++;
    }
    return NULL;
}

static bool a_second_has_passed(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000 >= 1000;
}

/* The host exchanges a folder and a link to the outside while the guest walks through the name. */
static void a_swapped_folder_never_leads_out(void **state)
{
    struct fixture *fixture = *state;
    host_mkdir(fixture, "rw/swap");
    host_write(fixture, "rw/swap/secret", "inside");
    host_write(fixture, "rw/swap/victim", "inside");
    host_write(fixture, "outside/victim", "outside");
    host_symlink(fixture, "../outside", "rw/swapped");
    struct swapper swapper = {.folder = fixture->folder_fd};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, swap_until_stopped, &swapper), 0);
    struct timespec start;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    unsigned long inside = 0;
    unsigned long denied = 0;
    unsigned long escapes = 0;
    while (!a_second_has_passed(&start)) {
        static const char *const paths[] = {"swap/secret", "swap/../swap/secret", "swap//./secret",
                                            "sub/../swap/secret"};
        char text[16] = "";
        uint32_t fd;
        for (size_t i = 0; i < 4; i++) {
            uint32_t answer = guest_open_follow(fixture, RW, paths[i], 0, READ_ONLY, &fd);
            if (answer != WASI_ERRNO_SUCCESS) {
                denied++;
                continue;
            }
            assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
            assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
            if (strcmp(text, "inside") == 0)
                inside++;
            else
                escapes++;
        }
        (void)guest_path_call(fixture, preview1_path_create_directory, RW, "swap/made");
        (void)guest_path_call(fixture, preview1_path_unlink_file, RW, "swap/victim");
        (void)guest_rename(fixture, RW, "file", RW, "swap/file");
        (void)guest_rename(fixture, RW, "swap/file", RW, "file");
        (void)guest_link(fixture, RW, "swap/secret", RW, "taken");
        (void)guest_symlink(fixture, "x", RW, "swap/link");
        (void)set_times(fixture, "swap/secret", true);
    }
    atomic_store(&swapper.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(escapes, 0);
    assert_true(inside > 100);
    assert_true(denied > 100);
    assert_true(swapper.swaps > 1000);
    host_check_content(fixture, "outside/secret", "SECRET");
    host_check_content(fixture, "outside/victim", "outside");
    assert_false(host_exists(fixture, "outside/made"));
    assert_false(host_exists(fixture, "outside/file"));
    assert_false(host_exists(fixture, "outside/link"));
    if (host_exists(fixture, "rw/taken"))
        host_check_content(fixture, "rw/taken", "inside");
}

/* Runs `check` in a child whose openat2(2) answers `error_number`; its result is the exit status.
 */
static int with_openat2_failing(struct fixture *fixture, int error_number,
                                int (*check)(struct fixture *))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        if (filter == NULL ||
            seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error_number), SCMP_SYS(openat2),
                             0) != 0 ||
            seccomp_load(filter) != 0)
            _exit(100);
        _exit(check(fixture));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int no_preopen_can_be_made(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    int folder = openat(fixture->folder_fd, "rw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (wasi_host_add_preopen(fixture->host, folder, "/", false, &error) == 0)
        return 1;
    if (error.kind != ERROR_INTERNAL || strstr(error.message, "openat2") == NULL)
        return 2;
    return preview1_fd_prestat_get(fixture->host, NEXT_FD, RESULT_AT) == WASI_ERRNO_BADF ? 0 : 3;
}

static int opening_answers_again(struct fixture *fixture)
{
    uint32_t answer = guest_open(fixture, RW, "file", 0, READ_ONLY, NULL);
    return answer == WASI_ERRNO_AGAIN ? 0 : 1;
}

static void without_openat2_nothing_is_granted(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(with_openat2_failing(fixture, ENOSYS, no_preopen_can_be_made), 0);
    assert_int_equal(with_openat2_failing(fixture, EPERM, no_preopen_can_be_made), 0);
    assert_int_equal(with_openat2_failing(fixture, EINVAL, no_preopen_can_be_made), 0);
    assert_int_equal(with_openat2_failing(fixture, EAGAIN, no_preopen_can_be_made), 0);
    assert_int_equal(with_openat2_failing(fixture, EAGAIN, opening_answers_again), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(nothing_outside_is_opened),
        WASI_TEST(nothing_outside_is_asked_about),
        WASI_TEST(nothing_outside_is_changed),
        WASI_TEST(a_slash_behind_a_link_changes_nothing_outside),
        WASI_TEST(what_stays_inside_is_followed),
        WASI_TEST(absolute_links_are_not_made),
        WASI_TEST(a_folder_opened_beneath_is_a_boundary_too),
        WASI_TEST(a_swapped_folder_never_leads_out),
        WASI_TEST(without_openat2_nothing_is_granted),
    };
    return cmocka_run_group_tests_name("wasi_escape", tests, NULL, NULL);
}
