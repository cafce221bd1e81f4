#include "store.h"

int *view_last = &store[STORE_SIZE - 1];
static const char **name = &store_name;
static int *const main_own = &owned_by_main;

const char **view_name(void)
{
	return name;
}

int view_main(void)
{
	return *main_own;
}
