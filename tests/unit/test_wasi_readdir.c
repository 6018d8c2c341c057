/* src/wasi/fd_readdir.c: listing folders. */
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 700 /* files, more than fit in one block of the host */

struct entry {
    uint64_t next;
    uint64_t serial;
    uint32_t length;
    uint8_t type;
    char name[256];
};

static uint32_t list(struct fixture *fixture, uint32_t fd, uint32_t size, uint64_t cookie,
                     uint32_t *used)
{
    store_u32(memory_at(fixture, RESULT_AT), UINT32_MAX);
    uint32_t failure = preview1_fd_readdir(fixture->host, fd, BUFFER_AT, size, cookie, RESULT_AT);
    *used = result_u32(fixture);
    return failure;
}

/* Takes the whole entry at `offset` of the buffer; false when it was cut. */
static bool take(const struct fixture *fixture, uint32_t used, uint32_t *offset,
                 struct entry *entry)
{
    const uint8_t *from = memory_at(fixture, BUFFER_AT) + *offset;
    if (used - *offset < WASI_DIRENT_SIZE)
        return false;
    *entry = (struct entry){.next = load_u64(from),
                            .serial = load_u64(from + 8),
                            .length = load_u32(from + 16),
                            .type = from[20]};
    assert_int_equal(from[21] | from[22] | from[23], 0);
    if (used - *offset - WASI_DIRENT_SIZE < entry->length)
        return false;
    assert_true(entry->length < sizeof(entry->name));
    memcpy(entry->name, from + WASI_DIRENT_SIZE, entry->length);
    *offset += WASI_DIRENT_SIZE + entry->length;
    return true;
}

/* Lists the folder as a libc does, with a buffer of `size`, and counts how often each of the files
 * "f0", "f1", ... came. Returns the number of all entries. */
static int list_all(struct fixture *fixture, uint32_t fd, uint32_t size, int *seen)
{
    uint64_t cookie = 0;
    int entries = 0;
    memset(seen, 0, MANY * sizeof(*seen));
    for (;;) {
        uint32_t used;
        uint32_t offset = 0;
        struct entry entry;
        assert_int_equal(list(fixture, fd, size, cookie, &used), WASI_ERRNO_SUCCESS);
        assert_true(used <= size);
        int whole = 0;
        while (take(fixture, used, &offset, &entry)) {
            assert_int_equal(entry.next, cookie + 1);
            cookie = entry.next;
            whole++;
            if (entry.name[0] == 'f')
                seen[atoi(entry.name + 1)]++;
        }
        entries += whole;
        if (used < size)
            return entries;
        assert_true(whole > 0);
    }
}

static void make_many(struct fixture *fixture)
{
    host_mkdir(fixture, "rw/many");
    for (int i = 0; i < MANY; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "rw/many/f%d", i);
        host_write(fixture, path, "");
    }
}

static void every_entry_comes_once_whatever_the_buffer(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t sizes[] = {28, 29, 30, 56, 57, 100, 255, 256, 1000, 4096, BUFFER_SIZE};
    int seen[MANY];
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, RW, "many", &fd), 0);
    int descriptors = open_descriptor_count();
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        assert_int_equal(list_all(fixture, fd, sizes[s], seen), MANY + 2);
        for (int i = 0; i < MANY; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_int_equal(open_descriptor_count(), descriptors + 1);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    assert_int_equal(open_descriptor_count(), descriptors - 1);
}

static void entries_say_what_they_are(void **state)
{
    struct fixture *fixture = *state;
    host_symlink(fixture, "file", "rw/link");
    assert_int_equal(mkfifoat(fixture->folder_fd, "rw/fifo", 0600), 0);
    uint32_t used;
    uint32_t offset = 0;
    struct entry entry;
    int found = 0;
    memset(memory_at(fixture, BUFFER_AT), 0xAA, 1024);
    assert_int_equal(list(fixture, RW, 1024, 0, &used), 0);
    while (take(fixture, used, &offset, &entry)) {
        struct stat status;
        char path[300];
        (void)snprintf(path, sizeof(path), "rw/%s", entry.name);
        assert_int_equal(fstatat(fixture->folder_fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);
        uint8_t type = S_ISDIR(status.st_mode)   ? WASI_FILETYPE_DIRECTORY
                       : S_ISREG(status.st_mode) ? WASI_FILETYPE_REGULAR_FILE
                       : S_ISLNK(status.st_mode) ? WASI_FILETYPE_SYMBOLIC_LINK
                                                 : WASI_FILETYPE_UNKNOWN;
        assert_int_equal(entry.type, type);
        assert_int_equal(entry.serial, strcmp(entry.name, "..") == 0 ? 0 : status.st_ino);
        found++;
    }
    assert_int_equal(found, 6);
    assert_int_equal(offset, used);
    assert_int_equal(memory_at(fixture, BUFFER_AT)[used], 0xAA);
}

static void small_buffers_are_filled_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t size = 0; size <= 60; size++) {
        uint32_t used;
        memset(memory_at(fixture, BUFFER_AT), 0xAA, 128);
        assert_int_equal(list(fixture, RW, size, 0, &used), 0);
        assert_int_equal(used, size);
        assert_int_equal(memory_at(fixture, BUFFER_AT)[size], 0xAA);
        /* The padding of a record that was cut is zero too. */
        for (uint32_t i = 21; i < 24 && i < size; i++)
            assert_int_equal(memory_at(fixture, BUFFER_AT)[i], 0);
    }
}

