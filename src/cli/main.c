#include <stdio.h>

int main(void)
{
    puts("shannon");
    return 0;
}
