/* libFuzzer target: any sequence of preview1 calls with any integers, over a small memory and a
 * temporary folder. After each sequence nothing outside the writable preopen may have changed and
 * no host descriptor may be left open.
 *
 *     meson setup build-fuzz -Dfuzzing=true -Db_lundef=false (with CC=clang-19)
 *     build-fuzz/tests/fuzz/fuzz_wasi_calls -max_total_time=600 CORPUS
 */
#include "test_wasi_call.h"
#include "wasi/abi.h"
#include "wasi/guest_memory.h"
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
#define IMPORTS 46u
#define CALLS_MAX 64
#define FILE_SIZE_MAX ((rlim_t)1 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
_Noreturn void __wrap_guest_exit(uint32_t code);

static char folder[] = "/tmp/shannon-fuzz-XXXXXX";
static int folder_fd;
static struct linear_memory memory;
static jmp_buf after_exit;
static struct stat outside_before[4];

static const char *const watched[] = {"outside", "outside/secret", "ro", "ro/file"};

static const char *const paths[] = {
    "file",
    "sub",
    "sub/deep",
    ".",
    "..",
    "../outside",
    "../outside/secret",
    "link",
    "link/",
    "out",
    "out/",
    "/",
    "/etc/passwd",
    "new",
    "new/",
    "sub/..",
    "sub/../..",
    "out/secret",
    "loop",
    "sub/new",
    "a\nb",
    "loop/x",
    "../ro/file",
    "sub/./deep",
    "//",
    "./file",
    "file/",
    "hard",
};

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

struct input {
    const uint8_t *data;
    size_t size;
};

static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && input->size > 0; i++, input->data++, input->size--)
        value = value << 8 | *input->data;
    return value;
}

/* Values that get somewhere more often than any would: descriptors, addresses that are prepared,
 * the edges. */
static uint64_t take_argument(struct input *input, char type)
{
    uint8_t how = (uint8_t)take(input, 1);
    switch (how % 8) {
    case 0:
        return how / 8 % 8;
    case 1:
        return 0x1000u + 0x100u * (how / 8u);
    case 2:
        return take(input, 1);
    case 3:
        return take(input, 2);
    case 4:
        return MEMORY_SIZE - how / 8u;
    case 5:
        return UINT64_MAX - how / 8u;
    case 6:
        return UINT64_C(1) << (how / 8 + (type == 'I' ? take(input, 1) % 33 : 0));
    default:
        return take(input, type == 'I' ? 8 : 4);
    }
}

/* Puts a path, two vectors or a number where the addresses of take_argument point. */
static void poke(struct input *input)
{
    uint32_t address = (uint32_t)(0x1000u + 0x100u * (take(input, 1) % 32));
    uint8_t what = (uint8_t)take(input, 1);
    if (what % 4 == 0) {
        store_u64(memory.base + address, take(input, 8));
    } else if (what % 4 == 1) {
        for (uint32_t i = 0; i < 4; i++)
            store_u32(memory.base + address + i * 4, (uint32_t)take_argument(input, 'i'));
    } else {
        const char *path = paths[take(input, 1) % (sizeof(paths) / sizeof(paths[0]))];
        memcpy(memory.base + address, path, strlen(path));
    }
}

/* A poll that would wait gets a first subscription that does not. */
static void end_the_wait(const uint64_t *arguments)
{
    uint8_t *subscription =
        linear_memory_at(&memory, (uint32_t)arguments[0], WASI_SUBSCRIPTION_SIZE);
    if (subscription != NULL)
        memset(subscription, 0, WASI_SUBSCRIPTION_SIZE);
}

static void run_calls(struct wasi_host *host, struct input *input)
{
    for (int calls = 0; calls < CALLS_MAX && input->size > 0; calls++) {
        uint8_t which = (uint8_t)take(input, 1);
        if (which >= 192) {
            poke(input);
            continue;
        }
        const struct engine_import *import = &wasi_preview1_imports[which % IMPORTS];
        uint64_t arguments[9] = {0};
        for (size_t i = 0; import->parameters[i] != '\0'; i++)
            arguments[i] = take_argument(input, import->parameters[i]);
        if (strcmp(import->name, "poll_oneoff") == 0)
            end_the_wait(arguments);
        (void)guest_call(host, import, arguments);
    }
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
    struct input input = {.data = data, .size = size};
    make_writable_folder();
    memset(memory.base, 0, MEMORY_SIZE);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int lowest = dup(null);
    (void)close(lowest);
    struct wasi_host *host = make_host(null);
    if (setjmp(after_exit) == 0)
        run_calls(host, &input);
    wasi_host_free(host);
    int lowest_after = dup(null);
    (void)close(lowest_after);
    (void)close(null);
    require(lowest == lowest_after, "a host descriptor was left open");
    check_outside();
    return 0;
}
