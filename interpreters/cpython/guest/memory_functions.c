/*
 * The C library's block functions, in place of wasi-libc's, which go byte by byte.
 *
 * Copying and filling become the bulk memory instructions, which a runtime maps to its own native
 * functions. Comparing, which every lookup of a string in a dictionary does, takes eight bytes at a
 * time; WebAssembly allows reading them at any address.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    return __builtin_memcpy(destination, source, size);
}

void *memmove(void *destination, const void *source, size_t size)
{
    return __builtin_memmove(destination, source, size);
}

void *memset(void *destination, int byte, size_t size)
{
    return __builtin_memset(destination, byte, size);
}

static uint64_t load_eight(const unsigned char *bytes)
{
    uint64_t value;
    __builtin_memcpy(&value, bytes, sizeof(value));
    return value;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left;
    const unsigned char *b = right;
    for (; size >= 8; size -= 8, a += 8, b += 8) {
        uint64_t x = load_eight(a);
        uint64_t y = load_eight(b);
        if (x != y) /* the first differing byte decides: make it the most significant one */
            return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
    }
    for (; size > 0; size--, a++, b++) {
        if (*a != *b)
            return *a - *b;
    }
    return 0;
}
