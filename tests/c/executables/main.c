#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int twice(int x);

/* Says what it is given, and what becomes of the plug-ins whose names it is given. */
int main(int argc, char **argv)
{
	const char *greeting = getenv("GREETING");
	printf("%s: %s, %d\n", argv[0], greeting ? greeting : "nothing", twice(21));
	for (int i = 1; i < argc; i++) {
		void *plugin = dlopen(argv[i], RTLD_NOW);
		int (*answer)(int) = plugin ? (int (*)(int))dlsym(plugin, "answer") : 0;
		if (answer)
			printf("%s: %d\n", argv[i], answer(i));
		else
			printf("%s: %s\n", argv[i], dlerror());
	}
	FILE *file = fopen("/data/file", "r");
	char line[80];
	if (file && fgets(line, sizeof line, file))
		printf("file: %s", line);
	return argc - 1;
}
