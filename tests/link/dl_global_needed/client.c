int help(int), plug(int);
int client(int x) { return help(x) * 1000 + plug(x); }
