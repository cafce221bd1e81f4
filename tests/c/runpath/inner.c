const char *inner(void)
{
	return "found below the library that needs it";
}
