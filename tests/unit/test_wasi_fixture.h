/* What the tests of src/wasi share: a host over a small linear memory that ends at an inaccessible
 * page, with a writable and a read-only preopen and pipes as standard descriptors.
 *
 * The folder on the host:
 *     rw/file      "0123456789"     preopen 3, guest path /rw, writable
 *     rw/sub/deep  "deep"
 *     ro/file      "0123456789"     preopen 4, guest path /ro, read-only
 *     ro/sub/deep  "deep"
 *     outside/secret  "SECRET"      granted to nobody
 */
#ifndef SHANNON_TEST_WASI_FIXTURE_H
#define SHANNON_TEST_WASI_FIXTURE_H

#include "test_wasi_call.h"

#include "wasi/abi.h"
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/wasi_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#define MEMORY_SIZE (2u * WASM_PAGE_SIZE)
#define RW 3u
#define RO 4u
#define NEXT_FD 5u /* the first number that path_open gives */

/* Where the tests put things in guest memory. */
#define RESULT_AT 0x100u
#define VECTORS_AT 0x200u
#define PATH_AT 0x1000u
#define OTHER_PATH_AT 0x3000u
#define BUFFER_AT 0x8000u
#define BUFFER_SIZE 0x8000u

#define READ_WRITE                                                                                 \
    (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL |          \
     WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_SIZE | WASI_RIGHT_FD_ALLOCATE |       \
     WASI_RIGHT_FD_ADVISE | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_DATASYNC |                          \
     WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_SET_TIMES |                           \
     WASI_RIGHT_POLL_FD_READWRITE)
#define READ_ONLY                                                                                  \
    (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_FILESTAT_GET |   \
     WASI_RIGHT_FD_READDIR)

struct fixture {
    struct linear_memory memory;
    struct wasi_host *host;
    char folder[64];
    int folder_fd;
    int to_stdin;    /* our end of the guest's standard input */
    int from_stdout; /* our end of the guest's standard output */
    int guest_stdin;
    int guest_stdout;
    int guest_stderr;
};

/* cmocka setup and teardown; *state is the struct fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* The same, and scratch of SCRATCH_LIMIT bytes: TMP and WORKSPACE are its preopens. The memory
 * limit is MEMORY_LIMIT. */
#define TMP 5u
#define WORKSPACE 6u
#define SCRATCH_NEXT_FD 7u
#define SCRATCH_LIMIT (UINT64_C(16) << 20)
#define MEMORY_LIMIT (UINT64_C(64) << 20)
int scratch_set_up(void **state);
#define SCRATCH_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, scratch_set_up, fixture_tear_down)

/* Another host over the same memory, with the grants that one of them begins with. */
struct wasi_host *fixture_fresh_host(struct fixture *fixture);
struct wasi_host *scratch_fresh_host(struct fixture *fixture);

/* A cmocka test with the fixture. */
#define WASI_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

const struct engine_import *import_named(const char *name);

/* preview1_proc_exit ends in the engine's guest_exit, which these tests replace: -1 until then. */
extern int64_t exit_code_seen;
extern jmp_buf exit_target;

/* Guest memory. */
uint8_t *memory_at(const struct fixture *fixture, uint32_t address);
uint32_t put_text(struct fixture *fixture, uint32_t address, const char *text);
uint32_t result_u32(const struct fixture *fixture);
uint64_t result_u64(const struct fixture *fixture);
void put_vector(struct fixture *fixture, uint32_t index, uint32_t address, uint32_t size);

/* Preview1 calls with host strings. Each returns the errno. */
uint32_t guest_open(struct fixture *fixture, uint32_t directory, const char *path,
                    uint32_t open_flags, uint64_t rights, uint32_t *fd);
uint32_t guest_open_follow(struct fixture *fixture, uint32_t directory, const char *path,
                           uint32_t open_flags, uint64_t rights, uint32_t *fd);
uint32_t guest_open_directory(struct fixture *fixture, uint32_t directory, const char *path,
                              uint32_t *fd);
uint32_t guest_read(struct fixture *fixture, uint32_t fd, char *text, uint32_t size);
uint32_t guest_write(struct fixture *fixture, uint32_t fd, const char *text);
uint32_t guest_stat(struct fixture *fixture, uint32_t directory, const char *path, bool follow);
uint32_t guest_path_call(struct fixture *fixture,
                         uint32_t (*function)(void *, uint32_t, uint32_t, uint32_t),
                         uint32_t directory, const char *path);
uint32_t guest_rename(struct fixture *fixture, uint32_t old_directory, const char *old_path,
                      uint32_t new_directory, const char *new_path);
uint32_t guest_link(struct fixture *fixture, uint32_t old_directory, const char *old_path,
                    uint32_t new_directory, const char *new_path);
uint32_t guest_symlink(struct fixture *fixture, const char *target, uint32_t directory,
                       const char *path);
/* The target is left at BUFFER_AT, its length in the result. */
uint32_t guest_readlink(struct fixture *fixture, uint32_t directory, const char *path);

/* The host's side of the folder. `path` is relative to it. */
void host_write(const struct fixture *fixture, const char *path, const char *text);
void host_symlink(const struct fixture *fixture, const char *target, const char *path);
void host_mkdir(const struct fixture *fixture, const char *path);
void host_check_content(const struct fixture *fixture, const char *path, const char *text);
bool host_exists(const struct fixture *fixture, const char *path);

/* Host descriptors that this process has open. */
int open_descriptor_count(void);

/* The number of entries beneath the folder. */
int host_entry_count(const struct fixture *fixture);

#endif
