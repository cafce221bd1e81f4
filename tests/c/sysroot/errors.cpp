#include "errors.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <typeinfo>
#include <vector>

int main()
{
	for (int key = 0; key < 4; key++) {
		std::cout << "key " << key << '\n';
		try {
			std::cout << "  found " << find_twice(key) << '\n';
		} catch (const Missing &missing) {
			std::cout << "  missing: " << missing.what() << '\n';
		} catch (const std::exception &error) {
			std::cout << "  " << (dynamic_cast<const std::out_of_range *>(&error) ? "out of range" : "another") << '\n';
		} catch (int number) {
			std::cout << "  number " << number << '\n';
		}
	}
	std::map<std::string, std::vector<double>> table{{"b", {3, 1.5, 2}}, {"a", {0.25}}};
	for (auto &[name, values] : table) {
		std::sort(values.begin(), values.end());
		std::ostringstream line;
		for (double value : values)
			line << ' ' << value;
		std::cout << name << line.str() << '\n';
	}
	std::cout << typeid(Missing).name() << std::endl;
}
