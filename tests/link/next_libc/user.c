#include <stdlib.h>

const char *user_env(const char *name)
{
	return getenv(name);
}
