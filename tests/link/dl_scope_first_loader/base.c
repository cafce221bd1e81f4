int hook(int);
extern int hook_value;
int base(int x) { return hook(x) + 1000 * hook_value; }
