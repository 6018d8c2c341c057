/* src/wasi/host_save.c, src/wasi/host_restore.c: a host that is saved and made again. */
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREATE WASI_OFLAGS_CREAT

static void save(struct fixture *fixture, struct buffer *state)
{
    struct error error = ERROR_NONE;
    if (wasi_host_save(fixture->host, state, &error) != 0)
        fail_msg("%s", error.message);
}

/* Ends the fixture's host and begins a fresh one, which nothing is restored in yet. */
static void begin_anew(struct fixture *fixture)
{
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
}

static int restore(struct fixture *fixture, const struct buffer *state, struct error *error)
{
    *error = ERROR_NONE;
    begin_anew(fixture);
    return wasi_host_restore(fixture->host, state->data, state->size, error);
}

/* Saves the host and goes on in another. */
static void move(struct fixture *fixture)
{
    BUFFER_LOCAL struct buffer state = BUFFER_EMPTY;
    struct error error;
    save(fixture, &state);
    if (restore(fixture, &state, &error) != 0)
        fail_msg("%s", error.message);
}

/* The same, when every descriptor can be had again: then another saving gives the same bytes. */
static void move_all(struct fixture *fixture)
{
    BUFFER_LOCAL struct buffer state = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer again = BUFFER_EMPTY;
    struct error error;
    uint64_t charged = fixture->memory.charged;
    save(fixture, &state);
    if (restore(fixture, &state, &error) != 0)
        fail_msg("%s", error.message);
    save(fixture, &again);
    assert_int_equal(again.size, state.size);
    assert_memory_equal(again.data, state.data, state.size);
    assert_int_equal(fixture->memory.charged, charged);
}

static uint32_t open_file(struct fixture *fixture, uint32_t directory, const char *path,
                          uint64_t rights, const char *text)
{
    uint32_t fd;
    assert_int_equal(guest_open(fixture, directory, path,
                                (rights & WASI_RIGHT_FD_WRITE) != 0 ? CREATE : 0, rights, &fd),
                     0);
    if (text != NULL)
        assert_int_equal(guest_write(fixture, fd, text), 0);
    return fd;
}

static void make_folder(struct fixture *fixture, uint32_t directory, const char *path)
{
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, directory, path), 0);
}

static void expect_content(struct fixture *fixture, uint32_t directory, const char *path,
                           const char *text)
{
    char content[256];
    uint32_t fd = open_file(fixture, directory, path, READ_ONLY, NULL);
    assert_int_equal(guest_read(fixture, fd, content, sizeof(content)), 0);
    assert_string_equal(content, text);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
}

static uint64_t stat_field(struct fixture *fixture, uint32_t fd, uint32_t offset)
{
    assert_int_equal(preview1_fd_filestat_get(fixture->host, fd, RESULT_AT), 0);
    return load_u64(memory_at(fixture, RESULT_AT + offset));
}

static uint64_t position(struct fixture *fixture, uint32_t fd)
{
    assert_int_equal(preview1_fd_tell(fixture->host, fd, RESULT_AT), 0);
    return result_u64(fixture);
}

static bool is_open(struct fixture *fixture, uint32_t fd)
{
    uint32_t answer = preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT);
    assert_true(answer == WASI_ERRNO_SUCCESS || answer == WASI_ERRNO_BADF);
    return answer == WASI_ERRNO_SUCCESS;
}

/* ---- scratch ---- */

static void a_host_that_did_nothing_comes_back(void **state)
{
    struct fixture *fixture = *state;
    move_all(fixture);
    for (uint32_t fd = 0; fd < SCRATCH_NEXT_FD; fd++)
        assert_true(is_open(fixture, fd));
    assert_false(is_open(fixture, SCRATCH_NEXT_FD));
    uint32_t fd = open_file(fixture, TMP, "x", READ_WRITE, "x");
    assert_int_equal(fd, SCRATCH_NEXT_FD);
}

