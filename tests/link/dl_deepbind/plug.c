int value = 2;
int where(int x) { return 500 + x; }
int help(int), help_only(int);

/* By a pointer: a call of its own function is nobody else's affair. */
static int (*volatile pointer)(int) = where;

int plug_where(int x) { return pointer(x); }
int plug_value(int x) { return value + x; }
int plug_help(int x) { return help(x); }
int plug_help_only(int x) { return help_only(x); }
