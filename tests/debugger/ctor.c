int *nowhere = (int *)0xfffffff0;

static int touch(int *at)
{
    return *at;
}

__attribute__((constructor)) static void boot(void)
{
    touch(nowhere);
}

int main(void)
{
    return 0;
}
