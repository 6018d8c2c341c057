/* Ends in the way the argument names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int deeper(int depth)
{
    volatile char room[1024];
    room[0] = (char)depth;
    return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

static int divide(volatile int a, volatile int b)
{
    return a / b;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    printf("before\n");
    fflush(stdout);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "address") == 0)
        return *(volatile int *)0xFFFFFF00;
    if (strcmp(how, "divide") == 0)
        return divide(1, argc - 2);
    if (strcmp(how, "stack") == 0)
        return deeper(0);
    if (strcmp(how, "call") == 0) {
        void *volatile function = (void *)atoi;
        return ((int (*)(int, int, int, int, int))function)(1, 2, 3, 4, 5);
    }
    if (strcmp(how, "loop") == 0)
        for (volatile int i = 0;; i++)
            continue;
    return 0;
}
