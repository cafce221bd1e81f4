int base_next(int);
int client(int x) { return 1000 + base_next(x); }
