/* The fixture of the tests of src/wasi. */
#include "test_wasi_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUARD_SIZE ((size_t)1 << 20)

int64_t exit_code_seen = -1;
jmp_buf exit_target;

/* Linked in place of the engine's, see tests/unit/meson.build. */
_Noreturn void __wrap_guest_exit(uint32_t code);
_Noreturn void __wrap_guest_exit(uint32_t code)
{
    exit_code_seen = code;
    longjmp(exit_target, 1);
}

static void make_memory(struct linear_memory *memory)
{
    memory->reservation_size = MEMORY_SIZE + 2 * GUARD_SIZE;
    memory->reservation = mmap(NULL, memory->reservation_size, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(memory->reservation, MAP_FAILED);
    memory->base = (uint8_t *)memory->reservation + GUARD_SIZE;
    memory->size = MEMORY_SIZE;
    memory->limit = MEMORY_SIZE;
    assert_int_equal(mprotect(memory->base, MEMORY_SIZE, PROT_READ | PROT_WRITE), 0);
}

static void grant_folder(const struct fixture *fixture, struct wasi_host *host, const char *name,
                         bool writable)
{
    struct error error = ERROR_NONE;
    char guest_path[64];
    (void)snprintf(guest_path, sizeof(guest_path), "/%s", name);
    int fd = openat(fixture->folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (wasi_host_add_preopen(host, fd, guest_path, writable, &error) != 0)
        fail_msg("%s", error.message);
}

struct wasi_host *fixture_fresh_host(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    struct wasi_host *host = wasi_host_new(&fixture->memory);
    assert_non_null(host);
    assert_int_equal(wasi_host_set_standard(host, 0, fixture->guest_stdin, &error), 0);
    assert_int_equal(wasi_host_set_standard(host, 1, fixture->guest_stdout, &error), 0);
    assert_int_equal(wasi_host_set_standard(host, 2, fixture->guest_stderr, &error), 0);
    grant_folder(fixture, host, "rw", true);
    grant_folder(fixture, host, "ro", false);
    return host;
}

static void make_pipes(struct fixture *fixture)
{
    int in[2];
    int out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fixture->guest_stdin = in[0];
    fixture->to_stdin = in[1];
    fixture->from_stdout = out[0];
    fixture->guest_stdout = out[1];
    fixture->guest_stderr = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(fixture->guest_stderr >= 0);
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    const char *base = getenv("TMPDIR");
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/shannon-wasi-XXXXXX",
                   base == NULL || strlen(base) > 30 ? "/tmp" : base);
    assert_non_null(mkdtemp(fixture->folder));
    fixture->folder_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->folder_fd >= 0);
    const char *const granted[] = {"rw", "ro"};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        host_mkdir(fixture, granted[i]);
        (void)snprintf(path, sizeof(path), "%s/file", granted[i]);
        host_write(fixture, path, "0123456789");
        (void)snprintf(path, sizeof(path), "%s/sub", granted[i]);
        host_mkdir(fixture, path);
        (void)snprintf(path, sizeof(path), "%s/sub/deep", granted[i]);
        host_write(fixture, path, "deep");
    }
    host_mkdir(fixture, "outside");
    host_write(fixture, "outside/secret", "SECRET");
    make_memory(&fixture->memory);
    make_pipes(fixture);
    fixture->host = fixture_fresh_host(fixture);
    *state = fixture;
    return 0;
}

static void add_scratch(struct wasi_host *host)
{
    struct error error = ERROR_NONE;
    if (wasi_host_add_scratch(host, SCRATCH_LIMIT, &error) != 0)
        fail_msg("%s", error.message);
}

int scratch_set_up(void **state)
{
    assert_int_equal(fixture_set_up(state), 0);
    struct fixture *fixture = *state;
    fixture->memory.limit = MEMORY_LIMIT;
    add_scratch(fixture->host);
    return 0;
}

