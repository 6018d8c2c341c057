/* Scratch against the kernel: the same random calls go to a host whose /tmp and /workspace are
 * folders of a tmpfs and to one where they are scratch. Both must answer alike, byte for byte, but
 * for what differs by design: links, serial numbers, times, the order of entries. */
#include "test_scratch_check.h"
#include "test_wasi_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TMP_FD 3u
#define WORKSPACE_FD 4u
#define OPENED 5u   /* the first number that path_open gives */
#define NUMBERS 12u /* the descriptors that calls are made with are below */
#define SEQUENCES 500
#define CALLS 1000
#define LIST_SIZE 0x6000u

/* One of the two. */
struct side {
    struct linear_memory memory;
    uint8_t bytes[MEMORY_SIZE];
    struct wasi_host *host;
};

struct pair {
    struct side kernel;
    struct side scratch;
    char folder[64];
    int folder_fd;
    bool is_tmpfs; /* only there are links of folders counted as usual */
    uint32_t seed;
    char call[512]; /* the present call, for the failure message */
};

static uint32_t pick(struct pair *pair, uint32_t below)
{
    pair->seed = pair->seed * 1664525u + 1013904223u;
    return (pair->seed >> 8) % below;
}

/* ---- both sides ---- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void make_side(struct side *side)
{
    memset(side->bytes, 0, sizeof(side->bytes));
    side->memory = (struct linear_memory){
        .base = side->bytes, .size = MEMORY_SIZE, .limit = UINT64_C(1) << 30};
    side->host = wasi_host_new(&side->memory);
    assert_non_null(side->host);
}

static void make_folders(struct pair *pair)
{
    static const char *const names[] = {"tmp", "workspace"};
    static const char *const paths[] = {"/tmp", "/workspace"};
    struct error error = ERROR_NONE;
    struct statfs file_system;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(pair->folder, sizeof(pair->folder), "%s/shannon-model-XXXXXX", base);
    assert_non_null(mkdtemp(pair->folder));
    pair->folder_fd = open(pair->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fstatfs(pair->folder_fd, &file_system), 0);
    pair->is_tmpfs = file_system.f_type == TMPFS_MAGIC;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mkdirat(pair->folder_fd, names[i], 0755), 0);
        int fd = openat(pair->folder_fd, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(wasi_host_add_preopen(pair->kernel.host, fd, paths[i], true, &error), 0);
    }
}

static void make_pair(struct pair *pair, uint32_t seed)
{
    struct error error = ERROR_NONE;
    pair->seed = seed;
    make_side(&pair->kernel);
    make_side(&pair->scratch);
    make_folders(pair);
    assert_int_equal(wasi_host_add_scratch(pair->scratch.host, UINT64_C(1) << 28, &error), 0);
}

static void free_pair(struct pair *pair)
{
    wasi_host_free(pair->kernel.host);
    wasi_host_free(pair->scratch.host);
    (void)close(pair->folder_fd);
    (void)nftw(pair->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the call on both sides; they must answer the same, which is returned. */
static uint32_t call(struct pair *pair, const char *name, const uint64_t *arguments)
{
    const struct engine_import *import = import_named(name);
    size_t used = (size_t)snprintf(pair->call, sizeof(pair->call), "%s", name);
    for (size_t i = 0; import->parameters[i] != '\0'; i++)
        used += (size_t)snprintf(pair->call + used, sizeof(pair->call) - used, " %#lx",
                                 (unsigned long)arguments[i]);
    uint32_t kernel = guest_call(pair->kernel.host, import, arguments);
    uint32_t scratch = guest_call(pair->scratch.host, import, arguments);
    if (kernel != scratch)
        fail_msg("%s ('%.80s', '%.80s'): the kernel answers %u, scratch %u", pair->call,
                 (const char *)pair->kernel.bytes + PATH_AT,
                 (const char *)pair->kernel.bytes + OTHER_PATH_AT, kernel, scratch);
    return kernel;
}

static void compare_memory(struct pair *pair, uint32_t at, uint32_t size)
{
    if (memcmp(pair->kernel.bytes + at, pair->scratch.bytes + at, size) != 0)
        fail_msg("%s ('%.80s'): different bytes", pair->call,
                 (const char *)pair->kernel.bytes + PATH_AT);
}

