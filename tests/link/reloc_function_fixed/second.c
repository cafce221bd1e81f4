typedef void any(void);
int plain(int), sum(int, ...), interposed(int);
double mixed(int, double, long long, float);
void nothing(void);

static any *const here[] = { (any *)plain, (any *)mixed, (any *)nothing, (any *)sum, (any *)interposed };

any *second_pointer(int i) { return here[i]; }
int second_call(int (*function)(int), int x) { return function(x); }
int second_is_plain(any *function) { return function == (any *)plain; }
int through(int x) { return interposed(x); }
