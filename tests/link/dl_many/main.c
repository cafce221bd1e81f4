/* Twenty plug-ins that enroll themselves, closed in another order. */

#include "dl.h"

int registry_sum(int), registry_count(void);

int main(void)
{
	void *handles[20];
	char name[32];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "libplug%d.so", i);
		handles[i] = need(name, RTLD_NOW);
	}
	printf("%d %d\n", registry_count(), registry_sum(1));
	for (int i = 0; i < 20; i += 3)
		dlclose(handles[i]);
	printf("%d %d\n", registry_count(), registry_sum(2));
	for (int i = 0; i < 20; i += 3) {
		snprintf(name, sizeof name, "libplug%d.so", i);
		handles[i] = need(name, RTLD_NOW);
	}
	printf("%d %d\n", registry_count(), registry_sum(3));
	for (int i = 0; i < 20; i++)
		dlclose(handles[i]);
	printf("%d\n", registry_count());
	return 0;
}