/* ---- arguments ---- */

static void store(struct pair *pair, uint32_t at, const void *bytes, uint32_t size)
{
    memcpy(pair->kernel.bytes + at, bytes, size);
    memcpy(pair->scratch.bytes + at, bytes, size);
}

/* A descriptor that was opened, if any has this number now. */
static uint32_t pick_opened(struct pair *pair)
{
    return OPENED + pick(pair, NUMBERS - OPENED);
}

static uint32_t pick_number(struct pair *pair)
{
    return pick(pair, 3) == 0 ? TMP_FD + pick(pair, 2) : pick_opened(pair);
}

static uint32_t pick_directory(struct pair *pair)
{
    return pick(pair, 4) != 0 ? TMP_FD + pick(pair, 2) : pick_opened(pair);
}

/* A path of a few components that often exist. Returns its size. */
static uint32_t put_path(struct pair *pair, uint32_t at)
{
    static const char *const names[] = {"a", "b", "c", "a", "a", "b", "c", "d", "..", "."};
    char path[2048] = "";
    size_t size = 0;
    uint32_t components = 1 + pick(pair, 3) * pick(pair, 2);
    for (uint32_t i = 0; i < components; i++) {
        char name[300] = "";
        (void)snprintf(name, sizeof(name), "%s", names[pick(pair, pick(pair, 3) == 0 ? 10 : 7)]);
        if (pick(pair, 100) == 0) {
            memset(name, 'n', 299);
            name[pick(pair, 2) == 0 ? 255 : 256] = '\0';
        }
        size += (size_t)snprintf(path + size, sizeof(path) - size, "%s%s", name,
                                 i + 1 < components ? "/" : "");
    }
    if (pick(pair, 8) == 0)
        size += (size_t)snprintf(path + size, sizeof(path) - size, "%s",
                                 pick(pair, 2) == 0 ? "/" : "//");
    if (pick(pair, 100) == 0)
        path[0] = '/';
    store(pair, at, path, (uint32_t)size + 1);
    return (uint32_t)size;
}

static void put_vectors_of(struct pair *pair)
{
    uint8_t vectors[3 * WASI_IOVEC_SIZE];
    uint8_t bytes[0x1000];
    for (uint32_t i = 0; i < 3; i++) {
        store_u32(vectors + i * WASI_IOVEC_SIZE, BUFFER_AT + i * 0x1000);
        store_u32(vectors + i * WASI_IOVEC_SIZE + 4,
                  pick(pair, 4) == 0 ? pick(pair, 0x1000) : pick(pair, 40));
        memset(bytes, (int)('A' + pick(pair, 26)), sizeof(bytes));
        store(pair, BUFFER_AT + i * 0x1000, bytes, sizeof(bytes));
    }
    store(pair, VECTORS_AT, vectors, sizeof(vectors));
}

static uint64_t pick_offset(struct pair *pair)
{
    static const uint64_t offsets[] = {0, 1, 4095, 4096, 4097, 8192, 20000, 100000};
    return pick(pair, 2) == 0 ? offsets[pick(pair, 8)] : pick(pair, 3000);
}

/* ---- calls ---- */

static void open_something(struct pair *pair)
{
    static const uint64_t rights[] = {READ_WRITE, READ_WRITE,
                                      READ_ONLY,  WASI_RIGHT_FD_WRITE,
                                      0,          WASI_RIGHTS_ALL & ~WASI_RIGHT_FD_WRITE};
    static const uint32_t flags[] = {0,
                                     WASI_OFLAGS_CREAT,
                                     WASI_OFLAGS_CREAT | WASI_OFLAGS_EXCL,
                                     WASI_OFLAGS_TRUNC,
                                     WASI_OFLAGS_CREAT | WASI_OFLAGS_TRUNC,
                                     WASI_OFLAGS_DIRECTORY,
                                     WASI_OFLAGS_DIRECTORY};
    uint32_t size = put_path(pair, PATH_AT);
    uint32_t open_flags = pick(pair, 8) == 0 ? pick(pair, 16) : flags[pick(pair, 7)];
    uint64_t wanted = rights[pick(pair, pick(pair, 3) == 0 ? 6 : 2)];
    bool is_directory = (open_flags & WASI_OFLAGS_DIRECTORY) != 0;
    if (is_directory && pick(pair, 8) != 0)
        wanted = WASI_RIGHTS_ALL & ~WASI_RIGHT_FD_WRITE;
    const uint64_t arguments[] = {pick_directory(pair),
                                  pick(pair, 2),
                                  PATH_AT,
                                  size,
                                  open_flags,
                                  wanted,
                                  is_directory ? WASI_RIGHTS_ALL : 0,
                                  pick(pair, 4) == 0 ? WASI_FDFLAGS_APPEND : 0,
                                  RESULT_AT};
    if (call(pair, "path_open", arguments) == WASI_ERRNO_SUCCESS)
        compare_memory(pair, RESULT_AT, 4);
}

