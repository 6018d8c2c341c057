/* src/wasi/name_hash.c */
#include "wasi/name_hash.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The reference implementation's vectors_sip64, from github.com/veorq/SipHash, vectors.h: the hash
 * of the first 0, 1, 2, ... of the bytes 00 01 02 ... under the key 00 01 ... 0f. Those of 8 to 31
 * bytes, since a folder's number is the first 8. */
static const uint64_t vectors[] = {
    UINT64_C(0x93f5f5799a932462), UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3),
    UINT64_C(0xf4b32f46226bada7), UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90),
    UINT64_C(0xf723ca908e7af2ee), UINT64_C(0xa129ca6149be45e5), UINT64_C(0x3f2acc7f57c29bdb),
    UINT64_C(0x699ae9f52cbe4794), UINT64_C(0x4bc1b3f0968dd39c), UINT64_C(0xbb6dc91da77961bd),
    UINT64_C(0xbed65cf21aa2ee98), UINT64_C(0xd0f2cbb02e3b67c7), UINT64_C(0x93536795e3a33e88),
    UINT64_C(0xa80c038ccd5ccec8), UINT64_C(0xb8ad50c6f649af94), UINT64_C(0xbce192de8a85b8ea),
    UINT64_C(0x17d835b85bbb15f3), UINT64_C(0x2f2e6163076bcfad), UINT64_C(0xde4daaaca71dc9a5),
    UINT64_C(0xa6a2506687956571), UINT64_C(0xad87a3535c49ef28), UINT64_C(0x32d892fad841c342),
};

static void it_is_siphash(void **state)
{
    (void)state;
    uint8_t key_bytes[16];
    uint64_t key[2];
    char message[64];
    uint64_t folder;
    for (size_t i = 0; i < sizeof(key_bytes); i++)
        key_bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (char)i;
    memcpy(key, key_bytes, sizeof(key));
    key[0] = le64toh(key[0]);
    key[1] = le64toh(key[1]);
    memcpy(&folder, message, sizeof(folder));
    folder = le64toh(folder);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        assert_true(name_hash(key, folder, message + 8, i) == vectors[i]);
}

static void the_key_and_the_folder_count(void **state)
{
    (void)state;
    const uint64_t key[2] = {1, 2};
    const uint64_t other[2] = {1, 3};
    assert_true(name_hash(key, 1, "name", 4) == name_hash(key, 1, "name", 4));
    assert_true(name_hash(key, 1, "name", 4) != name_hash(other, 1, "name", 4));
    assert_true(name_hash(key, 1, "name", 4) != name_hash(key, 2, "name", 4));
    assert_true(name_hash(key, 1, "name", 4) != name_hash(key, 1, "nam", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_siphash),
        cmocka_unit_test(the_key_and_the_folder_count),
    };
    return cmocka_run_group_tests_name("name_hash", tests, NULL, NULL);
}
