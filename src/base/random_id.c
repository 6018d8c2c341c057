/* Random names. Invariant: each byte of the pool is given out once, and by the process that drew
 * it. */
#include "base/random_id.h"

#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

/* Drawn together: a system call costs more than the bytes. */
static unsigned char pool[256]; /* getrandom(2) gives so many in one piece */
static size_t left;
static pid_t owner;

int random_id_make(char *id, size_t digits)
{
    static const char hexadecimal[] = "0123456789abcdef";
    id[0] = '\0';
    if (left < digits / 2 || owner != getpid()) {
        if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
            return -1;
        left = sizeof(pool);
        owner = getpid();
    }
    for (size_t i = 0; i < digits; i += 2) {
        unsigned char byte = pool[--left];
        pool[left] = 0;
        id[i] = hexadecimal[byte >> 4];
        id[i + 1] = hexadecimal[byte & 15];
    }
    id[digits] = '\0';
    return 0;
}
