/* libFuzzer target: any sequence of preview1 calls with any integers, over a small memory, a
 * temporary folder and scratch, in which the host is now and then saved and restored. After each
 * sequence nothing outside the writable preopens may have changed, no host descriptor may be left
 * open, and scratch must be right.
 *
 *     meson setup build-fuzz -Dfuzzing=true -Db_lundef=false (with CC=clang-19)
 *     TMPDIR=/dev/shm build-fuzz/tests/fuzz/fuzz_wasi_calls -max_total_time=600 -len_control=0
 * CORPUS
 */
#include "fuzz_wasi_host.h"
#include "test_scratch_check.h"
#include "test_wasi_random_calls.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_host_prepare();
    return 0;
}

/* The same names as in the writable folder, and a limit that is sometimes low or 0. */
static struct wasi_host *make_host(uint8_t choice)
{
    struct error error = ERROR_NONE;
    struct wasi_host *host = fuzz_host_new();
    require(wasi_host_scratch_put(host, "file", 4, "0123456789", 10, &error) == 0 &&
                wasi_host_scratch_put(host, "sub/deep", 8, "deep", 4, &error) == 0,
            error.message);
    if (choice < 16)
        wasi_host_set_scratch_limit(host, choice * UINT64_C(1024));
    return host;
}

static int read_changed(void *argument, const char *path, size_t path_size, uint64_t size,
                        const struct scratch_node *file)
{
    static char bytes[8192];
    size_t read = wasi_scratch_read(file, 0, bytes, sizeof(bytes));
    (void)argument;
    require(path[path_size] == '\0' && (read == size || read == sizeof(bytes)), path);
    return 0;
}

/* The first two bytes say in how many parts the rest is used, and what limit there is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wasi_host *host; /* static: longjmp leaves it as it is */
    if (size < 2)
        return 0;
    size_t parts = data[0] < 128 ? 1 : 2 + data[0] % 3u;
    size_t part_size = (size - 2) / parts;
    fuzz_host_begin();
    host = make_host(data[1]);
    for (volatile size_t part = 0; part < parts; part++) {
        if (part > 0)
            host = fuzz_host_move(host);
        if (setjmp(after_exit) == 0)
            random_calls_run(host, &memory, data + 2 + part * part_size, part_size);
        wasi_host_scratch_mark(host);
    }
    (void)wasi_host_scratch_visit_changed(host, read_changed, NULL);
    const char *wrong = scratch_check(host);
    require(wrong == NULL, wrong);
    wasi_host_free(host);
    fuzz_host_end();
    return 0;
}
