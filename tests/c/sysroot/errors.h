#include <stdexcept>
#include <string>

struct Missing : std::runtime_error {
	explicit Missing(const std::string &what) : std::runtime_error(what) {}
};

/* Says when it goes. */
struct Guard {
	const char *name;
	explicit Guard(const char *name) : name(name) {}
	~Guard();
};

int find(int key);
int find_twice(int key);
