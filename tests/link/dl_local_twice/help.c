int help_value = N;
int help(int x) { return 100 * N + x; }
