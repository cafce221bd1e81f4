int value = VALUE;

const char *name(void)
{
	return NAME;
}

#ifdef HAS_MORE
const char *more(void)
{
	return "more of " NAME;
}
#endif
