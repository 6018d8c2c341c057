/* Calls a preview1 function by its entry in the import table, for tests and the fuzzer. */
#include "wasi/wasi_host.h"

#include <stdlib.h>
#include <string.h>

#include "test_wasi_call.h"

typedef uint32_t (*call_)(void *);
typedef uint32_t (*call_i)(void *, uint32_t);
typedef uint32_t (*call_ii)(void *, uint32_t, uint32_t);
typedef uint32_t (*call_iii)(void *, uint32_t, uint32_t, uint32_t);
typedef uint32_t (*call_iiii)(void *, uint32_t, uint32_t, uint32_t, uint32_t);
typedef uint32_t (*call_iiiii)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
typedef uint32_t (*call_iiiiii)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
typedef uint32_t (*call_iiiiiii)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t,
                                 uint32_t);
typedef uint32_t (*call_iI)(void *, uint32_t, uint64_t);
typedef uint32_t (*call_iII)(void *, uint32_t, uint64_t, uint64_t);
typedef uint32_t (*call_iIi)(void *, uint32_t, uint64_t, uint32_t);
typedef uint32_t (*call_iIii)(void *, uint32_t, uint64_t, uint32_t, uint32_t);
typedef uint32_t (*call_iIIi)(void *, uint32_t, uint64_t, uint64_t, uint32_t);
typedef uint32_t (*call_iiiIi)(void *, uint32_t, uint32_t, uint32_t, uint64_t, uint32_t);
typedef uint32_t (*call_iiiiIIi)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint64_t, uint64_t,
                                 uint32_t);
typedef uint32_t (*call_iiiiiIIii)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t,
                                   uint64_t, uint64_t, uint32_t, uint32_t);
typedef void (*call_no_result)(void *, uint32_t);

uint32_t guest_call(struct wasi_host *host, const struct engine_import *import, const uint64_t *a)
{
    uint32_t i[9];
    for (size_t n = 0; import->parameters[n] != '\0'; n++)
        i[n] = (uint32_t)a[n];
    const char *signature = import->parameters;
    if (import->result[0] == '\0') {
        ((call_no_result)import->function)(host, i[0]);
        return 0;
    }
    if (strcmp(signature, "") == 0)
        return ((call_)import->function)(host);
    if (strcmp(signature, "i") == 0)
        return ((call_i)import->function)(host, i[0]);
    if (strcmp(signature, "ii") == 0)
        return ((call_ii)import->function)(host, i[0], i[1]);
    if (strcmp(signature, "iii") == 0)
        return ((call_iii)import->function)(host, i[0], i[1], i[2]);
    if (strcmp(signature, "iiii") == 0)
        return ((call_iiii)import->function)(host, i[0], i[1], i[2], i[3]);
    if (strcmp(signature, "iiiii") == 0)
        return ((call_iiiii)import->function)(host, i[0], i[1], i[2], i[3], i[4]);
    if (strcmp(signature, "iiiiii") == 0)
        return ((call_iiiiii)import->function)(host, i[0], i[1], i[2], i[3], i[4], i[5]);
    if (strcmp(signature, "iiiiiii") == 0)
        return ((call_iiiiiii)import->function)(host, i[0], i[1], i[2], i[3], i[4], i[5], i[6]);
    if (strcmp(signature, "iI") == 0)
        return ((call_iI)import->function)(host, i[0], a[1]);
    if (strcmp(signature, "iII") == 0)
        return ((call_iII)import->function)(host, i[0], a[1], a[2]);
    if (strcmp(signature, "iIi") == 0)
        return ((call_iIi)import->function)(host, i[0], a[1], i[2]);
    if (strcmp(signature, "iIii") == 0)
        return ((call_iIii)import->function)(host, i[0], a[1], i[2], i[3]);
    if (strcmp(signature, "iIIi") == 0)
        return ((call_iIIi)import->function)(host, i[0], a[1], a[2], i[3]);
    if (strcmp(signature, "iiiIi") == 0)
        return ((call_iiiIi)import->function)(host, i[0], i[1], i[2], a[3], i[4]);
    if (strcmp(signature, "iiiiIIi") == 0)
        return ((call_iiiiIIi)import->function)(host, i[0], i[1], i[2], i[3], a[4], a[5], i[6]);
    if (strcmp(signature, "iiiiiIIii") == 0)
        return ((call_iiiiiIIii)import->function)(host, i[0], i[1], i[2], i[3], i[4], a[5], a[6],
                                                  i[7], i[8]);
    abort(); /* a signature that this file does not know */
}
