#include <stdio.h>

struct Local {
	int value = 5;
	~Local()
	{
		printf("gone with %d\n", value);
		fflush(stdout);
	}
};

static thread_local Local object;

extern "C" {
int plain(int x) { return x; }
int local(int x) { return object.value += x; }
}
