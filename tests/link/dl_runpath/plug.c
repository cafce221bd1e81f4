int inner(int);
int plug(int x) { return inner(x) + 1; }
