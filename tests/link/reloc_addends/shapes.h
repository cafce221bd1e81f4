struct point {
	char tag;
	int x, y;
	double weight;
};

extern struct point shape[4];
extern char letters[27];
