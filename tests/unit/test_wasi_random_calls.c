/* Sequences of preview1 calls drawn from bytes; see test_wasi_random_calls.h. */
#include "test_wasi_random_calls.h"

#include "test_wasi_call.h"
#include "wasi/abi.h"
#include "wasi/guest_memory.h"
#include "wasi/wasi_host.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IMPORTS 46u

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

/* What each parameter of each import means, so that most calls get past the first checks:
 * d descriptor, D directory, a address, s size, P path and l its length, v vectors and n their
 * count, S subscriptions, f flags or another small number, L lookup flags, R rights, O offset or
 * time. */
static const char *const meanings[IMPORTS][2] = {
    {"args_get", "aa"},
    {"args_sizes_get", "aa"},
    {"clock_res_get", "fa"},
    {"clock_time_get", "fOa"},
    {"environ_get", "aa"},
    {"environ_sizes_get", "aa"},
    {"fd_advise", "dOOf"},
    {"fd_allocate", "dOO"},
    {"fd_close", "d"},
    {"fd_datasync", "d"},
    {"fd_fdstat_get", "da"},
    {"fd_fdstat_set_flags", "df"},
    {"fd_fdstat_set_rights", "dRR"},
    {"fd_filestat_get", "da"},
    {"fd_filestat_set_size", "dO"},
    {"fd_filestat_set_times", "dOOf"},
    {"fd_pread", "dvnOa"},
    {"fd_prestat_dir_name", "das"},
    {"fd_prestat_get", "da"},
    {"fd_pwrite", "dvnOa"},
    {"fd_read", "dvna"},
    {"fd_readdir", "DasOa"},
    {"fd_renumber", "dd"},
    {"fd_seek", "dOfa"},
    {"fd_sync", "d"},
    {"fd_tell", "da"},
    {"fd_write", "dvna"},
    {"path_create_directory", "DPl"},
    {"path_filestat_get", "DLPla"},
    {"path_filestat_set_times", "DLPlOOf"},
    {"path_link", "DfPlDPl"},
    {"path_open", "DLPlfRRfa"},
    {"path_readlink", "DPlasa"},
    {"path_remove_directory", "DPl"},
    {"path_rename", "DPlDPl"},
    {"path_symlink", "PlDPl"},
    {"path_unlink_file", "DPl"},
    {"poll_oneoff", "Sana"},
    {"proc_exit", "f"},
    {"proc_raise", "f"},
    {"random_get", "as"},
    {"sched_yield", ""},
    {"sock_accept", "dfa"},
    {"sock_recv", "dvnfaa"},
    {"sock_send", "dvnfa"},
    {"sock_shutdown", "df"},
};

/* What gives the other calls something to work on; every second call is one of these. */
static const char *const often[] = {
    "path_open",   "path_open",  "path_open",        "path_open",
    "fd_write",    "fd_read",    "fd_pwrite",        "fd_pread",
    "fd_seek",     "fd_readdir", "fd_allocate",      "fd_filestat_set_size",
    "path_rename", "path_open",  "path_unlink_file", "path_create_directory",
};

struct input {
    const struct linear_memory *memory;
    const uint8_t *data;
    size_t size;
    uint32_t path_place;
};

static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && input->size > 0; i++, input->data++, input->size--)
        value = value << 8 | *input->data;
    return value;
}

#define ADDRESSES_AT 0x8000u
#define PATHS_AT 0x4000u
#define VECTORS_AT 0x3000u
#define SUBSCRIPTIONS_AT 0x2000u

/* Any number, the edges more often. */
static uint64_t take_wild(struct input *input)
{
    uint8_t how = (uint8_t)take(input, 1);
    switch (how % 4) {
    case 0:
        return input->memory->size - how / 4u;
    case 1:
        return UINT64_MAX - how / 4u;
    case 2:
        return UINT64_C(1) << how / 4;
    default:
        return take(input, 8);
    }
}

/* A path at one of two places, the one after the other; *length is that of the last. */
static uint64_t put_path(struct input *input, uint64_t *length)
{
    const char *path = paths[take(input, 1) % (sizeof(paths) / sizeof(paths[0]))];
    input->path_place ^= 0x1000u;
    *length = strlen(path);
    memcpy(input->memory->base + PATHS_AT + input->path_place, path, *length);
    return PATHS_AT + input->path_place;
}

static uint64_t put_vectors(struct input *input)
{
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t what = (uint8_t)take(input, 1);
        store_u32(input->memory->base + VECTORS_AT + i * 8, ADDRESSES_AT + what * 16u);
        store_u32(input->memory->base + VECTORS_AT + i * 8 + 4,
                  what % 8u == 7 ? what * 32u : what % 64u);
    }
    return VECTORS_AT;
}

