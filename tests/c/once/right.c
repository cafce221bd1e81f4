int *counter(void);

int right(void)
{
	return ++*counter();
}
