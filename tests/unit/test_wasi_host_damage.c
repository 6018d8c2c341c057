/* src/wasi/host_restore.c: bytes that no host saved. */
#include "test_scratch_check.h"
#include "test_wasi_fixture.h"

#include "wasi/host_state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CREATE WASI_OFLAGS_CREAT
#define NONE STATE_NONE
#define READ_FILE (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL)

/* The grants of a host as scratch_fresh_host makes it. */
static const char grants[] = "H/rw\0H/ro\0S/tmp\0S/workspace";

static int restore(struct fixture *fixture, const void *bytes, size_t size, struct error *error)
{
    *error = ERROR_NONE;
    wasi_host_free(fixture->host);
    assert_int_equal(fixture->memory.charged, 0);
    fixture->host = scratch_fresh_host(fixture);
    return wasi_host_restore(fixture->host, bytes, size, error);
}

/* A small state with one of everything. */
static void make_state(struct fixture *fixture, struct buffer *state)
{
    struct error error = ERROR_NONE;
    uint32_t fd;
    uint32_t gone;
    assert_int_equal(guest_path_call(fixture, preview1_path_create_directory, TMP, "d"), 0);
    assert_int_equal(guest_open(fixture, TMP, "d/f", CREATE, READ_WRITE, &fd), 0);
    assert_int_equal(guest_write(fixture, fd, "abc"), 0);
    assert_int_equal(guest_open(fixture, WORKSPACE, "gone", CREATE, READ_WRITE, &gone), 0);
    assert_int_equal(guest_write(fixture, gone, "x"), 0);
    assert_int_equal(guest_path_call(fixture, preview1_path_unlink_file, WORKSPACE, "gone"), 0);
    assert_int_equal(guest_open_directory(fixture, TMP, "d", NULL), 0);
    assert_int_equal(guest_open(fixture, RW, "file", 0, READ_WRITE, NULL), 0);
    assert_int_equal(guest_open_directory(fixture, RO, "sub", NULL), 0);
    assert_int_equal(preview1_fd_close(fixture->host, 2), 0);
    assert_int_equal(wasi_host_save(fixture->host, state, &error), 0);
}

static uint64_t rights_of(struct fixture *fixture, uint32_t fd)
{
    return preview1_fd_fdstat_get(fixture->host, fd, RESULT_AT) == 0
               ? load_u64(memory_at(fixture, RESULT_AT + 8))
               : 0;
}

static int read_all(void *argument, const char *path, size_t path_size, uint64_t size,
                    const struct scratch_node *file)
{
    char bytes[64];
    (void)argument;
    (void)size;
    assert_int_equal(strlen(path), path_size);
    (void)wasi_scratch_read(file, 0, bytes, sizeof(bytes));
    return 0;
}

/* Whatever was restored: it can be used, saved and restored again, and it leads nowhere. */
static void use(struct fixture *fixture)
{
    BUFFER_LOCAL struct buffer state = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer again = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    const char *wrong = scratch_check(fixture->host);
    if (wrong != NULL)
        fail_msg("%s is wrong", wrong);
    for (uint32_t fd = 0; fd < 20; fd++) {
        (void)preview1_fd_filestat_get(fixture->host, fd, RESULT_AT);
        (void)preview1_fd_readdir(fixture->host, fd, BUFFER_AT, 500, 0, RESULT_AT);
        (void)guest_open(fixture, fd, "../outside/secret", 0, READ_ONLY, NULL);
        put_vector(fixture, 0, BUFFER_AT, 100);
        (void)preview1_fd_read(fixture->host, fd, VECTORS_AT, 1, RESULT_AT);
        assert_memory_not_equal(memory_at(fixture, BUFFER_AT), "SECRET", 6);
    }
    (void)guest_open(fixture, TMP, "new", CREATE, READ_WRITE, NULL);
    (void)guest_rename(fixture, TMP, "d", WORKSPACE, "e");
    assert_int_equal(wasi_host_scratch_visit_changed(fixture->host, read_all, NULL), 0);
    assert_int_equal(wasi_host_save(fixture->host, &state, &error), 0);
    if (restore(fixture, state.data, state.size, &error) != 0)
        fail_msg("what was saved cannot be restored: %s", error.message);
    assert_int_equal(wasi_host_save(fixture->host, &again, &error), 0);
    assert_int_equal(state.size, again.size);
    assert_memory_equal(state.data, again.data, state.size);
}