static void transfer(struct pair *pair)
{
    static const char *const names[] = {"fd_write", "fd_read", "fd_pwrite", "fd_pread"};
    const char *name = names[pick(pair, 4)];
    uint64_t fd = pick_opened(pair);
    put_vectors_of(pair);
    bool positioned = name[3] == 'p';
    const uint64_t plain[] = {fd, VECTORS_AT, 1 + pick(pair, 3), RESULT_AT};
    const uint64_t with_offset[] = {fd, VECTORS_AT, 1 + pick(pair, 3), pick_offset(pair),
                                    RESULT_AT};
    if (call(pair, name, positioned ? with_offset : plain) != WASI_ERRNO_SUCCESS)
        return;
    compare_memory(pair, RESULT_AT, 4);
    compare_memory(pair, BUFFER_AT, 0x3000);
}

static void move_position(struct pair *pair)
{
    uint64_t offset = pick(pair, 4) == 0 ? (uint64_t)0 - pick(pair, 100) : pick_offset(pair);
    if (pick(pair, 20) == 0)
        offset = pick(pair, 2) == 0 ? INT64_MAX : (uint64_t)INT64_MIN;
    uint64_t fd = pick_opened(pair);
    /* Both sides are put where a file can still grow. */
    if (call(pair, "fd_seek", (uint64_t[]){fd, offset, pick(pair, 3), RESULT_AT}) == 0) {
        compare_memory(pair, RESULT_AT, 8);
        if (load_u64(pair->kernel.bytes + RESULT_AT) > 200000)
            assert_int_equal(call(pair, "fd_seek", (uint64_t[]){fd, 5000, 0, RESULT_AT}), 0);
    }
    if (call(pair, "fd_tell", (uint64_t[]){fd, RESULT_AT}) == 0)
        compare_memory(pair, RESULT_AT, 8);
}

/* Kind, links and size; the size of a folder is the file system's own affair. */
static void compare_status(struct pair *pair)
{
    uint8_t *kernel = pair->kernel.bytes + RESULT_AT;
    uint8_t *scratch = pair->scratch.bytes + RESULT_AT;
    bool is_directory = kernel[16] == WASI_FILETYPE_DIRECTORY;
    if (kernel[16] != scratch[16] ||
        ((!is_directory || pair->is_tmpfs) && load_u64(kernel + 24) != load_u64(scratch + 24)) ||
        (!is_directory && load_u64(kernel + 32) != load_u64(scratch + 32)))
        fail_msg("%s ('%.80s'): kind %u and %u, links %lu and %lu, size %lu and %lu", pair->call,
                 (const char *)pair->kernel.bytes + PATH_AT, kernel[16], scratch[16],
                 (unsigned long)load_u64(kernel + 24), (unsigned long)load_u64(scratch + 24),
                 (unsigned long)load_u64(kernel + 32), (unsigned long)load_u64(scratch + 32));
}

