__attribute__((weak)) int tune(int x)
{
	return x;
}

__attribute__((weak)) int keep(int x)
{
	return x + 1;
}

__attribute__((weak)) int setting = 1;
__attribute__((weak)) int other_setting = 2;
