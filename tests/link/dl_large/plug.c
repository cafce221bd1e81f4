char room[2 << 20];
_Alignas(1024) char aligned[1024];
int filled[3] = { 1, 2, 3 };

int check(int byte)
{
	int sum = 0;
	for (unsigned i = 0; i < sizeof room; i++) {
		sum += room[i] != 0;
		room[i] = (char)byte;
	}
	for (int i = 0; i < 1024; i++)
		aligned[i] = (char)byte;
	return sum + 1000 * (int)((unsigned long)aligned & 1023) + filled[1]++;
}
