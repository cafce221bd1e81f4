#include "errors.h"

int pass(int code)
{
	Trace trace = { "pass" };
	try {
		return fail(code) - 1;
	} catch (const Other &other) {
		printf("  pass has %s\n", other.text);
		return 1000;
	}
}

int again(int code)
{
	Trace trace = { "again" };
	try {
		return pass(code);
	} catch (Error &error) {
		error.code++;
		throw;
	}
}
