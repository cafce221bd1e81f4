#include "dl.h"

int system_level(int);

int plug(int x)
{
	Dl_info info;
	return system_level(x) + 100 * (dladdr((void *)plug, &info) != 0);
}
