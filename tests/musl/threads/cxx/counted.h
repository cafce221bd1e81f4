#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* An object that notes its end in the log of its thread. */
extern "C" void note(const char *text, int number);

struct Counted {
	const char *name;
	int number;
	Counted(const char *n, int first) : name(n), number(first) { note("+", number); }
	~Counted() { note(name, number); }
};

int library_next();
void library_fail(int code);
const char *library_once(int thread);

struct Error {
	int code;
};

struct Again {
	int number;
};
