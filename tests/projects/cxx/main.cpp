#include "shapes.hpp"
#include "visits.hpp"

#include <algorithm>
#include <any>
#include <cstring>
#include <dlfcn.h>
#include <iostream>
#include <map>
#include <new>
#include <sstream>
#include <variant>
#include <vector>

static void direct(int size)
{
	std::cout << make_shape("square", size)->area() << "\n";
	try {
		make_shape("square", -size);
	} catch (const ShapeError &error) {
		std::cout << "caught " << error.what() << " " << error.code << "\n";
	}
	try {
		make_shape("triangle", size);
	} catch (const std::exception &error) {
		std::cout << "caught " << error.what() << " "
			  << (dynamic_cast<const ShapeError *>(&error) != nullptr) << "\n";
	}
}

static void unwrap(const std::exception &error, int depth)
{
	std::cout << std::string(depth, ' ') << error.what() << "\n";
	try {
		std::rethrow_if_nested(error);
	} catch (const std::exception &inner) {
		unwrap(inner, depth + 1);
	}
}

static void nested(int size)
{
	try {
		visit([=](int i) { if (i == size) throw std::out_of_range("too far"); }, size + 2);
	} catch (const ShapeError &error) {
		unwrap(error, 0);
	}
	std::exception_ptr kept;
	try {
		throw ShapeError("kept", size);
	} catch (...) {
		kept = std::current_exception();
	}
	try {
		std::rethrow_exception(kept);
	} catch (const ShapeError &error) {
		std::cout << error.what() << " " << error.code << "\n";
	}
}

static void callback(int size)
{
	int before = Guard::ended;
	for (int i = 0; i < 3; i++) {
		try {
			visit([=](int n) { if (n == size) throw i; Guard guard("call"); }, 10);
		} catch (int thrown) {
			std::cout << "thrown " << thrown << "\n";
		}
	}
	std::cout << Guard::ended - before << " ended\n";
}

static void plugin(int size)
{
	void *opened = dlopen("./plugin.so", RTLD_NOW);
	if (!opened)
		throw std::runtime_error(dlerror());
	auto tries = reinterpret_cast<const char *(*)(int)>(dlsym(opened, "plugin_try"));
	auto throws = reinterpret_cast<void (*)(int)>(dlsym(opened, "plugin_throw"));
	std::cout << tries(1) << ", " << tries(size) << "\n";
	try {
		throws(size);
	} catch (const ShapeError &error) {
		std::cout << "caught " << error.what() << " " << error.code << "\n";
	}
	std::cout << dlclose(opened) << "\n";
}

static void standard(int size)
{
	std::map<std::string, std::vector<int>> lists { { "b", { 5, 1, 4 } }, { "a", { 3 } } };
	for (auto &[name, list] : lists) {
		std::sort(list.begin(), list.end());
		std::cout << name;
		for (int value : list)
			std::cout << " " << value;
		std::cout << "\n";
	}
	std::variant<int, std::string> either = "text";
	try {
		std::cout << std::get<int>(either);
	} catch (const std::bad_variant_access &) {
		std::cout << "other alternative\n";
	}
	try {
		std::cout << std::any_cast<int>(std::any(1.5));
	} catch (const std::bad_cast &) {
		std::cout << "other type\n";
	}
	try {
		std::vector<char> much(static_cast<std::size_t>(-1) / 2 + size);
	} catch (const std::length_error &) {
		std::cout << "too long\n";
	}
	std::istringstream words("1 2 x");
	int number, sum = 0;
	while (words >> number)
		sum += number;
	std::cout << sum << " " << words.fail() << " " << std::stod("2.5e3") << "\n";
	try {
		(void)std::stoi("none");
	} catch (const std::invalid_argument &) {
		std::cout << "no number\n";
	}
}

static thread_local int own = 7;

static void threads(int size)
{
	static int made = (own += size, own);
	std::cout << made << " " << own << "\n";
}

int main(int argc, char **argv)
{
	struct { const char *name; void (*run)(int); } all[] = {
		{ "direct", direct }, { "nested", nested }, { "callback", callback },
		{ "plugin", plugin }, { "standard", standard }, { "threads", threads },
	};
	if (argc < 3)
		return 2;
	for (auto &[name, run] : all) {
		if (std::strcmp(argv[1], name) && std::strcmp(argv[1], "all"))
			continue;
		std::cout << name << ":\n" << std::flush;
		try {
			run(std::stoi(argv[2]));
		} catch (const std::exception &error) {
			std::cout << "not caught: " << error.what() << "\n";
			return 1;
		}
		std::cout << std::flush;
	}
	return 0;
}
