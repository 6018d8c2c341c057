/* src/wasi/path_*.c: opening, creating, changing and asking about names. */
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define CREATE WASI_OFLAGS_CREAT
#define EXCLUSIVE (WASI_OFLAGS_CREAT | WASI_OFLAGS_EXCL)
#define TRUNCATE WASI_OFLAGS_TRUNC
#define DIRECTORY WASI_OFLAGS_DIRECTORY

static void files_are_opened(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    char text[32];
    static const char *const names[] = {
        "file", "./file", "sub/../file", "sub//../file", "./././file", "sub/./.././file",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(guest_open(fixture, RO, names[i], 0, READ_ONLY, &fd), 0);
        assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
        assert_string_equal(text, "0123456789");
    }
    assert_int_equal(guest_open_directory(fixture, RO, "sub/", &fd), 0);
    assert_int_equal(guest_open(fixture, fd, "deep", 0, READ_ONLY, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "deep");
}

static void what_cannot_be_opened_says_why(void **state)
{
    static const struct {
        const char *path;
        uint32_t flags;
        uint64_t rights;
        uint32_t answer;
    } tests[] = {
        {"", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing/file", 0, READ_ONLY, WASI_ERRNO_NOENT},
        {"missing/file", CREATE, READ_WRITE, WASI_ERRNO_NOENT},
        {"file/", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file///", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file/.", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file/x", 0, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file", DIRECTORY, READ_ONLY, WASI_ERRNO_NOTDIR},
        {"file", EXCLUSIVE, READ_WRITE, WASI_ERRNO_EXIST},
        {"sub", EXCLUSIVE, READ_WRITE, WASI_ERRNO_EXIST},
        {"sub", 0, READ_WRITE, WASI_ERRNO_ISDIR},
        {"sub", DIRECTORY, READ_WRITE, WASI_ERRNO_ISDIR},
        {"sub", TRUNCATE, READ_ONLY, WASI_ERRNO_ISDIR},
        {"sub", CREATE, READ_ONLY, WASI_ERRNO_ISDIR},
        {"new/", CREATE, READ_WRITE, WASI_ERRNO_ISDIR},
        {"new", CREATE | DIRECTORY, READ_WRITE, WASI_ERRNO_INVAL},
    };
    struct fixture *fixture = *state;
    int descriptors = open_descriptor_count();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint32_t answer =
            guest_open(fixture, RW, tests[i].path, tests[i].flags, tests[i].rights, NULL);
        if (answer != tests[i].answer)
            fail_msg("opening '%s' with %u answers %u, not %u", tests[i].path, tests[i].flags,
                     answer, tests[i].answer);
    }
    assert_false(host_exists(fixture, "rw/new"));
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void files_are_created_and_truncated(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "new", EXCLUSIVE, READ_WRITE, &fd), 0);
    assert_int_equal(guest_write(fixture, fd, "fresh"), 0);
    host_check_content(fixture, "rw/new", "fresh");
    assert_int_equal(guest_open(fixture, RW, "new", CREATE, READ_WRITE, &fd), 0);
    host_check_content(fixture, "rw/new", "fresh");
    assert_int_equal(guest_open(fixture, RW, "new", CREATE | TRUNCATE, READ_WRITE, &fd), 0);
    host_check_content(fixture, "rw/new", "");
    assert_int_equal(guest_open(fixture, RW, "file", TRUNCATE, 0, &fd), 0);
    host_check_content(fixture, "rw/file", "");
    struct stat status;
    assert_int_equal(fstatat(fixture->folder_fd, "rw/new", &status, 0), 0);
    assert_int_equal(status.st_mode & 0111, 0);
}

static void a_file_descriptor_is_not_a_place_for_paths(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, &fd), 0);
    assert_int_equal(guest_open(fixture, fd, "x", 0, READ_ONLY, NULL), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_open(fixture, 0, "x", 0, READ_ONLY, NULL), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_stat(fixture, fd, ".", false), WASI_ERRNO_NOTDIR);
    assert_int_equal(preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 100, 0, RESULT_AT),
                     WASI_ERRNO_NOTDIR);
}

/* Everything that would change the read-only preopen is refused, and on the writable one the same
 * succeeds. */
