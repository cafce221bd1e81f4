static int guard[64] = { [0] = 1, [63] = 2 };

int after_sum(void)
{
	int sum = 0;
	for (int i = 0; i < 64; i++)
		sum += guard[i] << (i & 7);
	return sum;
}
