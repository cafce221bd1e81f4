typedef int binary(int, int);

struct op {
	const char *name;
	binary *call;
};

/* main */
int times(int, int);

/* libops.so; `twice` is not exported, and has an address all the same */
int plus(int, int), minus(int, int);
binary *get_plus(void);
int is_minus(binary *);
const struct op *ops_table(void);

/* libmore.so */
const struct op *more_table(void);
