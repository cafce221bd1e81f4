#include <stdio.h>

volatile int go;

int wait_here(int secret)
{
    puts("waiting");
    fflush(NULL);
    while (!go)
        ;
    return secret;
}

int main(void)
{
    return wait_here(77) == 77 ? 0 : 1;
}