static void files_and_folders_come_back(void **state)
{
    struct fixture *fixture = *state;
    uint8_t before[WASI_FILESTAT_SIZE];
    make_folder(fixture, WORKSPACE, "a");
    make_folder(fixture, WORKSPACE, "a/b");
    make_folder(fixture, TMP, "empty");
    uint32_t fd = open_file(fixture, WORKSPACE, "a/b/deep", READ_WRITE, "deep");
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    fd = open_file(fixture, TMP, "\xff\n", READ_WRITE, "weird");
    assert_int_equal(preview1_fd_filestat_set_times(fixture->host, fd, 5, 7,
                                                    WASI_FSTFLAGS_ATIM | WASI_FSTFLAGS_MTIM),
                     0);
    assert_int_equal(guest_stat(fixture, TMP, "\xff\n", false), 0);
    memcpy(before, memory_at(fixture, RESULT_AT), sizeof(before));
    assert_int_equal(guest_stat(fixture, WORKSPACE, "a", false), 0);
    uint64_t folder_modified = load_u64(memory_at(fixture, RESULT_AT + 48));
    move_all(fixture);
    move_all(fixture);
    expect_content(fixture, WORKSPACE, "a/b/deep", "deep");
    expect_content(fixture, TMP, "\xff\n", "weird");
    assert_int_equal(guest_stat(fixture, TMP, "\xff\n", false), 0);
    assert_memory_equal(before, memory_at(fixture, RESULT_AT), sizeof(before));
    assert_int_equal(guest_stat(fixture, WORKSPACE, "a", false), 0);
    assert_int_equal(load_u64(memory_at(fixture, RESULT_AT + 24)), 3);
    assert_true(load_u64(memory_at(fixture, RESULT_AT + 48)) == folder_modified);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, TMP, "empty"), 0);
    /* A new file has a number that none had before. */
    uint32_t other = open_file(fixture, TMP, "new", READ_WRITE, "");
    assert_true(stat_field(fixture, other, 8) > stat_field(fixture, fd, 8));
}

static void holes_come_back_as_holes(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    uint32_t fd = open_file(fixture, TMP, "file", READ_WRITE, "begin");
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 1000000, 0, RESULT_AT), 0);
    assert_int_equal(guest_write(fixture, fd, "middle"), 0);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, WASI_SCRATCH_FILE_MAX), 0);
    save(fixture, &saved);
    assert_true(saved.size < 3 * 4096);
    move_all(fixture);
    char text[16];
    assert_int_equal(stat_field(fixture, fd, 32), WASI_SCRATCH_FILE_MAX);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 1000000, 0, RESULT_AT), 0);
    assert_int_equal(guest_read(fixture, fd, text, 7), 0);
    assert_string_equal(text, "middle");
    expect_content(fixture, TMP, "file", "begin");
}

static void what_has_no_name_any_more_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t folder;
    uint32_t fd = open_file(fixture, WORKSPACE, "file", READ_WRITE, "0123456789");
    uint32_t other = open_file(fixture, WORKSPACE, "file", READ_ONLY, NULL);
    make_folder(fixture, WORKSPACE, "gone");
    assert_int_equal(guest_open_directory(fixture, WORKSPACE, "gone", &folder), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "file"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_remove_directory, WORKSPACE, "gone"),
                     0);
    uint64_t used = fixture->memory.charged;
    move_all(fixture);
    assert_int_equal(guest_stat(fixture, WORKSPACE, "file", false), WASI_ERRNO_NOENT);
    assert_int_equal(stat_field(fixture, fd, 8), stat_field(fixture, other, 8));
    assert_int_equal(stat_field(fixture, fd, 24), 0);
    /* Both are open on the same file. */
    assert_int_equal(guest_write(fixture, fd, "AB"), 0);
    assert_int_equal(guest_read(fixture, other, text, sizeof(text)), 0);
    assert_string_equal(text, "0123456789AB");
    assert_int_equal(guest_open(fixture, folder, "x", CREATE, READ_WRITE, NULL), WASI_ERRNO_NOENT);
    assert_int_equal(preview1_fd_close(fixture->host, fd), 0);
    assert_int_equal(fixture->memory.charged, used);
    assert_int_equal(preview1_fd_close(fixture->host, other), 0);
    assert_int_equal(preview1_fd_close(fixture->host, folder), 0);
    assert_true(fixture->memory.charged < used);
}

