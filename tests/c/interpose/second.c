int both_value = 22;

const char *in_all(void)
{
	return "second";
}

const char *in_both(void)
{
	return "second";
}

/* Its own data, yet through the GOT: libfirst.so's. */
int both_value_of_second(void)
{
	return both_value;
}
