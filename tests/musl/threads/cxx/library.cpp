#include "counted.h"

static thread_local Counted first("first of the library", 100), second("second of the library", 200);

int library_next()
{
	return ++first.number + ++second.number;
}

struct Guard {
	int &place;
	explicit Guard(int &p) : place(p) { place++; }
	~Guard() { place--; }
};

static thread_local int depth;

void library_fail(int code)
{
	Guard guard(depth);
	if (code > 0)
		library_fail(code - 1);
	if (depth != 1)
		return;
	throw Error { depth };
}

struct Slow {
	char text[40];
	explicit Slow(int thread)
	{
		static int made;
		/* Time for others to come. */
		for (volatile int i = 0; i < 1000000; i++);
		snprintf(text, sizeof text, "made %d times", ++made);
		(void)thread;
	}
};

const char *library_once(int thread)
{
	static Slow slow(thread);
	return slow.text;
}
