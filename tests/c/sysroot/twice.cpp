#include "errors.h"

#include <iostream>

int find_twice(int key)
{
	Guard guard("find_twice");
	try {
		return find(key) + find(key);
	} catch (const Missing &missing) {
		std::cout << "  seen on the way: " << missing.what() << '\n';
		throw;
	}
}