static uint32_t change(struct fixture *fixture, uint32_t directory, int what)
{
    uint32_t size;
    uint32_t fd;
    switch (what) {
    case 0:
        return guest_open(fixture, directory, "new", CREATE, READ_WRITE, NULL);
    case 1:
        return guest_open(fixture, directory, "file", TRUNCATE, WASI_RIGHT_FD_READ, NULL);
    case 2:
        return guest_open(fixture, directory, "file", 0, READ_WRITE, NULL);
    case 3:
        return guest_open(fixture, directory, "file", 0, WASI_RIGHT_FD_WRITE, NULL);
    case 4:
        return guest_open(fixture, directory, "new2", EXCLUSIVE, WASI_RIGHT_FD_READ, NULL);
    case 5:
        return guest_open(fixture, directory, "file", CREATE, WASI_RIGHT_FD_READ, NULL);
    case 6:
        return guest_path_call(fixture, preview1_path_create_directory, directory, "folder");
    case 7:
        return guest_symlink(fixture, "file", directory, "link");
    case 8:
        return guest_link(fixture, directory, "file", directory, "hard");
    case 9:
        return guest_rename(fixture, directory, "file", directory, "renamed");
    case 10:
        return guest_rename(fixture, directory, "renamed", directory, "file");
    case 11:
        return guest_path_call(fixture, preview1_path_unlink_file, directory, "sub/deep");
    case 12:
        return guest_path_call(fixture, preview1_path_remove_directory, directory, "sub");
    case 13:
        size = put_text(fixture, PATH_AT, "file");
        return preview1_path_filestat_set_times(fixture->host, directory, 0, PATH_AT, size, 1, 1,
                                                WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM);
    case 14:
        assert_int_equal(guest_open(fixture, directory, "file", 0,
                                    WASI_RIGHT_FD_READ | WASI_RIGHT_FD_FILESTAT_SET_TIMES, &fd),
                         0);
        return preview1_fd_filestat_set_times(fixture->host, fd, 1, 1, WASI_FSTFLAGS_MTIM);
    case 15:
        return preview1_fd_filestat_set_times(fixture->host, directory, 1, 1, WASI_FSTFLAGS_MTIM);
    default:
        return UINT32_MAX;
    }
}

#define CHANGES 16

static void a_read_only_preopen_stays_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct stat before;
    struct stat after;
    int entries = host_entry_count(fixture);
    assert_int_equal(fstatat(fixture->folder_fd, "ro/file", &before, 0), 0);
    for (int what = 0; what < CHANGES; what++) {
        uint32_t answer = change(fixture, RO, what);
        if (answer != WASI_ERRNO_ROFS)
            fail_msg("change %d of the read-only preopen answers %u, not rofs", what, answer);
    }
    assert_int_equal(host_entry_count(fixture), entries);
    assert_int_equal(fstatat(fixture->folder_fd, "ro/file", &after, 0), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
    assert_int_equal(before.st_ino, after.st_ino);
    host_check_content(fixture, "ro/file", "0123456789");
    host_check_content(fixture, "ro/sub/deep", "deep");
    for (int what = 0; what < CHANGES; what++) {
        uint32_t answer = change(fixture, RW, what);
        if (answer != WASI_ERRNO_SUCCESS)
            fail_msg("change %d of the writable preopen answers %u", what, answer);
    }
}

/* The parent's right to write is not given back by a descriptor beneath, and neither are the rights
 * that reading programs ask for without need. */
static void beneath_a_read_only_preopen_nothing_is_writable(void **state)
{
    struct fixture *fixture = *state;
    uint32_t directory;
    uint32_t fd;
    assert_int_equal(guest_open_directory(fixture, RO, "sub", &directory), 0);
    assert_int_equal(guest_open(fixture, directory, "deep", 0, READ_WRITE, NULL), WASI_ERRNO_ROFS);
    assert_int_equal(guest_open(fixture, directory, "deep", TRUNCATE, 0, NULL), WASI_ERRNO_ROFS);
    assert_int_equal(guest_open_directory(fixture, directory, ".", &directory), 0);
    assert_int_equal(guest_open(fixture, directory, "deep", 0, READ_WRITE, NULL), WASI_ERRNO_ROFS);
    const uint64_t asked = READ_ONLY | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE |
                           WASI_RIGHT_FD_DATASYNC;
    assert_int_equal(guest_open(fixture, directory, "deep", 0, asked, &fd), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 0), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_allocate(fixture->host, fd, 0, 10), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_write(fixture, fd, "x"), WASI_ERRNO_NOTCAPABLE);
    host_check_content(fixture, "ro/sub/deep", "deep");
}

