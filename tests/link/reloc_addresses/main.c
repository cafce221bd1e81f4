/* A variable has one address, whoever asks. */

#include <stdio.h>

extern int scalar, zeroed[100];
extern double array[3];
void owner_addresses(const void **), viewer_addresses(const void **);

int main(void)
{
	const void *mine[3] = { &scalar, zeroed, &array[1] }, *owners[3], *viewers[3];

	owner_addresses(owners);
	viewer_addresses(viewers);
	for (int i = 0; i < 3; i++)
		printf("%d %d\n", mine[i] == owners[i], mine[i] == viewers[i]);
	printf("%d %d %.1f\n", scalar, zeroed[50], *(const double *)mine[2]);
	return 0;
}
