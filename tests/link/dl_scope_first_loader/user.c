int base(int);
int hook_value = N;
int hook(int x) { return 100 * N + x; }
int use(int x) { return base(x); }
