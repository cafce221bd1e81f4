/* C++ exceptions thrown in one library, passing a second one, caught in main:
   by type, by reference, with destructors on the way, thrown again. */

#include "errors.h"

typedef int function(int code);

static void attempt(const char *name, function *call, int code)
{
	printf("%s(%d)\n", name, code);
	try {
		printf("  returned %d\n", call(code));
	} catch (Error error) {
		printf("  main has Error %d\n", error.code);
	} catch (...) {
		printf("  main has something\n");
	}
}

/* Thrown and caught in main, through a function of a library's caller. */
static int own(int code)
{
	try {
		attempt("inner", again, code);
		throw Error { code * 2 };
	} catch (const Error &error) {
		return error.code + pass(0);
	}
}

int main()
{
	attempt("fail", fail, 0);
	attempt("fail", fail, 1);
	attempt("fail", fail, 101);
	attempt("pass", pass, 0);
	attempt("pass", pass, 2);
	attempt("pass", pass, 102);
	attempt("again", again, 3);
	attempt("own", own, 4);

	int sum = 0;
	for (int i = 1; i <= 10000; i++) {
		try {
			throw Error { i };
		} catch (Error &error) {
			sum += error.code;
		}
	}
	printf("%d\n", sum);
	return 0;
}
