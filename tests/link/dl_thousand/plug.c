int help(int);
int count = 1;
int (*volatile pointer)(int) = help;
int next(int x) { return count++ + pointer(x); }
