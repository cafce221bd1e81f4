#define STORE_SIZE 5

extern int owned_by_main;

/* libstore.so */
extern int store[STORE_SIZE];
extern const char *store_name;
int sum_store(void);
void add_to_main(int);

/* libview.so */
extern int *view_last;
const char **view_name(void);
int view_main(void);
