int base = 1;

int work(int x)
{
	return x + base;
}
