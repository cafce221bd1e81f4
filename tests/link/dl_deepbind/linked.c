int value = 1;
int where(int x) { return 100 + x; }
int help(int x) { return 200 + x; }
