extern int level, help_level;
int shared(int), helped(int), of_main(int);

int main_has_this_too = 5;
static int *const own = &main_has_this_too;
static int (*const pointers[])(int) = { shared, helped, of_main };

int by_call(int x) { return shared(x) + helped(x) + of_main(x); }
int by_pointer(int i) { return pointers[i](0); }
int levels(int x) { return 100 * level + help_level + x; }
int interposed(int x) { return *own + x; }
