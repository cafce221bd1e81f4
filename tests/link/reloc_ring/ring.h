struct node {
	const char *name;
	struct node *next, *previous;
};
extern struct node alpha, beta, gamma_;