static void ask(struct pair *pair)
{
    uint64_t fd = pick_number(pair);
    if (call(pair, "fd_filestat_get", (uint64_t[]){fd, RESULT_AT}) == 0)
        compare_status(pair);
    if (call(pair, "fd_fdstat_get", (uint64_t[]){fd, RESULT_AT}) == 0)
        compare_memory(pair, RESULT_AT, WASI_FDSTAT_SIZE);
    uint32_t size = put_path(pair, PATH_AT);
    fd = pick_directory(pair);
    if (call(pair, "path_filestat_get", (uint64_t[]){fd, 0, PATH_AT, size, RESULT_AT}) == 0)
        compare_status(pair);
    (void)call(pair, "path_readlink",
               (uint64_t[]){fd, PATH_AT, size, BUFFER_AT, BUFFER_SIZE, RESULT_AT});
}

static void set_size_or_flags(struct pair *pair)
{
    uint64_t fd = pick_opened(pair);
    switch (pick(pair, 5)) {
    case 0:
        (void)call(pair, "fd_filestat_set_size", (uint64_t[]){fd, pick_offset(pair)});
        break;
    case 1:
        (void)call(pair, "fd_allocate", (uint64_t[]){fd, pick_offset(pair), pick_offset(pair)});
        break;
    case 2:
        (void)call(pair, "fd_fdstat_set_flags", (uint64_t[]){fd, pick(pair, 6)});
        break;
    case 3:
        (void)call(pair, "fd_sync", &fd);
        (void)call(pair, "fd_datasync", &fd);
        (void)call(pair, "fd_advise", (uint64_t[]){fd, 0, 100, pick(pair, 7)});
        break;
    default:
        (void)call(pair, "fd_fdstat_set_rights",
                   (uint64_t[]){fd, READ_WRITE & ~(UINT64_C(1) << pick(pair, 27)), 0});
        break;
    }
}

static void set_times(struct pair *pair)
{
    uint64_t fd = pick_number(pair);
    uint64_t times = pick(pair, 16);
    uint32_t size = put_path(pair, PATH_AT);
    bool sets = (times & (WASI_FSTFLAGS_ATIM_NOW | WASI_FSTFLAGS_MTIM_NOW)) == 0;
    if (call(pair, "fd_filestat_set_times",
             (uint64_t[]){fd, UINT64_C(1000000005), UINT64_C(2000000007), times}) == 0 &&
        call(pair, "fd_filestat_get", (uint64_t[]){fd, RESULT_AT}) == 0 && sets && times == 5)
        compare_memory(pair, RESULT_AT + 40, 16);
    (void)call(pair, "path_filestat_set_times",
               (uint64_t[]){pick_directory(pair), 0, PATH_AT, size, 1, 2, times});
}

static void change_names(struct pair *pair)
{
    static const char *const names[] = {"path_create_directory", "path_create_directory",
                                        "path_remove_directory", "path_unlink_file"};
    uint32_t size = put_path(pair, PATH_AT);
    uint64_t fd = pick_directory(pair);
    if (pick(pair, 2) == 0) {
        (void)call(pair, names[pick(pair, 4)], (uint64_t[]){fd, PATH_AT, size});
        return;
    }
    uint32_t other_size = put_path(pair, OTHER_PATH_AT);
    (void)call(pair, "path_rename",
               (uint64_t[]){fd, PATH_AT, size, pick_directory(pair), OTHER_PATH_AT, other_size});
}

static void change_numbers(struct pair *pair)
{
    uint64_t from = pick_opened(pair);
    uint64_t to = pick_opened(pair);
    if (pick(pair, 2) != 0)
        (void)call(pair, "fd_close", &from);
    else
        (void)call(pair, "fd_renumber", (uint64_t[]){from, to});
}

/* ---- listings ---- */

struct names {
    char list[256][264]; /* the kind and the name */
    size_t count;
};

