#include <stdio.h>
#include "objects.h"

Tracked::Tracked(const char *n) : name(n) { printf("+%s\n", name); }
Tracked::~Tracked() { printf("-%s\n", name); }

static Tracked first("first of the library"), second("second of the library");
