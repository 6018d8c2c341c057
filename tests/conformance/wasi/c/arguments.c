/* Prints its arguments and variables, and ends with the status in the last argument. */
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("argument %d: <%s>\n", i, argv[i]);
    for (char **variable = environ; *variable != NULL; variable++)
        printf("variable: <%s>\n", *variable);
    printf("HOME is %s\n", getenv("HOME") == NULL ? "not set" : "set");
    return argc > 1 ? atoi(argv[argc - 1]) : 0;
}
