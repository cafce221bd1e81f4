#include "shapes.hpp"

#include <typeinfo>

extern "C" const char *plugin_try(int size)
{
	static std::string said;
	try {
		said = make_shape(size > 1 ? "circle" : "square", size)->name();
	} catch (const std::runtime_error &error) {
		said = std::string("caught in the plug-in: ") + error.what();
	}
	return said.c_str();
}

extern "C" void plugin_throw(int size)
{
	Guard guard("plugin_throw");
	throw ShapeError("from the plug-in", size);
}
