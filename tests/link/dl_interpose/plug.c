/* Too late to be anybody's but its own; and its own pointer is not its own. */
int service(int x) { return 1000 + x; }
int service_level = 1000;
static int (*volatile pointer)(int) = service;
static int *volatile level = &service_level;

int plug(int x) { return pointer(x); }
int plug_level(int x) { return *level + x; }
