__attribute__((weak)) int from_first(int);
__attribute__((weak)) extern int shared_value;

int probe(int x)
{
	return (from_first ? from_first(x) : -1) + (&shared_value ? 1000 : 0);
}
