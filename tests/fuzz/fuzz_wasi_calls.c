/* libFuzzer target: any sequence of preview1 calls with any integers, over a small memory and a
 * temporary folder. After each sequence nothing outside the writable preopen may have changed and
 * no host descriptor may be left open.
 *
 *     meson setup build-fuzz -Dfuzzing=true -Db_lundef=false (with CC=clang-19)
 *     TMPDIR=/dev/shm build-fuzz/tests/fuzz/fuzz_wasi_calls -max_total_time=600 -len_control=0
 * CORPUS
 */
#include "test_wasi_random_calls.h"
#include "wasi/wasi_host.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdbool.h>
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

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
_Noreturn void __wrap_guest_exit(uint32_t code);

static char folder[64];
static int folder_fd;
static struct linear_memory memory;
static jmp_buf after_exit;
static struct stat outside_before[4];

static const char *const watched[] = {"outside", "outside/secret", "ro", "ro/file"};

_Noreturn void __wrap_guest_exit(uint32_t code)
{
    (void)code;
    longjmp(after_exit, 1);
}

static void require(bool condition, const char *what)
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

static void make_writable_folder(void)
{
    remove_tree("rw");
    require(mkdirat(folder_fd, "rw", 0755) == 0, "mkdir rw");
    require(mkdirat(folder_fd, "rw/sub", 0755) == 0, "mkdir rw/sub");
    write_file("rw/file", "0123456789");
    write_file("rw/sub/deep", "deep");
    require(symlinkat("sub", folder_fd, "rw/link") == 0, "link");
    require(symlinkat("../outside", folder_fd, "rw/out") == 0, "out");
    require(symlinkat("loop", folder_fd, "rw/loop") == 0, "loop");
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
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
    memory.limit = MEMORY_SIZE;
    require(mprotect(memory.base, MEMORY_SIZE, PROT_READ | PROT_WRITE) == 0, "mprotect");
    const struct rlimit limit = {.rlim_cur = FILE_SIZE_MAX, .rlim_max = FILE_SIZE_MAX};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    return 0;
}

static struct wasi_host *make_host(int null)
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
    (void)wasi_host_add_argument(host, "fuzz", &error);
    (void)wasi_host_add_variable(host, "A=B", &error);
    return host;
}

static void check_outside(void)
{
    for (int i = 0; i < 4; i++) {
        struct stat now;
        require(fstatat(folder_fd, watched[i], &now, AT_SYMLINK_NOFOLLOW) == 0, watched[i]);
        require(now.st_ctim.tv_sec == outside_before[i].st_ctim.tv_sec &&
                    now.st_ctim.tv_nsec == outside_before[i].st_ctim.tv_nsec,
                watched[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_writable_folder();
    memset(memory.base, 0, MEMORY_SIZE);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int lowest = dup(null);
    (void)close(lowest);
    struct wasi_host *host = make_host(null);
    if (setjmp(after_exit) == 0)
        random_calls_run(host, &memory, data, size);
    wasi_host_free(host);
    int lowest_after = dup(null);
    (void)close(lowest_after);
    (void)close(null);
    require(lowest == lowest_after, "a host descriptor was left open");
    check_outside();
    return 0;
}
