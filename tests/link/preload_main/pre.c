int chosen = 2;

const char *choose(void)
{
	return "preloaded";
}

__attribute__((weak)) int hook(int x)
{
	return 10 * x;
}
