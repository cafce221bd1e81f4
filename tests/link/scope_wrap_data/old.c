int table[4] = { 1, 2, 3, 4 };
const char *motto = "old";
int *third = &table[2];
static const char **motto_pointer = &motto;

int old_first(void)
{
	return table[0];
}

const char *old_motto(void)
{
	return *motto_pointer;
}
