struct Tracked {
	const char *name;
	explicit Tracked(const char *name);
	~Tracked();
};