struct wasi_host *scratch_fresh_host(struct fixture *fixture)
{
    struct wasi_host *host = fixture_fresh_host(fixture);
    add_scratch(host);
    return host;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;
    wasi_host_free(fixture->host);
    (void)close(fixture->guest_stdin);
    (void)close(fixture->guest_stdout);
    (void)close(fixture->guest_stderr);
    if (fixture->to_stdin >= 0)
        (void)close(fixture->to_stdin);
    if (fixture->from_stdout >= 0)
        (void)close(fixture->from_stdout);
    (void)close(fixture->folder_fd);
    (void)nftw(fixture->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    (void)munmap(fixture->memory.reservation, fixture->memory.reservation_size);
    free(fixture);
    return 0;
}

const struct engine_import *import_named(const char *name)
{
    for (const struct engine_import *import = wasi_preview1_imports; import->name != NULL; import++)
        if (strcmp(import->name, name) == 0)
            return import;
    fail_msg("no import %s", name);
    return NULL;
}

uint8_t *memory_at(const struct fixture *fixture, uint32_t address)
{
    assert_true(address < MEMORY_SIZE);
    return fixture->memory.base + address;
}

uint32_t put_text(struct fixture *fixture, uint32_t address, const char *text)
{
    size_t size = strlen(text);
    assert_true(address + size <= MEMORY_SIZE);
    memcpy(fixture->memory.base + address, text, size);
    return (uint32_t)size;
}

uint32_t result_u32(const struct fixture *fixture)
{
    return load_u32(memory_at(fixture, RESULT_AT));
}

uint64_t result_u64(const struct fixture *fixture)
{
    return load_u64(memory_at(fixture, RESULT_AT));
}

void put_vector(struct fixture *fixture, uint32_t index, uint32_t address, uint32_t size)
{
    store_u32(memory_at(fixture, VECTORS_AT + index * WASI_IOVEC_SIZE), address);
    store_u32(memory_at(fixture, VECTORS_AT + index * WASI_IOVEC_SIZE + 4), size);
}

static uint32_t open_with(struct fixture *fixture, uint32_t directory, uint32_t lookup_flags,
                          const char *path, uint32_t open_flags, uint64_t rights, uint32_t *fd)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    uint32_t failure = preview1_path_open(fixture->host, directory, lookup_flags, PATH_AT, size,
                                          open_flags, rights, 0, 0, RESULT_AT);
    if (failure == WASI_ERRNO_SUCCESS && fd != NULL)
        *fd = result_u32(fixture);
    return failure;
}

uint32_t guest_open(struct fixture *fixture, uint32_t directory, const char *path,
                    uint32_t open_flags, uint64_t rights, uint32_t *fd)
{
    return open_with(fixture, directory, 0, path, open_flags, rights, fd);
}

uint32_t guest_open_follow(struct fixture *fixture, uint32_t directory, const char *path,
                           uint32_t open_flags, uint64_t rights, uint32_t *fd)
{
    return open_with(fixture, directory, WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, open_flags, rights,
                     fd);
}

uint32_t guest_open_directory(struct fixture *fixture, uint32_t directory, const char *path,
                              uint32_t *fd)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    uint32_t failure = preview1_fd_fdstat_get(fixture->host, directory, RESULT_AT);
    if (failure != WASI_ERRNO_SUCCESS)
        return failure;
    uint64_t rights = load_u64(memory_at(fixture, RESULT_AT + 8));
    uint64_t inheriting = load_u64(memory_at(fixture, RESULT_AT + 16));
    failure = preview1_path_open(fixture->host, directory, WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, PATH_AT,
                                 size, WASI_OFLAGS_DIRECTORY, rights, inheriting, 0, RESULT_AT);
    if (failure == WASI_ERRNO_SUCCESS && fd != NULL)
        *fd = result_u32(fixture);
    return failure;
}

uint32_t guest_read(struct fixture *fixture, uint32_t fd, char *text, uint32_t size)
{
    assert_true(size <= BUFFER_SIZE);
    put_vector(fixture, 0, BUFFER_AT, size - 1);
    uint32_t failure = preview1_fd_read(fixture->host, fd, VECTORS_AT, 1, RESULT_AT);
    uint32_t got = failure == WASI_ERRNO_SUCCESS ? result_u32(fixture) : 0;
    assert_true(got < size);
    memcpy(text, memory_at(fixture, BUFFER_AT), got);
    text[got] = '\0';
    return failure;
}

