/* SipHash-2-4 over a folder's number and a name. Invariant: no branch and no address depends on the
 * key. */
#include "wasi/name_hash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void rounds(struct state *state, int count)
{
    for (int i = 0; i < count; i++) {
        state->v0 += state->v1;
        state->v1 = rotate(state->v1, 13) ^ state->v0;
        state->v0 = rotate(state->v0, 32);
        state->v2 += state->v3;
        state->v3 = rotate(state->v3, 16) ^ state->v2;
        state->v0 += state->v3;
        state->v3 = rotate(state->v3, 21) ^ state->v0;
        state->v2 += state->v1;
        state->v1 = rotate(state->v1, 17) ^ state->v2;
        state->v2 = rotate(state->v2, 32);
    }
}

static void add_word(struct state *state, uint64_t word)
{
    state->v3 ^= word;
    rounds(state, 2);
    state->v0 ^= word;
}

uint64_t name_hash(const uint64_t key[2], uint64_t folder, const char *name, size_t size)
{
    struct state state = {
        .v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
        .v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
        .v3 = key[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t word;
    size_t at = 0;
    add_word(&state, folder);
    for (; size - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, name + at, sizeof(word));
        add_word(&state, le64toh(word));
    }
    /* The last word is the rest and, in its highest byte, the length of the message. */
    word = 0;
    memcpy(&word, name + at, size - at);
    add_word(&state, le64toh(word) | (uint64_t)((sizeof(folder) + size) & 0xff) << 56);
    state.v2 ^= 0xff;
    rounds(&state, 4);
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
