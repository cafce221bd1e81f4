#include "base.h"

struct Strip : Shape {
	int length = 9;
	int area() const override { return length; }
	const char *name() const override { return "strip"; }
};

static Strip strip;

extern "C" Shape *plug_shape() { shared_counter() += 10; return &strip; }
