/* Waits for input with poll and prints what came, until the end. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (;;) {
        char text[64];
        struct pollfd in = {.fd = 0, .events = POLLIN};
        if (poll(&in, 1, 20000) != 1)
            return 2;
        ssize_t size = read(0, text, sizeof(text) - 1);
        if (size < 0)
            return 3;
        if (size == 0)
            return 0;
        text[size] = '\0';
        printf("got <%s>\n", text);
        fflush(stdout);
    }
}