static void descriptors_keep_what_they_are(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    uint32_t fd = open_file(fixture, TMP, "file", READ_WRITE, "0123456789");
    uint32_t reader = open_file(fixture, TMP, "file", READ_ONLY, NULL);
    uint32_t folder;
    assert_int_equal(guest_open_directory(fixture, TMP, ".", &folder), 0);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, folder, WASI_RIGHT_PATH_OPEN,
                                                   WASI_RIGHT_FD_READ),
                     0);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, WASI_FDFLAGS_APPEND), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 3, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, reader, 40, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, reader, 0), 0);
    move_all(fixture);
    assert_int_equal(position(fixture, fd), 3);
    assert_int_equal(position(fixture, 0), 40);
    assert_false(is_open(fixture, reader));
    assert_int_equal(guest_write(fixture, fd, "X"), 0);
    expect_content(fixture, TMP, "file", "0123456789X");
    assert_int_equal(guest_write(fixture, 0, "X"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_open(fixture, folder, "file", 0, WASI_RIGHT_FD_READ, NULL), 0);
    assert_int_equal(guest_open(fixture, folder, "file", 0, READ_ONLY, NULL),
                     WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_stat(fixture, folder, "file", false), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(preview1_fd_seek(fixture->host, 0, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(guest_read(fixture, 0, text, 4), 0);
    assert_string_equal(text, "012");
}

static void a_listing_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char path[16];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(path, sizeof(path), "f%d", i);
        assert_int_equal(
            preview1_fd_close(fixture->host, open_file(fixture, TMP, path, READ_WRITE, "")), 0);
    }
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, TMP, "f3"), 0);
    assert_int_equal(
        preview1_fd_readdir(fixture->host, TMP, BUFFER_AT, 25 + 26 + 2 * 26, 0, RESULT_AT), 0);
    uint64_t cookie = load_u64(memory_at(fixture, BUFFER_AT + 25 + 26 + 26));
    move_all(fixture);
    (void)open_file(fixture, TMP, "late", READ_WRITE, "");
    assert_int_equal(preview1_fd_readdir(fixture->host, TMP, BUFFER_AT, 1000, cookie, RESULT_AT),
                     0);
    assert_int_equal(result_u32(fixture), 7 * 26);
    assert_memory_equal(memory_at(fixture, BUFFER_AT + 24), "f2", 2);
    assert_memory_equal(memory_at(fixture, BUFFER_AT + 26 + 24), "f4", 2);
}

static int note(void *argument, const char *path, size_t path_size, uint64_t size,
                const struct scratch_node *file)
{
    (void)size;
    (void)file;
    (void)strncat(argument, path, path_size);
    return 0;
}

static void what_had_changed_has_changed(void **state)
{
    struct fixture *fixture = *state;
    char changed[100] = "";
    (void)open_file(fixture, WORKSPACE, "old", READ_WRITE, "x");
    wasi_host_scratch_mark(fixture->host);
    (void)open_file(fixture, WORKSPACE, "new", READ_WRITE, "x");
    move_all(fixture);
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, note, changed), 0);
    assert_string_equal(changed, "new");
    wasi_host_scratch_mark(fixture->host);
    changed[0] = '\0';
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, note, changed), 0);
    assert_string_equal(changed, "");
}

static void a_full_scratch_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char path[16];
    uint32_t answer = 0;
    uint32_t fd = open_file(fixture, TMP, "large", READ_WRITE, "");
    put_vector(fixture, 0, 0, MEMORY_SIZE);
    assert_int_equal(
        preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, UINT64_C(1) << 31, RESULT_AT), 0);
    for (int i = 0; answer == 0; i++) {
        (void)snprintf(path, sizeof(path), "%d", i);
        fd = open_file(fixture, TMP, path, READ_WRITE, "");
        put_vector(fixture, 0, 0, 100000);
        answer = preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT);
        put_vector(fixture, 0, 0, 1);
        if (answer == 0)
            (void)preview1_fd_pwrite(fixture->host, fd, VECTORS_AT, 1, 5000000, RESULT_AT);
    }
    do
        answer = preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT);
    while (answer == 0);
    assert_int_equal(answer, WASI_ERRNO_NOSPC);
    move_all(fixture);
    assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT),
                     WASI_ERRNO_NOSPC);
}

