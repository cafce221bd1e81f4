#include "store.h"

int store[STORE_SIZE] = { 1, 2, 3, 4, 5 };
static const char name[] = "store";
const char *store_name = name;

int sum_store(void)
{
	int sum = 0;
	for (int i = 0; i < STORE_SIZE; i++)
		sum += store[i];
	return sum;
}

void add_to_main(int value)
{
	owned_by_main += value;
}
