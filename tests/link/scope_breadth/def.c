const char *who = WHO;

const char *where(void)
{
	return WHO;
}