static int compare_strings(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Reads a listing that a call left in memory. */
static void take_names(const struct side *side, struct names *names)
{
    uint32_t used = load_u32(side->bytes + RESULT_AT);
    const uint8_t *at = side->bytes + BUFFER_AT;
    const uint8_t *end = at + used;
    names->count = 0;
    assert_true(used < LIST_SIZE);
    while (at < end) {
        uint32_t size = load_u32(at + 16);
        assert_true(size <= 255 && names->count < 256);
        (void)snprintf(names->list[names->count++], sizeof(names->list[0]), "%u %.*s", at[20],
                       (int)size, (const char *)at + WASI_DIRENT_SIZE);
        at += WASI_DIRENT_SIZE + size;
    }
    qsort(names->list, names->count, sizeof(names->list[0]), compare_strings);
}

static void list(struct pair *pair)
{
    static struct names kernel;
    static struct names scratch;
    const uint64_t arguments[] = {pick_number(pair), BUFFER_AT, LIST_SIZE, 0, RESULT_AT};
    if (call(pair, "fd_readdir", arguments) != 0)
        return;
    take_names(&pair->kernel, &kernel);
    take_names(&pair->scratch, &scratch);
    if (kernel.count != scratch.count ||
        memcmp(kernel.list, scratch.list, kernel.count * sizeof(kernel.list[0])) != 0) {
        for (size_t i = 0; i < kernel.count && i < scratch.count; i++) {
            if (strcmp(kernel.list[i], scratch.list[i]) != 0)
                fail_msg("%s: '%s' and '%s'", pair->call, kernel.list[i], scratch.list[i]);
        }
        if (kernel.count != scratch.count)
            fail_msg("%s: %zu and %zu entries", pair->call, kernel.count, scratch.count);
    }
}

/* ---- whole trees ---- */

struct comparison {
    int workspace; /* of the kernel's side */
    size_t files;
};

static int compare_file(void *argument, const char *path, size_t path_size, uint64_t size,
                        const struct scratch_node *file)
{
    static uint8_t expected[1 << 20];
    static uint8_t found[1 << 20];
    struct comparison *comparison = argument;
    struct stat status;
    assert_int_equal(strlen(path), path_size);
    int fd = openat(comparison->workspace, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("'%s' is only in scratch", path);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, size);
    assert_true(size <= sizeof(found));
    assert_int_equal(read(fd, expected, sizeof(expected)), size);
    assert_int_equal(wasi_scratch_read(file, 0, found, sizeof(found)), size);
    assert_memory_equal(expected, found, size);
    (void)close(fd);
    comparison->files++;
    return 0;
}

static size_t files_counted;

static int count_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)path;
    (void)walk;
    (void)type;
    if (S_ISREG(status->st_mode))
        files_counted++;
    return 0;
}

static void compare_workspaces(struct pair *pair)
{
    char path[128];
    struct comparison comparison = {
        .workspace = openat(pair->folder_fd, "workspace", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    assert_int_equal(wasi_host_scratch_visit_changed(pair->scratch.host, compare_file, &comparison),
                     0);
    (void)close(comparison.workspace);
    files_counted = 0;
    (void)snprintf(path, sizeof(path), "%s/workspace", pair->folder);
    assert_int_equal(nftw(path, count_file, 16, FTW_PHYS), 0);
    assert_int_equal(files_counted, comparison.files);
}

static void scratch_does_what_the_kernel_does(void **state)
{
    static void (*const calls[])(struct pair *) = {
        open_something,
        open_something,
        open_something,
        transfer,
        transfer,
        transfer,
        move_position,
        ask,
        ask,
        set_size_or_flags,
        set_times,
        change_names,
        change_names,
        change_names,
        change_numbers,
        list,
    };
    static struct pair pair;
    *state = &pair; /* of the present sequence, for the end of the test */
    for (uint32_t sequence = 0; sequence < SEQUENCES; sequence++) {
        make_pair(&pair, sequence * 7919 + 1);
        for (int i = 0; i < CALLS; i++)
            calls[pick(&pair, sizeof(calls) / sizeof(calls[0]))](&pair);
        compare_workspaces(&pair);
        const char *wrong = scratch_check(pair.scratch.host);
        if (wrong != NULL)
            fail_msg("%s is wrong", wrong);
        free_pair(&pair);
        assert_int_equal(pair.scratch.memory.charged, 0);
        memset(&pair, 0, sizeof(pair));
    }
}

/* After a failure the last sequence is still there. */
static int tear_down(void **state)
{
    struct pair *pair = *state;
    if (pair->scratch.host != NULL)
        free_pair(pair);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(scratch_does_what_the_kernel_does, tear_down),
    };
    return cmocka_run_group_tests_name("wasi_scratch_model", tests, NULL, NULL);
}