static void a_read_only_preopen_answers_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(guest_open(fixture, RO, "missing", 0, READ_WRITE, NULL), WASI_ERRNO_NOENT);
    assert_int_equal(guest_open(fixture, RO, "sub", 0, READ_WRITE, NULL), WASI_ERRNO_ISDIR);
    assert_int_equal(guest_open(fixture, RO, "file", EXCLUSIVE, READ_WRITE, NULL),
                     WASI_ERRNO_EXIST);
    assert_int_equal(guest_open(fixture, RO, "../outside/new", CREATE, READ_WRITE, NULL),
                     WASI_ERRNO_NOTCAPABLE);
}

static void names_do_not_move_between_preopens_of_different_rights(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(guest_link(fixture, RO, "file", RW, "stolen"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_link(fixture, RW, "file", RO, "planted"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_rename(fixture, RO, "file", RW, "stolen"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_rename(fixture, RW, "file", RO, "planted"), WASI_ERRNO_ROFS);
    assert_false(host_exists(fixture, "rw/stolen"));
    assert_false(host_exists(fixture, "ro/planted"));
    /* And not to a descriptor that passes on more than the one it came from. */
    uint32_t weak;
    assert_int_equal(guest_open_directory(fixture, RW, ".", &weak), 0);
    assert_int_equal(preview1_fd_fdstat_get(fixture->host, weak, RESULT_AT), 0);
    uint64_t rights = load_u64(memory_at(fixture, RESULT_AT + 8));
    uint64_t inheriting = load_u64(memory_at(fixture, RESULT_AT + 16));
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, weak, rights,
                                                   inheriting & ~WASI_RIGHT_FD_WRITE),
                     0);
    assert_int_equal(guest_link(fixture, weak, "file", RW, "stronger"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_rename(fixture, weak, "file", RW, "stronger"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_link(fixture, RW, "file", weak, "weaker"), 0);
    assert_int_equal(guest_rename(fixture, RW, "file", weak, "weakest"), 0);
}

static void names_move_between_writable_folders(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    host_mkdir(fixture, "other");
    int folder = openat(fixture->folder_fd, "other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, folder, "/other", true, &error), 0);
    assert_int_equal(guest_rename(fixture, RW, "file", NEXT_FD, "moved"), 0);
    assert_int_equal(guest_link(fixture, NEXT_FD, "moved", RW, "linked"), 0);
    host_check_content(fixture, "other/moved", "0123456789");
    host_check_content(fixture, "rw/linked", "0123456789");
    assert_int_equal(guest_rename(fixture, RW, "sub", NEXT_FD, "sub2/"), 0);
    host_check_content(fixture, "other/sub2/deep", "deep");
}

static void only_files_and_folders_are_opened(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkfifoat(fixture->folder_fd, "rw/fifo", 0666), 0);
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/rw/socket", fixture->folder);
    assert_int_equal(bind(socket_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    bool have_device = mknodat(fixture->folder_fd, "rw/null", S_IFCHR | 0666, makedev(1, 3)) == 0;
    host_symlink(fixture, "fifo", "rw/to-fifo");
    static const char *const names[] = {"fifo", "socket", "to-fifo", "null"};
    static const uint64_t rights[] = {0, READ_ONLY, READ_WRITE, WASI_RIGHT_FD_WRITE};
    int descriptors = open_descriptor_count();
    for (size_t n = 0; n < (have_device ? 4 : 3); n++) {
        for (size_t r = 0; r < 4; r++) {
            assert_int_equal(guest_open_follow(fixture, RW, names[n], 0, rights[r], NULL),
                             WASI_ERRNO_ACCES);
            assert_int_equal(
                guest_open_follow(fixture, RW, names[n], CREATE | TRUNCATE, rights[r], NULL),
                WASI_ERRNO_ACCES);
        }
        assert_int_equal(guest_open_follow(fixture, RW, names[n], DIRECTORY, 0, NULL),
                         WASI_ERRNO_NOTDIR);
        /* Asking about them and removing them is allowed. */
        assert_int_equal(guest_stat(fixture, RW, names[n], true), 0);
    }
    assert_int_equal(open_descriptor_count(), descriptors);
    assert_int_equal(guest_stat(fixture, RW, "fifo", false), 0);
    assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_UNKNOWN);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "fifo"), 0);
    (void)close(socket_fd);
}

static void procfs_is_not_opened(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(wasi_host_add_preopen(fixture->host, root, "/", false, &error), 0);
    char path[64];
    (void)snprintf(path, sizeof(path), "proc/%d/mem", (int)getpid());
    assert_int_equal(guest_open_follow(fixture, NEXT_FD, path, 0, READ_ONLY, NULL),
                     WASI_ERRNO_ACCES);
    assert_int_equal(guest_open_follow(fixture, NEXT_FD, "proc/self/environ", 0, READ_ONLY, NULL),
                     WASI_ERRNO_ACCES);
    assert_int_equal(guest_open_follow(fixture, NEXT_FD, "proc", DIRECTORY, READ_ONLY, NULL),
                     WASI_ERRNO_ACCES);
    assert_int_equal(guest_open_follow(fixture, NEXT_FD, "proc/self/exe", 0, READ_ONLY, NULL),
                     WASI_ERRNO_LOOP);
    assert_int_equal(guest_readlink(fixture, NEXT_FD, "proc/self/exe"), WASI_ERRNO_ACCES);
    assert_int_equal(guest_stat(fixture, NEXT_FD, "proc/self/cwd/x", false), WASI_ERRNO_LOOP);
    /* The rest of the root is there. */
    assert_int_equal(guest_open_follow(fixture, NEXT_FD, "etc", DIRECTORY, READ_ONLY, NULL), 0);
}

static void weird_names_are_only_names(void **state)
{
    static const char *const names[] = {
        "a b", "new\nline", "\xff\xfe", "\xe2\x80\xaertl",  "...", "..x", " ", "-rf", "a\\b",
        "con", "*",         "\x01",     "\xf0\x9f\x90\x8d",
    };
    struct fixture *fixture = *state;
    uint32_t fd;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(guest_open(fixture, RW, names[i], EXCLUSIVE, READ_WRITE, &fd), 0);
        assert_int_equal(guest_write(fixture, fd, names[i]), 0);
        assert_int_equal(guest_stat(fixture, RW, names[i], false), 0);
        assert_int_equal(guest_rename(fixture, RW, names[i], RW, "other"), 0);
        assert_int_equal(guest_rename(fixture, RW, "other", RW, names[i]), 0);
        assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, names[i]), 0);
    }
    /* A NUL would cut the name. */
    memcpy(memory_at(fixture, PATH_AT), "file\0", 5);
    assert_int_equal(preview1_path_open(fixture->host, RW, 0, PATH_AT, 5, 0, 0, 0, 0, RESULT_AT),
                     WASI_ERRNO_INVAL);
    memcpy(memory_at(fixture, PATH_AT), "\0file", 5);
    assert_int_equal(preview1_path_create_directory(fixture->host, RW, PATH_AT, 5),
                     WASI_ERRNO_INVAL);
    memcpy(memory_at(fixture, PATH_AT), "fi\0le", 5);
    assert_int_equal(preview1_path_unlink_file(fixture->host, RW, PATH_AT, 5), WASI_ERRNO_INVAL);
    assert_int_equal(preview1_path_symlink(fixture->host, PATH_AT, 5, RW, PATH_AT, 2),
                     WASI_ERRNO_INVAL);
    assert_true(host_exists(fixture, "rw/file"));
}

