struct shape {
	char kind;
	int points[3];
	double area;
	const char *name;
	int (*measure)(int);
	struct shape *next;
};