static void a_truncated_state_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error;
    make_state(fixture, &saved);
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    int descriptors = open_descriptor_count();
    for (size_t size = 0; size < saved.size; size++) {
        /* A copy of that size, for AddressSanitizer to watch its end. */
        BUFFER_LOCAL struct buffer cut = BUFFER_EMPTY;
        assert_int_equal(buffer_append(&cut, saved.data, size), 0);
        assert_int_equal(restore(fixture, cut.data, size, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    }
    assert_int_equal(buffer_append(&saved, "x", 1), 0);
    assert_int_equal(restore(fixture, saved.data, saved.size, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_int_equal(restore(fixture, saved.data, saved.size - 1, &error), 0);
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    assert_int_equal(open_descriptor_count(), descriptors);
}

static void every_byte_can_be_any_other(void **state)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
    struct fixture *fixture = *state;
    BUFFER_LOCAL struct buffer saved = BUFFER_EMPTY;
    struct error error;
    int restored = 0;
    /* Standard input may come to be at any number; nobody must wait for it. */
    (void)close(fixture->to_stdin);
    fixture->to_stdin = -1;
    make_state(fixture, &saved);
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    int descriptors = open_descriptor_count();
    for (size_t i = 0; i < saved.size * sizeof(changes); i++) {
        char *byte = &saved.data[i / sizeof(changes)];
        char former = *byte;
        *byte = (char)((uint8_t)former ^ changes[i % sizeof(changes)]);
        if (restore(fixture, saved.data, saved.size, &error) == 0) {
            restored++;
            use(fixture);
        } else {
            assert_true(error.kind == ERROR_INVALID_REQUEST || error.kind == ERROR_MEMORY_LIMIT);
        }
        *byte = former;
    }
    print_message("# %zu changed states, %d restored\n", saved.size * sizeof(changes), restored);
    assert_int_equal(restore(fixture, saved.data, saved.size, &error), 0);
    wasi_host_free(fixture->host);
    fixture->host = scratch_fresh_host(fixture);
    assert_int_equal(open_descriptor_count(), descriptors);
    host_check_content(fixture, "ro/file", "0123456789");
    host_check_content(fixture, "outside/secret", "SECRET");
}

/* ---- states made by hand ---- */

struct node {
    uint8_t kind;
    uint32_t parent;
    uint64_t number;
    uint64_t cookie;
    const char *name;
    size_t name_size;   /* 0: the length of the name */
    uint64_t size;      /* of a file */
    uint32_t blocks[4]; /* one more than the place of each block, in this order; 0 ends them */
};

struct fd {
    uint32_t number;
    uint8_t kind;
    uint8_t writing;
    uint32_t flags;
    uint32_t which;
    uint64_t rights;
    uint64_t inheriting;
    uint64_t position;
    const char *path;
};

struct made {
    uint64_t next_number; /* 0: 100 */
    uint64_t next_cookie; /* 0: 100 */
    struct node nodes[6]; /* behind the top folders; ends with a kind of 0 */
    struct fd fds[4];     /* ends with a kind of 0 */
};

static void put(struct buffer *state, uint64_t value, size_t size)
{
    uint8_t bytes[sizeof(value)];
    store_u64(bytes, value);
    assert_int_equal(buffer_append(state, bytes, size), 0);
}

static void put_node(struct buffer *state, const struct node *node)
{
    static const char block[4096] = "B";
    size_t name_size = node->name_size != 0 ? node->name_size
                       : node->name == NULL ? 0
                                            : strlen(node->name);
    put(state, node->kind, 1);
    put(state, 0, 1);
    put(state, node->parent, 4);
    put(state, node->number, 8);
    put(state, node->cookie, 8);
    for (int time = 0; time < 3; time++)
        put(state, 1, 8);
    put(state, name_size, 1);
    assert_int_equal(buffer_append(state, node->name, name_size), 0);
    if (node->kind != STATE_FILE)
        return;
    uint32_t count = 0;
    while (count < 4 && node->blocks[count] != 0)
        count++;
    put(state, node->size, 8);
    put(state, count, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t offset = (node->blocks[i] - 1) * UINT64_C(4096);
        uint64_t rest = offset < node->size ? node->size - offset : 4096;
        put(state, node->blocks[i] - 1, 4);
        assert_int_equal(buffer_append(state, block, rest < 4096 ? rest : 4096), 0);
    }
}

static void put_descriptor(struct buffer *state, const struct fd *fd)
{
    put(state, fd->number, 4);
    put(state, fd->kind, 1);
    put(state, fd->writing, 1);
    put(state, fd->flags, 4);
    put(state, fd->which, 4);
    put(state, fd->rights, 8);
    put(state, fd->inheriting, 8);
    put(state, fd->position, 8);
    size_t size = fd->path == NULL ? 0 : strlen(fd->path);
    put(state, size, 4);
    assert_int_equal(buffer_append(state, fd->path, size), 0);
}

static void put_state(struct buffer *state, const struct made *made)
{
    static const struct node tops[] = {{STATE_FOLDER, NONE, 1, 0, NULL, 0, 0, {0}},
                                       {STATE_FOLDER, NONE, 2, 0, NULL, 0, 0, {0}}};
    uint32_t nodes = 0;
    uint32_t descriptors = 0;
    while (nodes < 6 && made->nodes[nodes].kind != 0)
        nodes++;
    while (descriptors < 4 && made->fds[descriptors].kind != 0)
        descriptors++;
    put(state, STATE_MAGIC, 4);
    put(state, STATE_VERSION, 4);
    put(state, sizeof(grants), 4);
    assert_int_equal(buffer_append(state, grants, sizeof(grants)), 0);
    put(state, made->next_number == 0 ? 100 : made->next_number, 8);
    put(state, made->next_cookie == 0 ? 100 : made->next_cookie, 8);
    put(state, nodes + 2, 4);
    put_node(state, &tops[0]);
    put_node(state, &tops[1]);
    for (uint32_t i = 0; i < nodes; i++)
        put_node(state, &made->nodes[i]);
    put(state, descriptors, 4);
    for (uint32_t i = 0; i < descriptors; i++)
        put_descriptor(state, &made->fds[i]);
}

static int restore_made(struct fixture *fixture, const struct made *made, struct error *error)
{
    BUFFER_LOCAL struct buffer state = BUFFER_EMPTY;
    put_state(&state, made);
    return restore(fixture, state.data, state.size, error);
}

#define FOLDER(parent, number, cookie, name) {STATE_FOLDER, parent, number, cookie, name, 0, 0, {0}}
#define PLAIN(parent, number, cookie, name) {STATE_FILE, parent, number, cookie, name, 0, 0, {0}}
#define CONTENT(size, ...)                                                                         \
    {                                                                                              \
        STATE_FILE, 0, 10, 10, "f", 0, size,                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static void a_state_made_by_hand_is_as_good(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char text[16];
    const struct made made = {
        .nodes = {FOLDER(0, 10, 10, "d"), PLAIN(2, 11, 11, "f"), CONTENT(9000, 1, 3),
                  PLAIN(NONE, 12, 0, NULL)},
        .fds = {{3, STATE_GRANT, 0, 0, 6, WASI_RIGHT_PATH_OPEN, 0, 0, NULL},
                {20, STATE_SCRATCH, 0, 0, 5, READ_WRITE, 0, 7, NULL},
                {21, STATE_SCRATCH, 0, 0, 4, READ_WRITE, 0, 8192, NULL}},
    };
    struct made good = made;
    good.nodes[2].number = 13;
    good.nodes[2].cookie = 11;
    if (restore_made(fixture, &good, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(guest_read(fixture, 21, text, 4), 0);
    assert_string_equal(text, "B");
    assert_int_equal(rights_of(fixture, 3), WASI_RIGHT_PATH_OPEN);
    assert_int_equal(preview1_fd_tell(fixture->host, 20, RESULT_AT), 0);
    assert_int_equal(result_u64(fixture), 7);
    assert_int_equal(rights_of(fixture, 4), 0);
    use(fixture);
}

static void inconsistent_trees_are_damaged(void **state)
{
    static const struct made tests[] = {
        /* Parents: a file, itself, one that comes later, none such, one without a name. */
        {.nodes = {PLAIN(0, 10, 10, "f"), PLAIN(2, 11, 11, "x")}},
        {.nodes = {FOLDER(2, 10, 10, "d")}},
        {.nodes = {FOLDER(3, 10, 10, "d"), FOLDER(0, 11, 11, "e")}},
        {.nodes = {FOLDER(99, 10, 10, "d")}},
        {.nodes = {FOLDER(NONE - 1, 10, 10, "d")}},
        {.nodes = {FOLDER(NONE, 10, 0, NULL), PLAIN(2, 11, 11, "x")},
         .fds = {{9, STATE_SCRATCH, 0, 0, 2, 0, 0, 0, NULL}}},
        /* Names: twice, none, dots, with a slash, with a NUL, without a parent. */
        {.nodes = {PLAIN(0, 10, 10, "f"), PLAIN(0, 11, 11, "f")}},
        {.nodes = {PLAIN(0, 10, 10, NULL)}},
        {.nodes = {FOLDER(0, 10, 10, ".")}},
        {.nodes = {FOLDER(0, 10, 10, "..")}},
        {.nodes = {PLAIN(0, 10, 10, "a/b")}},
        {.nodes = {PLAIN(0, 10, 10, "/")}},
        {.nodes = {{STATE_FILE, 0, 10, 10, "a\0b", 3, 0, {0}}}},
        {.nodes = {PLAIN(NONE, 10, 0, "f")}, .fds = {{9, STATE_SCRATCH, 0, 0, 2, 0, 0, 0, NULL}}},
        /* Kinds. */
        {.nodes = {{3, 0, 10, 10, "f", 0, 0, {0}}}},
        {.nodes = {{255, 0, 10, 10, "f", 0, 0, {0}}}},
        /* Numbers: 0, twice, that of a top folder, one still to be given, none left to give. */
        {.nodes = {PLAIN(0, 0, 10, "f")}},
        {.nodes = {PLAIN(0, 10, 10, "f"), PLAIN(1, 10, 11, "g")}},
        {.nodes = {PLAIN(0, 1, 10, "f")}},
        {.nodes = {PLAIN(0, 100, 10, "f")}},
        {.next_number = 2},
        {.next_number = UINT64_MAX},
        {.next_number = (uint64_t)INT64_MAX + 1},
        /* Cookies: those of dots, not in order, twice, still to be given, without a parent. */
        {.nodes = {PLAIN(0, 10, 1, "f")}},
        {.nodes = {PLAIN(0, 10, 11, "f"), PLAIN(0, 11, 10, "g")}},
        {.nodes = {PLAIN(0, 10, 10, "f"), PLAIN(0, 11, 10, "g")}},
        {.nodes = {PLAIN(0, 10, 100, "f")}},
        {.nodes = {PLAIN(0, 10, UINT64_MAX, "f")}},
        {.nodes = {PLAIN(NONE, 10, 5, NULL)}, .fds = {{9, STATE_SCRATCH, 0, 0, 2, 0, 0, 0, NULL}}},
        {.next_cookie = 1},
        {.next_cookie = UINT64_MAX},
        /* What has no name must be open. */
        {.nodes = {PLAIN(NONE, 10, 0, NULL)}},
        {.nodes = {FOLDER(NONE, 10, 0, NULL)}},
        /* Blocks: behind the end, not in order, twice; a file that is too large. */
        {.nodes = {CONTENT(4096, 2)}},
        {.nodes = {CONTENT(0, 1)}},
        {.nodes = {CONTENT(9000, 2, 1)}},
        {.nodes = {CONTENT(9000, 2, 2)}},
        {.nodes = {CONTENT(9000, UINT32_MAX)}},
        {.nodes = {CONTENT(WASI_SCRATCH_FILE_MAX + 1, 1)}},
        {.nodes = {CONTENT(UINT64_MAX, 1)}},
    };
    struct fixture *fixture = *state;
    struct error error;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (restore_made(fixture, &tests[i], &error) == 0)
            fail_msg("tree %zu was restored", i);
        if (error.kind != ERROR_INVALID_REQUEST)
            fail_msg("tree %zu: %s", i, error.message);
    }
}

static void inconsistent_descriptors_are_damaged(void **state)
{
    static const struct made tests[] = {
        /* Numbers: too large, twice, not in order. */
        {.fds = {{WASI_DESCRIPTORS_MAX, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL}}},
        {.fds = {{UINT32_MAX, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL}}},
        {.fds = {{3, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL},
                 {3, STATE_GRANT, 0, 0, 4, 0, 0, 0, NULL}}},
        {.fds = {{4, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL},
                 {3, STATE_GRANT, 0, 0, 4, 0, 0, 0, NULL}}},
        /* A grant that there is not, twice, with more rights, with a path. */
        {.fds = {{9, STATE_GRANT, 0, 0, 7, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_GRANT, 0, 0, UINT32_MAX, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL},
                 {10, STATE_GRANT, 0, 0, 3, 0, 0, 0, NULL}}},
        {.fds = {{0, STATE_GRANT, 0, 0, 0, WASI_RIGHT_FD_WRITE, 0, 0, NULL}}},
        {.fds = {{1, STATE_GRANT, 0, 0, 1, WASI_RIGHT_FD_FILESTAT_SET_SIZE, 0, 0, NULL}}},
        {.fds = {{1, STATE_GRANT, 0, 0, 1, 0, 1, 0, NULL}}},
        {.fds = {{4, STATE_GRANT, 0, 0, 4, WASI_RIGHT_FD_READ, 0, 0, NULL}}},
        {.fds = {{4, STATE_GRANT, 0, 0, 4, 0, UINT64_C(1) << 30, 0, NULL}}},
        {.fds = {{4, STATE_GRANT, 1, 0, 4, 0, 0, 0, NULL}}},
        {.fds = {{4, STATE_GRANT, 0, 0, 4, 0, 0, 0, "file"}}},
        /* Scratch: no such node, rights that do not fit it, flags and positions that do not exist.
         */
        {.fds = {{9, STATE_SCRATCH, 0, 0, 2, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 0, NONE, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 0, 0, WASI_RIGHT_FD_READ, 0, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 0, 0, UINT64_C(1) << 63, 0, 0, NULL}}},
        {.nodes = {PLAIN(0, 10, 10, "f")},
         .fds = {{9, STATE_SCRATCH, 0, 0, 2, WASI_RIGHT_PATH_OPEN, 0, 0, NULL}}},
        {.nodes = {PLAIN(0, 10, 10, "f")},
         .fds = {{9, STATE_SCRATCH, 0, 0, 2, 0, WASI_RIGHT_FD_READ, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 32, 0, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 0x80000000u, 0, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_SCRATCH, 0, 0, 0, 0, 0, UINT64_C(1) << 63, NULL}}},
        /* The host: no such preopen, scratch or a standard descriptor as one, no path, an absolute
         * one, rights that do not fit, writing when not open for it, a kind that does not exist. */
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 7, 0, 0, 0, "file"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, UINT32_MAX, 0, 0, 0, "file"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 5, 0, 0, 0, "file"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 0, 0, 0, 0, "file"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 3, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 3, 0, 0, 0, "/etc/passwd"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 3, WASI_RIGHT_PATH_OPEN, 0, 0, "file"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 3, 0, 1, 0, "file"}}},
        {.fds = {{9, STATE_HOST_DIRECTORY, 0, 0, 3, WASI_RIGHT_FD_WRITE, 0, 0, "sub"}}},
        {.fds = {{9, STATE_HOST_FILE, 0, 0, 3, READ_WRITE, 0, 0, "file"}}},
        {.fds = {{9, 5, 0, 0, 3, 0, 0, 0, NULL}}},
        {.fds = {{9, STATE_HOST_FILE, 2, 0, 3, 0, 0, 0, "file"}}},
    };
    struct fixture *fixture = *state;
    struct error error;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (restore_made(fixture, &tests[i], &error) == 0)
            fail_msg("descriptors %zu were restored", i);
        if (error.kind != ERROR_INVALID_REQUEST)
            fail_msg("descriptors %zu: %s", i, error.message);
    }
}

