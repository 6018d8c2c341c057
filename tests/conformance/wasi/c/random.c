/* Two draws of random bytes: neither zero, nor equal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    unsigned char first[256];
    unsigned char second[256];
    static const unsigned char zero[256];
    if (getentropy(first, sizeof(first)) != 0 || getentropy(second, sizeof(second)) != 0)
        return 2;
    if (memcmp(first, zero, sizeof(zero)) == 0 || memcmp(first, second, sizeof(first)) == 0)
        return 3;
    for (int i = 0; i < 16; i++)
        printf("%02x", first[i]);
    printf("\n");
    return 0;
}
