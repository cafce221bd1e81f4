#include "all.h"

static unsigned digits(const char *text)
{
	unsigned value = 0;
	for (; *text; text++)
		value = 10 * value + (unsigned)(*text - '0');
	return value;
}

#define DEFINE(name) unsigned name(unsigned x) { return x + digits(&#name[1]); }
ALL(DEFINE)