/* No damage, but nothing is opened either: what leads out, what may not be written, what is no
 * file. */
static void nothing_more_is_reached_than_was_granted(void **state)
{
    static const struct fd tests[] = {
        {9, STATE_HOST_FILE, 0, 0, 3, READ_FILE, 0, 0, "../outside/secret"},
        {9, STATE_HOST_FILE, 0, 0, 3, READ_FILE, 0, 0, "sub/../../outside/secret"},
        {9, STATE_HOST_FILE, 0, 0, 3, READ_FILE, 0, 0, "out/secret"},
        {9, STATE_HOST_FILE, 0, 0, 3, READ_FILE, 0, 0, "secret-link"},
        {9, STATE_HOST_DIRECTORY, 0, 0, 3, WASI_RIGHT_PATH_OPEN, 0, 0, ".."},
        {9, STATE_HOST_DIRECTORY, 0, 0, 3, WASI_RIGHT_PATH_OPEN, 0, 0, "out"},
        {9, STATE_HOST_FILE, 1, 0, 4, READ_WRITE, 0, 0, "file"},
        {9, STATE_HOST_FILE, 1, 0, 4, 0, 0, 0, "file"},
        {9, STATE_HOST_DIRECTORY, 1, 0, 3, 0, 0, 0, "sub"},
        {9, STATE_HOST_DIRECTORY, 0, 0, 3, 0, 0, 0, "file"},
        {9, STATE_HOST_FILE, 0, 0, 3, 0, 0, 0, "sub"},
        {9, STATE_HOST_FILE, 0, 0, 3, 0, 0, 0, "missing"},
    };
    struct fixture *fixture = *state;
    struct error error;
    host_symlink(fixture, "../outside", "rw/out");
    host_symlink(fixture, "../outside/secret", "rw/secret-link");
    int descriptors = open_descriptor_count();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        struct made made = {.fds = {tests[i]}};
        if (restore_made(fixture, &made, &error) != 0)
            fail_msg("%zu: %s", i, error.message);
        assert_int_equal(preview1_fd_fdstat_get(fixture->host, 9, RESULT_AT), WASI_ERRNO_BADF);
        assert_int_equal(open_descriptor_count(), descriptors - 2);
    }
    host_check_content(fixture, "ro/file", "0123456789");
}

