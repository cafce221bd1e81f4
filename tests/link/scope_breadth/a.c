extern const char *who;
const char *where(void);

const char *a_where(void) { return where(); }
const char *a_who(void) { return who; }
