// Virtual functions across modules; an inline function's variable is one.

#include "dl.h"
#include "base.h"

static void show(const Shape &shape)
{
	printf("%s %d %d %d\n", shape.name(), shape.area(), shape.twice(), shape.id);
}

int main()
{
	show(*base_square(3));
	void *handle = need("libplug.so", RTLD_NOW);
	show(*((Shape * (*)()) symbol(handle, "plug_shape"))());
	printf("%d\n", shared_counter());
	return 0;
}