static void limits_are_those_of_the_fresh_host(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    uint32_t fd = open_file(fixture, TMP, "file", READ_WRITE, "");
    put_vector(fixture, 0, 0, MEMORY_SIZE);
    assert_int_equal(preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT), 0);
    save(fixture, &saved);
    begin_anew(fixture);
    wasi_host_set_scratch_limit(fixture->host, MEMORY_SIZE);
    assert_int_equal(wasi_host_restore(fixture->host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    begin_anew(fixture);
    error = ERROR_NONE;
    linear_memory_set_limit(&fixture->memory, fixture->memory.size + MEMORY_SIZE);
    assert_int_equal(wasi_host_restore(fixture->host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    linear_memory_set_limit(&fixture->memory, MEMORY_LIMIT);
    /* Read-only scratch can be restored, and stays as it is. */
    begin_anew(fixture);
    wasi_host_set_scratch_limit(fixture->host, 0);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_restore(fixture->host, saved.data, saved.size, &error), 0);
    assert_int_equal(guest_write(fixture, fd, "x"), WASI_ERRNO_ROFS);
    assert_int_equal(guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL), 0);
}

static void a_full_table_comes_back(void **state)
{
    struct fixture *fixture = *state;
    (void)open_file(fixture, TMP, "file", READ_WRITE, "x");
    while (guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL) == 0)
        continue;
    move_all(fixture);
    assert_int_equal(guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL), WASI_ERRNO_NFILE);
    assert_int_equal(preview1_fd_close(fixture->host, 77), 0);
    assert_int_equal(guest_open(fixture, TMP, "file", 0, READ_ONLY, NULL), 0);
    assert_int_equal(result_u32(fixture), 77);
}

/* ---- grants ---- */

static void what_was_closed_stays_closed(void **state)
{
    struct fixture *fixture = *state;
    int descriptors = open_descriptor_count();
    const uint32_t closed[] = {0, 2, RW, TMP};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(preview1_fd_close(fixture->host, closed[i]), 0);
    move_all(fixture);
    move_all(fixture);
    for (size_t i = 0; i < 4; i++)
        assert_false(is_open(fixture, closed[i]));
    assert_true(is_open(fixture, 1));
    assert_true(is_open(fixture, RO));
    assert_true(is_open(fixture, WORKSPACE));
    assert_int_equal(open_descriptor_count(), descriptors - 1);
    uint32_t fd = open_file(fixture, WORKSPACE, "x", READ_WRITE, "");
    assert_int_equal(fd, 0);
}

static void what_was_moved_stays_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    uint32_t fd = open_file(fixture, WORKSPACE, "x", READ_WRITE, "scratch");
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 0, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, 0, 2), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, fd, 1), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, RO, RW), 0);
    assert_int_equal(preview1_fd_renumber(fixture->host, WORKSPACE, TMP), 0);
    move_all(fixture);
    move_all(fixture);
    assert_int_equal(write(fixture->to_stdin, "hello", 5), 5);
    assert_int_equal(guest_read(fixture, 2, text, sizeof(text)), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(guest_read(fixture, 1, text, sizeof(text)), 0);
    assert_string_equal(text, "scratch");
    assert_int_equal(preview1_fd_prestat_dir_name(fixture->host, RW, BUFFER_AT, 3), 0);
    assert_memory_equal(memory_at(fixture, BUFFER_AT), "/ro", 3);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, NULL), WASI_ERRNO_ROFS);
    expect_content(fixture, TMP, "x", "scratch");
    assert_false(is_open(fixture, WORKSPACE));
}

static void rights_that_were_given_up_stay_so(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        preview1_fd_fdstat_set_rights(fixture->host, RW, WASI_RIGHT_PATH_OPEN, WASI_RIGHT_FD_READ),
        0);
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, 1, 0, 0), 0);
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, 0, WASI_FDFLAGS_NONBLOCK), 0);
    move_all(fixture);
    char text[16];
    assert_int_equal(guest_open(fixture, RW, "file", 0, WASI_RIGHT_FD_READ, NULL), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_ONLY, NULL), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_write(fixture, 1, "x"), WASI_ERRNO_NOTCAPABLE);
    assert_int_equal(guest_read(fixture, 0, text, sizeof(text)), WASI_ERRNO_AGAIN);
}

