int value = 2;
int help(int);
int work(int x) { return 200 + x; }
int plug(int x) { return help(x); }
