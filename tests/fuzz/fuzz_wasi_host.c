/* The host of the fuzz targets; see fuzz_wasi_host.h. */
#include "fuzz_wasi_host.h"

#include "test_scratch_check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_SIZE (2u * WASM_PAGE_SIZE)
#define GUARD_SIZE ((size_t)1 << 20)
#define FILE_SIZE_MAX ((rlim_t)1 << 20)
#define SCRATCH_LIMIT ((uint64_t)12 << 20) /* room for one file with a large index */

_Noreturn void __wrap_guest_exit(uint32_t code);

struct linear_memory memory;
jmp_buf after_exit;

static char folder[64];
static int folder_fd;
static int null;
static int lowest;
static struct stat outside_before[4];

static const char *const watched[] = {"outside", "outside/secret", "ro", "ro/file"};

_Noreturn void __wrap_guest_exit(uint32_t code)
{
    (void)code;
    longjmp(after_exit, 1);
}

void require(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "the host failed the fuzzer: %s\n", what);
    abort();
}

static void write_file(const char *path, const char *text)
{
    int fd = openat(folder_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    require(fd >= 0 && write(fd, text, strlen(text)) >= 0, path);
    (void)close(fd);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_writable_folder(void)
{
    remove_tree("rw");
    require(mkdirat(folder_fd, "rw", 0755) == 0, "mkdir rw");
    require(mkdirat(folder_fd, "rw/sub", 0755) == 0, "mkdir rw/sub");
    write_file("rw/file", "0123456789");
    write_file("rw/sub/deep", "deep");
    require(symlinkat("sub", folder_fd, "rw/link") == 0, "symlink");
    require(symlinkat("../outside", folder_fd, "rw/out") == 0, "symlink");
    require(symlinkat("loop", folder_fd, "rw/loop") == 0, "symlink");
}

void fuzz_host_prepare(void)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof(folder), "%s/shannon-fuzz-XXXXXX",
                   base == NULL || strlen(base) > 30 ? "/tmp" : base);
    require(mkdtemp(folder) != NULL, "mkdtemp");
    (void)atexit(remove_folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(mkdirat(folder_fd, "outside", 0755) == 0 && mkdirat(folder_fd, "ro", 0755) == 0,
            "mkdir");
    write_file("outside/secret", "SECRET");
    write_file("ro/file", "0123456789");
    for (int i = 0; i < 4; i++)
        require(fstatat(folder_fd, watched[i], &outside_before[i], 0) == 0, watched[i]);
    uint8_t *reservation = mmap(NULL, MEMORY_SIZE + 2 * GUARD_SIZE, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(reservation != MAP_FAILED, "mmap");
    memory.base = reservation + GUARD_SIZE;
    memory.size = MEMORY_SIZE;
    memory.limit = UINT64_MAX;
    require(mprotect(memory.base, MEMORY_SIZE, PROT_READ | PROT_WRITE) == 0, "mprotect");
    const struct rlimit limit = {.rlim_cur = FILE_SIZE_MAX, .rlim_max = FILE_SIZE_MAX};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int lowest_descriptor(void)
{
    int fd = dup(null);
    (void)close(fd);
    return fd;
}

void fuzz_host_begin(void)
{
    make_writable_folder();
    memset(memory.base, 0, MEMORY_SIZE);
    lowest = lowest_descriptor();
}

void fuzz_host_end(void)
{
    require(lowest == lowest_descriptor(), "a host descriptor was left open");
    require(memory.charged == 0, "the memory is still charged");
    for (int i = 0; i < 4; i++) {
        struct stat now;
        require(fstatat(folder_fd, watched[i], &now, AT_SYMLINK_NOFOLLOW) == 0, watched[i]);
        require(now.st_ctim.tv_sec == outside_before[i].st_ctim.tv_sec &&
                    now.st_ctim.tv_nsec == outside_before[i].st_ctim.tv_nsec,
                watched[i]);
    }
}

struct wasi_host *fuzz_host_new(void)
{
    struct error error = ERROR_NONE;
    struct wasi_host *host = wasi_host_new(&memory);
    require(host != NULL, "wasi_host_new");
    for (int fd = 0; fd < 3; fd++)
        require(wasi_host_set_standard(host, fd, null, &error) == 0, error.message);
    require(wasi_host_add_preopen(host, openat(folder_fd, "rw", O_RDONLY | O_CLOEXEC), "/rw", true,
                                  &error) == 0,
            error.message);
    require(wasi_host_add_preopen(host, openat(folder_fd, "ro", O_RDONLY | O_CLOEXEC), "/ro", false,
                                  &error) == 0,
            error.message);
    require(wasi_host_add_scratch(host, SCRATCH_LIMIT, &error) == 0, error.message);
    (void)wasi_host_add_argument(host, "fuzz", &error);
    (void)wasi_host_add_variable(host, "A=B", &error);
    return host;
}

/* Saves and frees the host; returns one that was restored from `state`. */
static struct wasi_host *move_once(struct wasi_host *host, struct buffer *state)
{
    struct error error = ERROR_NONE;
    const char *wrong = scratch_check(host);
    require(wrong == NULL, wrong);
    require(wasi_host_save(host, state, &error) == 0, error.message);
    wasi_host_free(host);
    host = fuzz_host_new();
    require(wasi_host_restore(host, state->data, state->size, &error) == 0, error.message);
    wrong = scratch_check(host);
    require(wrong == NULL, wrong);
    return host;
}

struct wasi_host *fuzz_host_move(struct wasi_host *host)
{
    BUFFER_LOCAL struct buffer first = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer second = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer third = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    host = move_once(move_once(host, &first), &second);
    require(wasi_host_save(host, &third, &error) == 0, error.message);
    require(second.size == third.size && memcmp(second.data, third.data, third.size) == 0,
            "saving what was restored gives other bytes");
    return host;
}
