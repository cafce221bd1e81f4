#include <stdio.h>

struct Error {
	int code;
};

struct Other {
	const char *text;
};

/* Says when it goes. */
struct Trace {
	const char *name;
	~Trace();
};

/* In libthrow.so. */
int fail(int code);

/* In libpass.so: handlers of its own below those of main. */
int pass(int code);
int again(int code);