static void a_buffer_at_the_end_of_memory_is_filled(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t sizes[] = {0, 1, 23, 24, 25, 26};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t at = MEMORY_SIZE - sizes[i];
        assert_int_equal(preview1_fd_readdir(fixture->host, RW, at, sizes[i], 0, RESULT_AT), 0);
        assert_int_equal(result_u32(fixture), sizes[i]);
        assert_int_equal(preview1_fd_readdir(fixture->host, RW, at, sizes[i] + 1, 0, RESULT_AT),
                         WASI_ERRNO_FAULT);
    }
}

static void absurd_cookies_are_the_end(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t cookies[] = {5,         6, 1000, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63,
                                UINT64_MAX};
    uint32_t used;
    int descriptors = open_descriptor_count();
    for (size_t i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
        assert_int_equal(list(fixture, RW, 1000, cookies[i], &used), 0);
        assert_int_equal(used, 0);
        assert_int_equal(list(fixture, RW, 1000, 3, &used), 0);
        assert_int_not_equal(used, 0);
    }
    assert_int_equal(open_descriptor_count(), descriptors + 1);
}

static void any_cookie_can_be_gone_back_to(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, RW, "many", &fd), 0);
    static char names[MANY + 2][256];
    for (uint64_t cookie = 0; cookie < MANY + 2; cookie++) {
        uint32_t used;
        uint32_t offset = 0;
        struct entry entry;
        assert_int_equal(list(fixture, fd, 300, cookie, &used), 0);
        assert_true(take(fixture, used, &offset, &entry));
        memcpy(names[cookie], entry.name, sizeof(entry.name));
    }
    uint64_t cookie = 1;
    for (int i = 0; i < 2000; i++) {
        uint32_t used;
        uint32_t offset = 0;
        struct entry entry;
        cookie = (cookie * 7919 + 13) % (MANY + 2);
        assert_int_equal(list(fixture, fd, 300, cookie, &used), 0);
        assert_true(take(fixture, used, &offset, &entry));
        assert_string_equal(entry.name, names[cookie]);
    }
}

/* As rmtree does: each entry is removed while the listing goes on. */
static void removing_while_listing_skips_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    make_many(fixture);
    assert_int_equal(guest_open_directory(fixture, RW, "many", &fd), 0);
    uint64_t cookie = 0;
    int removed = 0;
    uint32_t used;
    do {
        uint32_t offset = 0;
        struct entry entry;
        assert_int_equal(list(fixture, fd, 333, cookie, &used), 0);
        while (take(fixture, used, &offset, &entry)) {
            cookie = entry.next;
            if (entry.name[0] != 'f')
                continue;
            assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, fd, entry.name),
                             0);
            removed++;
        }
    } while (used == 333);
    assert_int_equal(removed, MANY);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "many"), 0);
}

static void cookie_zero_lists_anew(void **state)
{
    struct fixture *fixture = *state;
    uint32_t used;
    uint32_t again;
    assert_int_equal(list(fixture, RW, 4096, 0, &used), 0);
    host_write(fixture, "rw/late", "");
    assert_int_equal(list(fixture, RW, 4096, 0, &again), 0);
    assert_int_equal(again, used + WASI_DIRENT_SIZE + 4);
    /* Also while a listing is at its beginning. */
    assert_int_equal(list(fixture, RW, 30, 0, &used), 0);
    host_write(fixture, "rw/later", "");
    assert_int_equal(list(fixture, RW, 4096, 0, &used), 0);
    assert_int_equal(used, again + WASI_DIRENT_SIZE + 5);
}

static void a_hundred_thousand_listings_leak_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint32_t used;
    assert_int_equal(list(fixture, RO, 1000, 0, &used), 0);
    int descriptors = open_descriptor_count();
    for (uint64_t i = 0; i < 100000; i++)
        assert_int_equal(list(fixture, RO, (uint32_t)(i % 200), i % 7, &used), 0);
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void a_removed_folder_is_empty(void **state)
{
    struct fixture *fixture = *state;
    uint32_t fd;
    uint32_t used;
    host_mkdir(fixture, "rw/gone");
    assert_int_equal(guest_open_directory(fixture, RW, "gone", &fd), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, RW, "gone"), 0);
    uint32_t answer = list(fixture, fd, 1000, 0, &used);
    assert_true(answer == WASI_ERRNO_NOENT || (answer == WASI_ERRNO_SUCCESS && used == 0));
}

/* Two processes forked from one share the descriptions that were open before: a listing must not
 * be among them. */
static void forks_do_not_move_each_others_position(void **state)
{
    struct fixture *fixture = *state;
    int seen[MANY];
    make_many(fixture);
    uint32_t fd;
    assert_int_equal(guest_open_directory(fixture, RW, "many", &fd), 0);
    pid_t children[4];
    for (int c = 0; c < 4; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c] == 0) {
            for (int i = 0; i < 20; i++) {
                if (list_all(fixture, fd, 200, seen) != MANY + 2)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int c = 0; c < 4; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(every_entry_comes_once_whatever_the_buffer),
        WASI_TEST(entries_say_what_they_are),
        WASI_TEST(small_buffers_are_filled_and_no_more),
        WASI_TEST(a_buffer_at_the_end_of_memory_is_filled),
        WASI_TEST(absurd_cookies_are_the_end),
        WASI_TEST(any_cookie_can_be_gone_back_to),
        WASI_TEST(removing_while_listing_skips_nothing),
        WASI_TEST(cookie_zero_lists_anew),
        WASI_TEST(a_hundred_thousand_listings_leak_nothing),
        WASI_TEST(a_removed_folder_is_empty),
        WASI_TEST(forks_do_not_move_each_others_position),
    };
    return cmocka_run_group_tests_name("wasi_readdir", tests, NULL, NULL);
}
