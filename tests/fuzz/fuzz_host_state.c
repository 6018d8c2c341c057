/* libFuzzer target: any bytes as the saved state of a host. What is restored must be usable, be
 * saved and restored again, and lead nowhere.
 *
 *     TMPDIR=/dev/shm build-fuzz/tests/fuzz/fuzz_host_state -max_total_time=600 CORPUS
 * tests/fuzz/corpus/host_state
 */
#include "fuzz_wasi_host.h"
#include "test_scratch_check.h"
#include "test_wasi_random_calls.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_host_prepare();
    return 0;
}

static int read_file(void *argument, const char *path, size_t path_size, uint64_t size,
                     const struct scratch_node *file)
{
    static char bytes[8192];
    size_t read = wasi_scratch_read(file, size / 2, bytes, sizeof(bytes));
    (void)argument;
    require(path[path_size] == '\0' && read <= size, path);
    return 0;
}

/* Makes calls that are other ones for every other state. */
static void use(struct wasi_host *host, const uint8_t *data, size_t size)
{
    static uint8_t calls[600];
    uint32_t seed = 1;
    for (size_t i = 0; i < size; i++)
        seed = seed * 16777619u ^ data[i];
    for (size_t i = 0; i < sizeof(calls); i++) {
        seed = seed * 1664525u + 1013904223u;
        calls[i] = (uint8_t)(seed >> 24);
    }
    const char *wrong = scratch_check(host);
    require(wrong == NULL, wrong);
    if (setjmp(after_exit) == 0)
        random_calls_run(host, &memory, calls, sizeof(calls));
    (void)wasi_host_scratch_visit_changed(host, read_file, NULL);
    wrong = scratch_check(host);
    require(wrong == NULL, wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wasi_host *host; /* static: longjmp leaves it as it is */
    struct error error = ERROR_NONE;
    fuzz_host_begin();
    host = fuzz_host_new();
    if (wasi_host_restore(host, data, size, &error) == 0) {
        host = fuzz_host_move(host);
        use(host, data, size);
        host = fuzz_host_move(host);
    } else {
        require(error.kind == ERROR_INVALID_REQUEST || error.kind == ERROR_MEMORY_LIMIT,
                error.message);
    }
    wasi_host_free(host);
    fuzz_host_end();
    return 0;
}
