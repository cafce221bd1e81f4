#include "dl.h"
int base(int), of_main(int);
extern const char *base_name;
__attribute__((destructor)) static void finish(void)
{
	printf("plug ends with %s %d %d\n", base_name, base(5), of_main(6));
	printf("%d\n", dlsym(RTLD_DEFAULT, "of_main") != NULL);
}
int plug(int x) { return base(x); }
