typedef int function(int);
int values[3] = { 10, 20, 30 };
static int one(int x) { return x + 1; }
int two(int x) { return x + 2; }
const char *const names[] = { "one", "two", 0 };
function *functions[] = { one, two };
int *pointers[] = { &values[2], &values[0] };

int store_call(int i, int x) { return functions[i](x); }
