/* One stdout, one buffer. */

#include <stdio.h>

void writer(const char *);
int other(FILE *, int);

int main(void)
{
	printf("start ");
	writer("library");
	printf("%d\n", 1);
	FILE *all[1] = { fopen("/dev/null", "r") };
	for (int i = 0; i < 3; i++) {
		writer("line");
		printf("%d ", i);
		puts("end");
	}
	writer("unfinished");
	return all[0] == NULL ? 0 : fclose(all[0]);
}
