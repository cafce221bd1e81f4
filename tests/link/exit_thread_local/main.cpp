// A library with a destructor of a thread_local object stays until the thread
// ends; one without goes when it is closed.

#include <dlfcn.h>
#include <stdio.h>

typedef int function(int);

int main()
{
	void *plug = dlopen("libplug.so", RTLD_NOW);
	if (!plug) {
		printf("%s\n", dlerror());
		return 1;
	}
	printf("%d\n", ((function *)dlsym(plug, "plain"))(1));
	printf("%d\n", dlclose(plug));
	printf("%d\n", dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD) != nullptr);

	plug = dlopen("libplug.so", RTLD_NOW);
	printf("%d\n", ((function *)dlsym(plug, "local"))(1));
	printf("%d\n", dlclose(plug));
	void *still = dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD);
	printf("%d\n", still != nullptr);
	printf("%d\n", ((function *)dlsym(still, "local"))(1));
	fflush(stdout);
	return 0;
}
