int triple(int x) { return 3 * x; }
const char other_name[] = "name of the other";
