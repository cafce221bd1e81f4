/* The handle of the program is the global scope. */

#include "dl.h"

int main_value = 10;
int of_main(int x) { return x; }

int main(void)
{
	void *self = dlopen(NULL, RTLD_NOW);

	printf("%d %d\n", call(self, "of_main", 5), call(self, "of_linked", 5));
	printf("%d\n", *(int *)symbol(self, "main_value") + *(int *)symbol(self, "linked_value"));
	printf("%d\n", dlsym(self, "strlen") != NULL);
	printf("%d %d\n", dlsym(self, "of_global") != NULL, dlsym(self, "of_local") != NULL);
	need("libglobal.so", RTLD_NOW | RTLD_GLOBAL);
	need("liblocal.so", RTLD_NOW | RTLD_LOCAL);
	printf("%d %d\n", dlsym(self, "of_global") != NULL, dlsym(self, "of_local") != NULL);
	printf("%d\n", dlopen(NULL, RTLD_LAZY) == self);
	printf("%d %d\n", dlclose(self), dlclose(self));
	printf("%d\n", call(self, "of_main", 6));
	return 0;
}
