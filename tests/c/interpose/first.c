int both_value = 11;

const char *in_all(void)
{
	return "first";
}

const char *in_both(void)
{
	return "first";
}
