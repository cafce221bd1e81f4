int help(int);
extern int help_value;
static int (*volatile pointer)(int) = help;
int plug(int x) { return help(x) + 1000 * help_value; }
int by_pointer(int x) { return pointer(x) + (pointer == help); }
