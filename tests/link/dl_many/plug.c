typedef int function(int);
void enroll(function *), resign(function *);

static int state = N;
static int work(int x) { return state += x; }

__attribute__((constructor)) static void start(void) { enroll(work); }
__attribute__((destructor)) static void finish(void) { resign(work); }
