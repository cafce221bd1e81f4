/* Precedes a thrown object. */
struct Header {
	const void *type;
	void (*destroy)(void *);
	Header *outer;
	int handlers;
	int rethrown;
};
