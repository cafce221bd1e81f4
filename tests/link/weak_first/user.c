extern int level;
const char *kind(void);

const char *user_kind(void) { return kind(); }
int user_level(void) { return level; }
