int nowhere(int);
int never(int x) { return nowhere(x); }
