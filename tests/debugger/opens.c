#include <dlfcn.h>
#include <stdio.h>

int closed(int value)
{
    return value + 1;
}

int main(void)
{
    void *library = dlopen("./plugin.wasm", RTLD_NOW);
    if (!library) {
        puts(dlerror());
        return 1;
    }
    int (*twice)(int) = (int (*)(int))dlsym(library, "twice");
    int result = twice(21);
    dlclose(library);
    return closed(result) == 43 ? 0 : 2;
}
