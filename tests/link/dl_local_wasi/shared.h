// What identifies a type, as its typeinfo does for exceptions.
template <typename T> struct Kind {
	static inline char id;
};