/* The first is a time that has come, so that no poll waits. */
static uint64_t put_subscriptions(struct input *input)
{
    uint8_t *at = input->memory->base + SUBSCRIPTIONS_AT;
    memset(at, 0, 4 * WASI_SUBSCRIPTION_SIZE);
    for (uint32_t i = 1; i < 4; i++) {
        uint8_t what = (uint8_t)take(input, 1);
        at += WASI_SUBSCRIPTION_SIZE;
        at[8] = what % 4;
        store_u32(at + 16, what / 4 % 8);
        store_u64(at + 24, take(input, 1));
        at[40] = what / 128;
    }
    return SUBSCRIPTIONS_AT;
}

/* Small ones, and some that lie blocks apart. */
static uint64_t take_offset(struct input *input)
{
    uint64_t what = take(input, 1);
    return what < 128 ? what : (what - 127) * 1000;
}

static uint64_t take_tame(struct input *input, char meaning, uint64_t *length)
{
    static const uint64_t rights[] = {
        0, WASI_RIGHT_FD_READ, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE,
        WASI_RIGHTS_ALL &
            ~(WASI_RIGHT_FD_WRITE | WASI_RIGHT_SOCK_ACCEPT | WASI_RIGHT_SOCK_SHUTDOWN),
        WASI_RIGHTS_ALL & ~(WASI_RIGHT_SOCK_ACCEPT | WASI_RIGHT_SOCK_SHUTDOWN)};
    uint64_t what;
    switch (meaning) {
    case 'd': /* what path_open gave, more often */
        what = take(input, 1);
        return what < 128 ? 7 + what % 3 : what % 10;
    case 'D': /* the preopens, more often */
        what = take(input, 1);
        return what < 200 ? 3 + what % 4 : what % 10;
    case 'a':
        return ADDRESSES_AT + take(input, 1) * 64;
    case 's':
        return take(input, 1) * 4;
    case 'P':
        return put_path(input, length);
    case 'l':
        return *length;
    case 'v':
        return put_vectors(input);
    case 'n':
        return 1 + take(input, 1) % 3;
    case 'S':
        return put_subscriptions(input);
    case 'f':
        return take(input, 1) % 16;
    case 'L':
        return take(input, 1) % 2;
    case 'O':
        return take_offset(input);
    case 'R':
        return rights[take(input, 1) % 5];
    default:
        return take(input, 1);
    }
}

/* However the subscriptions came about, the first must not wait. */
static void end_the_wait(const struct linear_memory *memory, const uint64_t *arguments)
{
    uint8_t *subscription =
        linear_memory_at(memory, (uint32_t)arguments[0], WASI_SUBSCRIPTION_SIZE);
    if (subscription != NULL)
        memset(subscription, 0, WASI_SUBSCRIPTION_SIZE);
}

static bool table_is_right(void)
{
    for (uint32_t i = 0; i < IMPORTS; i++) {
        const struct engine_import *import = &wasi_preview1_imports[i];
        if (import->name == NULL || strcmp(meanings[i][0], import->name) != 0 ||
            strlen(meanings[i][1]) != strlen(import->parameters))
            return false;
    }
    return wasi_preview1_imports[IMPORTS].name == NULL;
}

static const struct engine_import *take_import(struct input *input, uint32_t *index)
{
    uint8_t which = (uint8_t)take(input, 1);
    *index = which % IMPORTS;
    if (which >= 128) {
        const char *name = often[which % (sizeof(often) / sizeof(often[0]))];
        for (*index = 0; strcmp(meanings[*index][0], name) != 0; (*index)++)
            continue;
    }
    return &wasi_preview1_imports[*index];
}

void random_calls_run(struct wasi_host *host, const struct linear_memory *memory,
                      const uint8_t *data, size_t size)
{
    struct input input = {.memory = memory, .data = data, .size = size};
    if (!table_is_right())
        abort(); /* the table here must follow the one of the host */
    while (input.size > 0) {
        uint32_t which;
        const struct engine_import *import = take_import(&input, &which);
        uint8_t wild = (uint8_t)take(&input, 1);
        uint64_t arguments[9] = {0};
        uint64_t length = 0;
        /* One call in four has one argument that can be anything. */
        for (size_t i = 0; import->parameters[i] != '\0'; i++)
            arguments[i] = wild % 4 == 3 && wild / 4 % 9 == i
                               ? take_wild(&input)
                               : take_tame(&input, meanings[which][1][i], &length);
        if (strcmp(import->name, "poll_oneoff") == 0)
            end_the_wait(memory, arguments);
        (void)guest_call(host, import, arguments);
    }
}