static void folders_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, "a"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, "a/b/"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, "a"),
                     WASI_ERRNO_EXIST);
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, "x/y"),
                     WASI_ERRNO_NOENT);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "a"),
                     WASI_ERRNO_NOTEMPTY);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "file"),
                     WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "file/"),
                     WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "a/b"),
                     WASI_ERRNO_ISDIR);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "a/b/"),
                     WASI_ERRNO_ISDIR);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "a/b//"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "a"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "file/"),
                     WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "missing/"),
                     WASI_ERRNO_NOENT);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "file"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "file"),
                     WASI_ERRNO_NOENT);
}

static void dots_are_not_names(void **state)
{
    static const char *const names[] = {".", "./", "sub/.", "sub/..", "sub/../", "sub/./"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, RW, names[i]),
                         WASI_ERRNO_EXIST);
        assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, names[i]),
                         WASI_ERRNO_INVAL);
        assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, names[i]),
                         WASI_ERRNO_ISDIR);
        assert_int_equal(guest_symlink(fixture, "x", RW, names[i]), WASI_ERRNO_EXIST);
        assert_int_equal(guest_rename(fixture, RW, names[i], RW, "x"), WASI_ERRNO_BUSY);
        assert_int_equal(guest_rename(fixture, RW, "file", RW, names[i]), WASI_ERRNO_BUSY);
        assert_int_equal(guest_link(fixture, RW, "file", RW, names[i]), WASI_ERRNO_EXIST);
        assert_int_equal(guest_link(fixture, RW, names[i], RW, "x"), WASI_ERRNO_PERM);
        assert_int_equal(guest_stat(fixture, RW, names[i], false), 0);
        assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_DIRECTORY);
    }
}

