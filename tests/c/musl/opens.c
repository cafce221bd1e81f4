// Opens a library by musl's own header.
#include <dlfcn.h>
#include <stdio.h>

int level = 5;

int main(void)
{
	void *plug = dlopen("libplug.so", RTLD_NOW | RTLD_LOCAL);
	if (!plug) {
		puts(dlerror());
		return 1;
	}
	int (*get)(void) = (int (*)(void))dlsym(plug, "get");
	printf("%d %d\n", dlsym(RTLD_DEFAULT, "get") == NULL, get());
	dlerror();
	void *none = dlopen("libnone.so", RTLD_LAZY);
	printf("%d %d\n", none != NULL, dlerror() != NULL);
	void *same = dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
	printf("%d ", same == plug && dlsym(RTLD_DEFAULT, "get") == (void *)get);
	dlclose(same);
	printf("%d\n", dlclose(plug));
	return 0;
}
