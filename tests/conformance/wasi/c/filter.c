/* Standard input in capitals to standard output, the number of lines to standard error. */
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    int lines = 0;
    for (int c = getchar(); c != EOF; c = getchar()) {
        lines += c == '\n';
        if (putchar(toupper(c)) == EOF)
            return 2;
    }
    if (fflush(stdout) != 0)
        return 3;
    fprintf(stderr, "%d lines\n", lines);
    return isatty(0) || isatty(1);
}
