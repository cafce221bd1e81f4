/* Its own function by a pointer: the pointer is everybody's. */

int twice(int x)
{
	return 2 * x;
}

int thrice(int x)
{
	return 3 * x;
}

static int (*const table[])(int) = { twice, thrice };
int (*exported)(int) = twice;

int by_table(int which, int x)
{
	return table[which](x);
}

int (*take(void))(int)
{
	return twice;
}
