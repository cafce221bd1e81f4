#include "shared.h"

extern "C" {
int level = 1;
int only(void) { return 10; }
int get(void) { return level; }
static int (*volatile pointer)(void) = only;
int ask(void) { return pointer(); }
const void *kind(void) { return &Kind<int>::id; }
}
