__attribute__((weak)) int late(int);
__attribute__((weak)) extern int late_value;

int has_late(int x) { return x + (late != 0) + 10 * (&late_value != 0); }
