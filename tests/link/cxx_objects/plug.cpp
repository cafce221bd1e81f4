#include "objects.h"

static Tracked one("one of the plug-in"), two("two of the plug-in");

extern "C" int plug(int x) { return x + one.name[0]; }
