static unsigned next = 1;

int rand(void)
{
	return (int)(next++ % 6);
}

void srand(unsigned seed)
{
	next = seed;
}