/* ---- files of the host ---- */

static void host_files_are_opened_again(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t folder;
    int descriptors = open_descriptor_count();
    uint32_t fd = open_file(fixture, RW, "new", READ_WRITE, "0123456789");
    uint32_t reader = open_file(fixture, RO, "./file", READ_ONLY, NULL);
    assert_int_equal(guest_open_directory(fixture, RW, "sub", &folder), 0);
    uint32_t deep = open_file(fixture, folder, "deep", READ_ONLY, NULL);
    assert_int_equal(preview1_fd_seek(fixture->host, fd, 2, WASI_WHENCE_SET, RESULT_AT), 0);
    assert_int_equal(preview1_fd_seek(fixture->host, reader, 7, WASI_WHENCE_SET, RESULT_AT), 0);
    move_all(fixture);
    assert_int_equal(open_descriptor_count(), descriptors + 4);
    assert_int_equal(position(fixture, fd), 2);
    assert_int_equal(guest_write(fixture, fd, "AB"), 0);
    host_check_content(fixture, "rw/new", "01AB456789");
    assert_int_equal(preview1_fd_fdstat_set_flags(fixture->host, fd, WASI_FDFLAGS_APPEND), 0);
    assert_int_equal(guest_read(fixture, reader, text, sizeof(text)), 0);
    assert_string_equal(text, "789");
    assert_int_equal(guest_read(fixture, deep, text, sizeof(text)), 0);
    assert_string_equal(text, "deep");
    expect_content(fixture, folder, "deep", "deep");
    move_all(fixture);
    assert_int_equal(guest_write(fixture, fd, "!"), 0);
    host_check_content(fixture, "rw/new", "01AB456789!");
    assert_int_equal(preview1_fd_readdir(fixture->host, folder, BUFFER_AT, 1000, 0, RESULT_AT), 0);
}

/* Not only by rights: that a file is open for writing cannot be seen from them when they were given
 * up. */
static void a_file_open_for_writing_is_so_again(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t few = WASI_RIGHT_FD_FILESTAT_SET_SIZE | WASI_RIGHT_FD_READ;
    uint32_t fd = open_file(fixture, RW, "new", READ_WRITE, "0123456789");
    assert_int_equal(preview1_fd_fdstat_set_rights(fixture->host, fd, few, 0), 0);
    move_all(fixture);
    assert_int_equal(preview1_fd_filestat_set_size(fixture->host, fd, 4), 0);
    host_check_content(fixture, "rw/new", "0123");
    assert_int_equal(guest_write(fixture, fd, "x"), WASI_ERRNO_NOTCAPABLE);
}

static void a_closed_preopen_does_not_close_its_files(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    uint32_t fd = open_file(fixture, RW, "file", READ_ONLY, NULL);
    assert_int_equal(preview1_fd_renumber(fixture->host, RO, RW), 0);
    move_all(fixture);
    assert_int_equal(guest_read(fixture, fd, text, sizeof(text)), 0);
    assert_string_equal(text, "0123456789");
}

static void host_files_that_are_gone_are_closed(void **state)
{
    struct fixture *fixture = *state;
    char path[WASI_PATH_MAX + 1];
    uint32_t folder;
    uint32_t removed = open_file(fixture, RW, "removed", READ_WRITE, "x");
    uint32_t replaced = open_file(fixture, RW, "replaced", READ_WRITE, "x");
    uint32_t led_away = open_file(fixture, RW, "led-away", READ_WRITE, "x");
    uint32_t kept = open_file(fixture, RW, "file", READ_WRITE, NULL);
    assert_int_equal(guest_open_directory(fixture, RW, "sub", &folder), 0);
    /* A path that cannot be walked at once is not remembered. */
    memset(path, '/', sizeof(path));
    path[4] = '.';
    (void)snprintf(path + WASI_PATH_MAX - 5, 6, "/deep");
    uint32_t far = open_file(fixture, folder, path + 4, READ_ONLY, NULL);
    assert_int_equal(unlinkat(fixture->folder_fd, "rw/removed", 0), 0);
    assert_int_equal(unlinkat(fixture->folder_fd, "rw/replaced", 0), 0);
    host_mkdir(fixture, "rw/replaced");
    assert_int_equal(unlinkat(fixture->folder_fd, "rw/led-away", 0), 0);
    host_symlink(fixture, "../outside/secret", "rw/led-away");
    int descriptors = open_descriptor_count();
    move(fixture);
    const uint32_t gone[] = {removed, replaced, led_away, far};
    for (size_t i = 0; i < 4; i++)
        assert_false(is_open(fixture, gone[i]));
    assert_true(is_open(fixture, kept));
    assert_true(is_open(fixture, folder));
    assert_int_equal(open_descriptor_count(), descriptors - 4);
    host_check_content(fixture, "outside/secret", "SECRET");
    move_all(fixture);
    assert_int_equal(open_file(fixture, TMP, "x", READ_WRITE, ""), removed);
}