uint32_t guest_write(struct fixture *fixture, uint32_t fd, const char *text)
{
    put_vector(fixture, 0, BUFFER_AT, put_text(fixture, BUFFER_AT, text));
    return preview1_fd_write(fixture->host, fd, VECTORS_AT, 1, RESULT_AT);
}

uint32_t guest_stat(struct fixture *fixture, uint32_t directory, const char *path, bool follow)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    return preview1_path_filestat_get(fixture->host, directory,
                                      follow ? WASI_LOOKUPFLAGS_SYMLINK_FOLLOW : 0, PATH_AT, size,
                                      RESULT_AT);
}

uint32_t guest_path_call(struct fixture *fixture,
                         uint32_t (*function)(void *, uint32_t, uint32_t, uint32_t),
                         uint32_t directory, const char *path)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    return function(fixture->host, directory, PATH_AT, size);
}

uint32_t guest_rename(struct fixture *fixture, uint32_t old_directory, const char *old_path,
                      uint32_t new_directory, const char *new_path)
{
    uint32_t old_size = put_text(fixture, PATH_AT, old_path);
    uint32_t new_size = put_text(fixture, OTHER_PATH_AT, new_path);
    return preview1_path_rename(fixture->host, old_directory, PATH_AT, old_size, new_directory,
                                OTHER_PATH_AT, new_size);
}

uint32_t guest_link(struct fixture *fixture, uint32_t old_directory, const char *old_path,
                    uint32_t new_directory, const char *new_path)
{
    uint32_t old_size = put_text(fixture, PATH_AT, old_path);
    uint32_t new_size = put_text(fixture, OTHER_PATH_AT, new_path);
    return preview1_path_link(fixture->host, old_directory, 0, PATH_AT, old_size, new_directory,
                              OTHER_PATH_AT, new_size);
}

uint32_t guest_symlink(struct fixture *fixture, const char *target, uint32_t directory,
                       const char *path)
{
    uint32_t target_size = put_text(fixture, OTHER_PATH_AT, target);
    uint32_t size = put_text(fixture, PATH_AT, path);
    return preview1_path_symlink(fixture->host, OTHER_PATH_AT, target_size, directory, PATH_AT,
                                 size);
}

uint32_t guest_readlink(struct fixture *fixture, uint32_t directory, const char *path)
{
    uint32_t size = put_text(fixture, PATH_AT, path);
    return preview1_path_readlink(fixture->host, directory, PATH_AT, size, BUFFER_AT, BUFFER_SIZE,
                                  RESULT_AT);
}

void host_write(const struct fixture *fixture, const char *path, const char *text)
{
    int fd = openat(fixture->folder_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

void host_symlink(const struct fixture *fixture, const char *target, const char *path)
{
    assert_int_equal(symlinkat(target, fixture->folder_fd, path), 0);
}

void host_mkdir(const struct fixture *fixture, const char *path)
{
    assert_int_equal(mkdirat(fixture->folder_fd, path, 0755), 0);
}

void host_check_content(const struct fixture *fixture, const char *path, const char *text)
{
    char content[256] = {0};
    int fd = openat(fixture->folder_fd, path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, content, sizeof(content) - 1) >= 0);
    (void)close(fd);
    assert_string_equal(content, text);
}

bool host_exists(const struct fixture *fixture, const char *path)
{
    struct stat status;
    return fstatat(fixture->folder_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int open_descriptor_count(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

static int counted;

static int count_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)path;
    (void)status;
    (void)type;
    (void)walk;
    counted++;
    return 0;
}

int host_entry_count(const struct fixture *fixture)
{
    counted = 0;
    assert_int_equal(nftw(fixture->folder, count_entry, 16, FTW_PHYS), 0);
    return counted;
}
