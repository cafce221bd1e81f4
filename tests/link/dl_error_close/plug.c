int base(int);
int plug(int x) { return base(x); }
