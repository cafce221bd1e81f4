#include <stdlib.h>

int user_rand(void) { return rand(); }
const char *user_env(const char *name) { const char *v = getenv(name); return v ? v : "none"; }
