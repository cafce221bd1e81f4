int base = 1000;

int work(int x)
{
	return x * base;
}
