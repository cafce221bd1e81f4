struct point {
	int x, y;
	long long z;
};

/* Data of shop.c, which main and clerk.c refer to. */
extern int counter;
extern struct point origin;
extern short table[6];
extern char room[2000];
extern const char *label;
extern int *own_pointer;
extern int (*operations[3])(int, int);
extern int loud_alias;
extern const int months[12];

void count(int by);
int count_seen_by_library(void);
int count_by_pointer(void);
int alias_seen_by_library(void);
int room_is_here(const char *at);
int operate(int which, int a, int b);
int table_sum(void);
void point_shift(int by);
void print_point(void);

/* clerk.c */
int clerk_count(void);
int *clerk_counter(void);
int clerk_operate(int a, int b);
