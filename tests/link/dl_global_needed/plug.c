int help(int);
int plug(int x) { return help(x); }
