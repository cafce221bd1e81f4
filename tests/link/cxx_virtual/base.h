struct Shape {
	virtual int area() const { return -1; }
	virtual const char *name() const;
	virtual int twice() const { return 2 * area(); }
	int id = 7;
};
Shape *base_square(int);
inline int &shared_counter()
{
	static int counter = 100;
	return counter;
}
