/* src/engine/file_digest.c */
#include "engine/file_digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-4 */
#define FORGED "0000000000000000000000000000000000000000000000000000000000000000"

static char folder[] = "/tmp/shannon-test-XXXXXX";

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void expect(const char *path, const char *expected)
{
    char digest[FILE_DIGEST_SIZE];
    struct error error = ERROR_NONE;
    if (file_digest(path, "memos", digest, &error) != 0)
        fail_msg("%s: %s", path, error.message);
    assert_string_equal(digest, expected);
}

/* Until the file's last change is long enough ago for its digest to be remembered. */
static void let_settle(const char *path)
{
    struct stat status;
    struct timespec now;
    assert_int_equal(stat(path, &status), 0);
    do {
        (void)poll(NULL, 0, 20);
        clock_gettime(CLOCK_REALTIME, &now);
    } while (status.st_ctim.tv_sec + 1 >= now.tv_sec);
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 && mkdir("memos", 0700) == 0 ? 0 : -1;
}

static size_t forget_memos(void)
{
    size_t count = 0;
    DIR *memos = opendir("memos");
    assert_non_null(memos);
    const struct dirent *entry;
    while ((entry = readdir(memos)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(unlinkat(dirfd(memos), entry->d_name, 0), 0);
        count++;
    }
    (void)closedir(memos);
    return count;
}

static int leave_folder(void **state)
{
    (void)state;
    (void)forget_memos();
    (void)unlink("file");
    (void)unlink("other");
    return rmdir("memos") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void digests_are_those_of_the_standard(void **state)
{
    (void)state;
    write_file("file", "");
    expect("file", EMPTY);
    write_file("file", "abc");
    expect("file", ABC);
}

static void a_file_that_just_changed_is_not_remembered(void **state)
{
    (void)state;
    (void)forget_memos();
    write_file("file", "abc");
    expect("file", ABC);
    assert_int_equal(forget_memos(), 0);
}

/* Puts a false digest into the only memo: it is used as long as the memo fits the file. */
static void forge_memo(void)
{
    char path[300];
    char text[256];
    DIR *memos = opendir("memos");
    assert_non_null(memos);
    const struct dirent *entry;
    do {
        entry = readdir(memos);
        assert_non_null(entry);
    } while (entry->d_name[0] == '.');
    (void)snprintf(path, sizeof(path), "memos/%s", entry->d_name);
    (void)closedir(memos);
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, text, sizeof(text) - 1);
    assert_true(size > FILE_DIGEST_SIZE);
    memcpy(text, FORGED, FILE_DIGEST_SIZE - 1);
    assert_int_equal(pwrite(fd, text, (size_t)size, 0), size);
    (void)close(fd);
}

static void memo_is_used_until_the_file_changes(void **state)
{
    struct stat before;
    (void)state;
    write_file("file", "abc");
    let_settle("file");
    (void)forget_memos();
    expect("file", ABC);
    forge_memo();
    expect("file", FORGED); /* it was not read again */

    /* The same size, the same modification time: the change time tells. */
    assert_int_equal(stat("file", &before), 0);
    write_file("file", "abd");
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, "file", times, 0), 0);
    expect("file", "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9");
}

static void another_file_in_its_place_is_another_file(void **state)
{
    (void)state;
    write_file("file", "abc");
    write_file("other", "");
    let_settle("other");
    expect("file", ABC);
    expect("other", EMPTY);
    assert_int_equal(rename("other", "file"), 0);
    expect("file", EMPTY);
}

static void damaged_memos_are_not_believed(void **state)
{
    static const char *const contents[] = {"", "x", ABC, ABC " ", ABC " 3 1.2 3.4", "\n\n\n"};
    char path[300];
    struct stat status;
    (void)state;
    write_file("file", "abc");
    let_settle("file");
    assert_int_equal(stat("file", &status), 0);
    (void)snprintf(path, sizeof(path), "memos/%lx-%lx", (unsigned long)status.st_dev,
                   (unsigned long)status.st_ino);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        (void)unlink(path);
        write_file(path, contents[i]);
        expect("file", ABC);
    }
    (void)unlink(path);
    assert_int_equal(symlink("../other", path), 0);
    expect("file", ABC);
    (void)unlink(path);
}

static void no_place_for_memos_is_no_error(void **state)
{
    char digest[FILE_DIGEST_SIZE];
    struct error error = ERROR_NONE;
    (void)state;
    write_file("file", "abc");
    let_settle("file");
    assert_int_equal(file_digest("file", "/nonexistent/folder", digest, &error), 0);
    assert_string_equal(digest, ABC);
    assert_int_equal(file_digest("file", "/dev/null", digest, &error), 0);
    assert_string_equal(digest, ABC);
}

static void what_is_no_file_is_an_error(void **state)
{
    static const char *const paths[] = {"missing", "memos", "/dev/null", "pipe", "file/below"};
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char digest[FILE_DIGEST_SIZE];
        struct error error = ERROR_NONE;
        assert_int_equal(file_digest(paths[i], "memos", digest, &error), -1);
        assert_int_equal(error.kind, ERROR_INTERNAL);
        assert_non_null(strstr(error.message, paths[i]));
    }
    (void)unlink("pipe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(a_file_that_just_changed_is_not_remembered),
        cmocka_unit_test(memo_is_used_until_the_file_changes),
        cmocka_unit_test(another_file_in_its_place_is_another_file),
        cmocka_unit_test(damaged_memos_are_not_believed),
        cmocka_unit_test(no_place_for_memos_is_no_error),
        cmocka_unit_test(what_is_no_file_is_an_error),
    };
    return cmocka_run_group_tests_name("file_digest", tests, enter_folder, leave_folder);
}