static void counts_are_checked_before_they_are_believed(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    const uint32_t counts[] = {0, 1, 3, 65536, 65537, 0x10000000, UINT32_MAX};
    BUFFER_LOCAL struct buffer made = BUFFER_EMPTY;
    put_state(&made, &(struct made){0});
    const size_t node_count_at = 12 + sizeof(grants) + 16;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        store_u32((uint8_t *)made.data + node_count_at, counts[i]);
        assert_int_equal(restore(fixture, made.data, made.size, &error), -1);
        assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        store_u32((uint8_t *)made.data + node_count_at, 2);
        store_u32((uint8_t *)made.data + made.size - 4, counts[i]);
        assert_int_equal(restore(fixture, made.data, made.size, &error), i == 0 ? 0 : -1);
        store_u32((uint8_t *)made.data + made.size - 4, 0);
        store_u32((uint8_t *)made.data + 8, counts[i]);
        assert_int_equal(restore(fixture, made.data, made.size, &error), -1);
        store_u32((uint8_t *)made.data + 8, sizeof(grants));
    }
    store_u32((uint8_t *)made.data + 4, 2);
    assert_int_equal(restore(fixture, made.data, made.size, &error), -1);
    assert_non_null(strstr(error.message, "version"));
    assert_int_equal(restore(fixture, NULL, 0, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_truncated_state_is_damaged),
        SCRATCH_TEST(every_byte_can_be_any_other),
        SCRATCH_TEST(a_state_made_by_hand_is_as_good),
        SCRATCH_TEST(inconsistent_trees_are_damaged),
        SCRATCH_TEST(inconsistent_descriptors_are_damaged),
        SCRATCH_TEST(nothing_more_is_reached_than_was_granted),
        SCRATCH_TEST(counts_are_checked_before_they_are_believed),
    };
    return cmocka_run_group_tests_name("wasi_host_damage", tests, NULL, NULL);
}
