extern int count;
int base(int);
int plug(int x) { count += 100; return base(x); }
