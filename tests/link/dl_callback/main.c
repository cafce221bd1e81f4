/* A plug-in calls main and uses main's data. */

#include "dl.h"

int main_counter;
const char *main_names[] = { "alpha", "beta" };
struct config { int width; double ratio; } main_config = { 80, 1.5 };

int main_counter_step(int i)
{
	return i * i + main_config.width;
}

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	int answer = call(handle, "plug", 4);

	printf("%d %d %d\n", answer, main_counter, main_config.width);
	dlclose(handle);
	main_names[1] = "gamma";
	handle = need("libplug.so", RTLD_NOW);
	answer = call(handle, "plug", 4);
	printf("%d %d %d\n", answer, main_counter, main_config.width);
	return 0;
}
