/* The reference: one module as wasm2c translates it, each access checked by comparing, on wabt's
 * own runtime. The module is guest.c and guest.h in the include path (wasm2c --no-debug-names -n
 * guest). Run as a WASI command with arguments.
 *
 * A trap ends the program with status 134 and "trap: KIND" on standard error, KIND as trap_name in
 * src/engine/trap.h has it. Of WASI there is what the generated programs and wasi-libc's printf
 * need; standard output is the only descriptor. */
#include "wasm-rt.h"

/* wabt 1.0.32's runtime adds in 32 bits: growth that wraps to no pages at all is not refused. */
static uint32_t grow_memory(wasm_rt_memory_t *memory, uint32_t pages)
{
    return pages > memory->max_pages ? UINT32_MAX : wasm_rt_grow_memory(memory, pages);
}
#define wasm_rt_grow_memory grow_memory
#include "guest.c"
#undef wasm_rt_grow_memory

#include "wasm-rt-impl.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define WASI(name) Z_wasi_snapshot_preview1Z_##name
#define UNUSED_INSTANCE struct Z_wasi_snapshot_preview1_instance_t *unused

enum { ERRNO_SUCCESS = 0, ERRNO_BADF = 8, ERRNO_SPIPE = 70 };

static Z_guest_instance_t instance;
static char **arguments;
static u32 argument_count;

static const char *const trap_names[] = {
    [WASM_RT_TRAP_OOB] = "out of bounds memory access",
    [WASM_RT_TRAP_INT_OVERFLOW] = "integer overflow",
    [WASM_RT_TRAP_DIV_BY_ZERO] = "integer divide by zero",
    [WASM_RT_TRAP_INVALID_CONVERSION] = "invalid conversion to integer",
    [WASM_RT_TRAP_UNREACHABLE] = "unreachable",
    [WASM_RT_TRAP_CALL_INDIRECT] = "indirect call type mismatch or undefined element",
    [WASM_RT_TRAP_UNCAUGHT_EXCEPTION] = "uncaught exception",
    [WASM_RT_TRAP_EXHAUSTION] = "call stack exhausted",
};

/* The programs never give WASI a bad pointer: that is an error of the test. */
static void *guest_at(u32 address, u64 size)
{
    const wasm_rt_memory_t *memory = Z_guestZ_memory(&instance);
    if (address + size > memory->size) {
        fprintf(stderr, "a bad pointer for WASI\n");
        exit(99);
    }
    return memory->data + address;
}

static void put_u32(u32 address, u32 value)
{
    memcpy(guest_at(address, 4), &value, 4);
}

u32 WASI(fd_write)(UNUSED_INSTANCE, u32 fd, u32 vectors, u32 count, u32 written)
{
    u32 total = 0;
    if (fd != 1 && fd != 2)
        return ERRNO_BADF;
    for (u32 i = 0; i < count; i++) {
        u32 vector[2];
        memcpy(vector, guest_at(vectors + 8 * i, 8), 8);
        const char *bytes = guest_at(vector[0], vector[1]);
        for (u32 done = 0; done < vector[1];) {
            ssize_t now = write((int)fd, bytes + done, vector[1] - done);
            if (now <= 0)
                exit(98);
            done += (u32)now;
        }
        total += vector[1];
    }
    put_u32(written, total);
    return ERRNO_SUCCESS;
}

void WASI(proc_exit)(UNUSED_INSTANCE, u32 code)
{
    _exit((int)code);
}

u32 WASI(args_sizes_get)(UNUSED_INSTANCE, u32 count, u32 size)
{
    u32 total = 0;
    for (u32 i = 0; i < argument_count; i++)
        total += (u32)strlen(arguments[i]) + 1;
    put_u32(count, argument_count);
    put_u32(size, total);
    return ERRNO_SUCCESS;
}

u32 WASI(args_get)(UNUSED_INSTANCE, u32 pointers, u32 text)
{
    for (u32 i = 0; i < argument_count; i++) {
        u32 size = (u32)strlen(arguments[i]) + 1;
        put_u32(pointers + 4 * i, text);
        memcpy(guest_at(text, size), arguments[i], size);
        text += size;
    }
    return ERRNO_SUCCESS;
}

u32 WASI(environ_sizes_get)(UNUSED_INSTANCE, u32 count, u32 size)
{
    put_u32(count, 0);
    put_u32(size, 0);
    return ERRNO_SUCCESS;
}

u32 WASI(environ_get)(UNUSED_INSTANCE, u32 pointers, u32 text)
{
    return ERRNO_SUCCESS;
}

u32 WASI(fd_close)(UNUSED_INSTANCE, u32 fd)
{
    return fd <= 2 ? ERRNO_SUCCESS : ERRNO_BADF;
}

u32 WASI(fd_seek)(UNUSED_INSTANCE, u32 fd, u64 offset, u32 whence, u32 position)
{
    return fd <= 2 ? ERRNO_SPIPE : ERRNO_BADF;
}

/* A character device that may be written. */
u32 WASI(fd_fdstat_get)(UNUSED_INSTANCE, u32 fd, u32 result)
{
    if (fd > 2)
        return ERRNO_BADF;
    unsigned char *bytes = guest_at(result, 24);
    memset(bytes, 0, 24);
    bytes[0] = 2;
    bytes[8] = 64;
    return ERRNO_SUCCESS;
}

/* Unoptimized frames are large: on a stack of its own the program recurses as deep as ours. */
static void *run_module(void *status)
{
    wasm_rt_trap_t trap = (wasm_rt_trap_t)wasm_rt_impl_try();
    if (trap != WASM_RT_TRAP_NONE) {
        fprintf(stderr, "trap: %s\n", trap_names[trap]);
        *(int *)status = 134;
        return NULL;
    }
    Z_guest_init_module();
    /* Its second parameter is there only when the module imports anything. */
    ((void (*)(Z_guest_instance_t *, void *))Z_guest_instantiate)(&instance, NULL);
    Z_guestZ__start(&instance);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int status = 0;
    arguments = argv;
    argument_count = (u32)argc;
    wasm_rt_init();
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstacksize(&attributes, (size_t)1 << 30) != 0 ||
        pthread_create(&thread, &attributes, run_module, &status) != 0 ||
        pthread_join(thread, NULL) != 0)
        return 97;
    return status;
}
