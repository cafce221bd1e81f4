extern int chosen;
const char *choose(void);
__attribute__((weak)) int hook(int);

const char *user_choose(void) { return choose(); }
int user_chosen(void) { return chosen; }
int user_hook(int x) { return hook ? hook(x) : -1; }