/* ---- where it cannot be restored ---- */

static void other_grants_are_refused(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    save(fixture, &saved);
    struct wasi_host *host = wasi_host_new(&fixture->memory);
    assert_non_null(host);
    assert_int_equal(wasi_host_restore(host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_add_scratch(host, SCRATCH_LIMIT, &error), 0);
    assert_int_equal(wasi_host_restore(host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    wasi_host_free(host);
}

static void a_host_without_scratch_is_saved_too(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    uint32_t fd = open_file(fixture, RW, "file", READ_ONLY, NULL);
    char text[16];
    assert_int_equal(guest_read(fixture, fd, text, 5), 0);
    save(fixture, &saved);
    wasi_host_free(fixture->host);
    fixture->host = fixture_fresh_host(fixture);
    if (wasi_host_restore(fixture->host, saved.data, saved.size, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(position(fixture, fd), 4);
}

static void only_a_fresh_host_is_restored_in(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    save(fixture, &saved);
    (void)open_file(fixture, RO, "file", READ_ONLY, NULL);
    assert_int_equal(wasi_host_restore(fixture->host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    begin_anew(fixture);
    error = ERROR_NONE;
    assert_int_equal(wasi_host_scratch_put(fixture->host, "x", 1, "x", 1, &error), 0);
    assert_int_equal(wasi_host_restore(fixture->host, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
}

static void saving_appends(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer plain = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    assert_int_equal(buffer_append_text(&saved, "before"), 0);
    save(fixture, &saved);
    save(fixture, &plain);
    assert_int_equal(saved.size, plain.size + 6);
    assert_memory_equal(saved.data, "before", 6);
    assert_memory_equal(saved.data + 6, plain.data, plain.size);
    begin_anew(fixture);
    assert_int_equal(wasi_host_restore(fixture->host, saved.data + 6, plain.size, &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_host_that_did_nothing_comes_back),
        SCRATCH_TEST(files_and_folders_come_back),
        SCRATCH_TEST(holes_come_back_as_holes),
        SCRATCH_TEST(what_has_no_name_any_more_comes_back),
        SCRATCH_TEST(descriptors_keep_what_they_are),
        SCRATCH_TEST(a_listing_goes_on),
        SCRATCH_TEST(what_had_changed_has_changed),
        SCRATCH_TEST(a_full_scratch_comes_back),
        SCRATCH_TEST(limits_are_those_of_the_fresh_host),
        SCRATCH_TEST(a_full_table_comes_back),
        SCRATCH_TEST(what_was_closed_stays_closed),
        SCRATCH_TEST(what_was_moved_stays_where_it_is),
        SCRATCH_TEST(rights_that_were_given_up_stay_so),
        SCRATCH_TEST(host_files_are_opened_again),
        SCRATCH_TEST(a_file_open_for_writing_is_so_again),
        SCRATCH_TEST(a_closed_preopen_does_not_close_its_files),
        SCRATCH_TEST(host_files_that_are_gone_are_closed),
        SCRATCH_TEST(other_grants_are_refused),
        WASI_TEST(a_host_without_scratch_is_saved_too),
        SCRATCH_TEST(only_a_fresh_host_is_restored_in),
        SCRATCH_TEST(saving_appends),
    };
    return cmocka_run_group_tests_name("wasi_host_state", tests, NULL, NULL);
}
