#include "visits.hpp"
#include "shapes.hpp"

#include <exception>

// What goes wrong in a call is told as an error of shapes, with the first inside.
int visit(const std::function<void(int)> &call, int count)
{
	Guard guard("visit");
	int done = 0;
	for (int i = 0; i < count; i++) {
		try {
			call(i);
			done++;
		} catch (const ShapeError &) {
			throw;
		} catch (const std::exception &) {
			std::throw_with_nested(ShapeError("visit " + std::to_string(i), 10 + i));
		}
	}
	return done;
}
