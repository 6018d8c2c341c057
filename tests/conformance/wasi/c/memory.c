/* Takes memory in pieces of 1 MiB and writes to each, until there is no more or 4096 are taken. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int taken = 0;
    for (; taken < 4096; taken++) {
        volatile char *piece = malloc(1 << 20);
        if (piece == NULL)
            break;
        for (int i = 0; i < 1 << 20; i += 4096)
            piece[i] = (char)taken;
    }
    printf("%s\n", taken < 4096 ? "refused" : "all");
    fprintf(stderr, "%d\n", taken);
    return taken < 4096 ? 0 : 1;
}