static void renaming_follows_the_rules_of_rename(void **state)
{
    struct fixture *fixture = *state;
    host_mkdir(fixture, "rw/empty");
    assert_int_equal(guest_rename(fixture, RW, "sub/", RW, "moved"), 0);
    assert_int_equal(guest_rename(fixture, RW, "moved", RW, "sub/"), 0);
    assert_int_equal(guest_rename(fixture, RW, "sub/", RW, "empty/"), 0);
    host_check_content(fixture, "rw/empty/deep", "deep");
    assert_int_equal(guest_rename(fixture, RW, "file/", RW, "x"), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_rename(fixture, RW, "file", RW, "x/"), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_rename(fixture, RW, "file", RW, "empty"), WASI_ERRNO_ISDIR);
    assert_int_equal(guest_rename(fixture, RW, "empty", RW, "file"), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_rename(fixture, RW, "empty", RW, "empty/x"), WASI_ERRNO_INVAL);
    assert_int_equal(guest_rename(fixture, RW, "missing", RW, "x"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_rename(fixture, RW, "missing/", RW, "x/"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_rename(fixture, RW, "file", RW, "file"), 0);
    assert_int_equal(guest_rename(fixture, RW, "empty/deep", RW, "file"), 0);
    host_check_content(fixture, "rw/file", "deep");
}

static void linking_follows_the_rules_of_link(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "missing", "rw/dangling");
    assert_int_equal(guest_link(fixture, RW, "file", RW, "sub/hard"), 0);
    host_check_content(fixture, "rw/sub/hard", "0123456789");
    assert_int_equal(guest_link(fixture, RW, "file", RW, "file"), WASI_ERRNO_EXIST);
    assert_int_equal(guest_link(fixture, RW, "file", RW, "dangling"), WASI_ERRNO_EXIST);
    assert_int_equal(guest_link(fixture, RW, "file", RW, "x/"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_link(fixture, RW, "file", RW, "sub/"), WASI_ERRNO_EXIST);
    assert_int_equal(guest_link(fixture, RW, "file/", RW, "x"), WASI_ERRNO_NOTDIR);
    assert_int_equal(guest_link(fixture, RW, "sub", RW, "x"), WASI_ERRNO_PERM);
    assert_int_equal(guest_link(fixture, RW, "sub/", RW, "x"), WASI_ERRNO_PERM);
    assert_int_equal(guest_link(fixture, RW, "missing", RW, "x"), WASI_ERRNO_NOENT);
    /* A link to a link is one to the link itself. */
    assert_int_equal(guest_link(fixture, RW, "dangling", RW, "copy"), 0);
    assert_int_equal(guest_stat(fixture, RW, "copy", false), 0);
    assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_SYMBOLIC_LINK);
}

static void links_are_made_read_and_followed(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t fd;
    assert_int_equal(guest_symlink(fixture, "sub/deep", RW, "link"), 0);
    assert_int_equal(guest_readlink(fixture, RW, "link"), 0);
    assert_int_equal(result_u32(fixture), 8);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "sub/deep", 8);
    assert_int_equal(guest_open(fixture, RW, "link", 0, READ_ONLY, NULL), WASI_ERRNO_LOOP);
    assert_int_equal(guest_open_follow(fixture, RW, "link", 0, READ_ONLY, &fd), 0);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "deep");
    assert_int_equal(guest_stat(fixture, RW, "link", false), 0);
    assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_SYMBOLIC_LINK);
    assert_int_equal(guest_stat(fixture, RW, "link", true), 0);
    assert_int_equal(memory_at(fixture, RESULT_AT)[16], WASI_FILETYPE_REGULAR_FILE);
    /* Cut to the buffer; nothing behind it is touched. */
    memset(memory_at(fixture, BUFFER_AT), 0xAA, 16);
    uint32_t size = put_text(fixture, PATH_AT, "link");
    assert_int_equal(
        preview1_path_readlink(fixture->host, RW, PATH_AT, size, BUFFER_AT, 3, RESULT_AT), 0);
    assert_int_equal(result_u32(fixture), 3);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "sub\xAA\xAA", 5);
    assert_int_equal(guest_readlink(fixture, RW, "file"), WASI_ERRNO_INVAL);
    assert_int_equal(guest_readlink(fixture, RW, "missing"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_symlink(fixture, "x", RW, "link"), WASI_ERRNO_EXIST);
    assert_int_equal(guest_symlink(fixture, "x", RW, "new/"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_symlink(fixture, "x", RW, "sub/"), WASI_ERRNO_EXIST);
    assert_int_equal(guest_symlink(fixture, "", RW, "new"), WASI_ERRNO_NOENT);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, RW, "link"), 0);
    host_check_content(fixture, "rw/sub/deep", "deep");
}

