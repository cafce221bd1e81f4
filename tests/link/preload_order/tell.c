const char *who(void) { return WHO; }
const char *EXTRA(void) { return WHO; }
