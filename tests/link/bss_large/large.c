/* Zero, all of it, and aligned. */

char room[3 << 20];
_Alignas(4096) char page[4096];
static int other[1000];

int large_check(void)
{
	int sum = 0;
	for (unsigned i = 0; i < sizeof room; i++)
		sum |= room[i];
	for (int i = 0; i < 1000; i++)
		sum |= other[i];
	return sum;
}

void large_fill(int byte)
{
	for (unsigned i = 0; i < sizeof room; i++)
		room[i] = (char)byte;
}

int large_aligned(void)
{
	return ((unsigned long)page & 4095) == 0;
}
