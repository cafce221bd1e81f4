const char *who(void) { return "real"; }
const char *only_p(void) { return "real"; }
const char *only_q(void) { return "real"; }
