int good(int x) { return x + 1; }
static int hidden_by_static(int x) { return x; }
__attribute__((visibility("hidden"))) int hidden(int x) { return hidden_by_static(x); }
__attribute__((weak)) int weak(int x) { return x + 2; }
int _(int x) { return hidden(x); }
