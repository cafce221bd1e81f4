int next(int x) { return x + 1; }
int (*pointer_to_next(void))(int) { return next; }
