#include "errors.h"

#include <iostream>

Guard::~Guard()
{
	std::cout << "  " << name << " goes\n";
}

int find(int key)
{
	Guard guard("find");
	switch (key) {
	case 1:
		throw Missing("nothing of key " + std::to_string(key));
	case 2:
		throw key;
	case 3:
		return static_cast<int>(std::string("text").at(key + 1));
	}
	return key * 100;
}
