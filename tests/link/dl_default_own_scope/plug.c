#include "dl.h"

int own(int x) { return 7 + x; }
int ask_own(int x) { return call(RTLD_DEFAULT, "own", x); }
int ask_help(int x) { return call(RTLD_DEFAULT, "help", x); }
int ask_main(int x) { return call(RTLD_DEFAULT, "of_main", x); }