static void times_are_set_on_what_is_named(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "file", "rw/link");
    struct stat file;
    struct stat link;
    uint32_t size = put_text(fixture, PATH_AT, "link");
    assert_int_equal(preview1_path_filestat_set_times(fixture->host, RW, 0, PATH_AT, size, 0,
                                                      5000000000, WASI_FSTFLAGS_MTIM),
                     0);
    assert_int_equal(fstatat(fixture->folder_fd, "rw/file", &file, 0), 0);
    assert_int_equal(fstatat(fixture->folder_fd, "rw/link", &link, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(link.st_mtim.tv_sec, 5);
    assert_int_not_equal(file.st_mtim.tv_sec, 5);
    assert_int_equal(preview1_path_filestat_set_times(fixture->host, RW,
                                                      WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, PATH_AT,
                                                      size, 0, 7000000000, WASI_FSTFLAGS_MTIM),
                     0);
    assert_int_equal(fstatat(fixture->folder_fd, "rw/file", &file, 0), 0);
    assert_int_equal(file.st_mtim.tv_sec, 7);
    assert_int_equal(preview1_path_filestat_set_times(fixture->host, RW, 0, PATH_AT, size, 0, 0,
                                                      WASI_FSTFLAGS_MTIM | WASI_FSTFLAGS_MTIM_NOW),
                     WASI_ERRNO_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(files_are_opened),
        WASI_TEST(what_cannot_be_opened_says_why),
        WASI_TEST(files_are_created_and_truncated),
        WASI_TEST(a_file_descriptor_is_not_a_place_for_paths),
        WASI_TEST(a_read_only_preopen_stays_as_it_is),
        WASI_TEST(beneath_a_read_only_preopen_nothing_is_writable),
        WASI_TEST(a_read_only_preopen_answers_what_is_there),
        WASI_TEST(names_do_not_move_between_preopens_of_different_rights),
        WASI_TEST(names_move_between_writable_folders),
        WASI_TEST(only_files_and_folders_are_opened),
        WASI_TEST(procfs_is_not_opened),
        WASI_TEST(weird_names_are_only_names),
        WASI_TEST(folders_come_and_go),
        WASI_TEST(dots_are_not_names),
        WASI_TEST(renaming_follows_the_rules_of_rename),
        WASI_TEST(linking_follows_the_rules_of_link),
        WASI_TEST(links_are_made_read_and_followed),
        WASI_TEST(times_are_set_on_what_is_named),
    };
    return cmocka_run_group_tests_name("wasi_paths", tests, NULL, NULL);
}
