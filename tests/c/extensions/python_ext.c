/* An extension module of CPython, without its headers: by what is the same in
   all of its versions. */

typedef struct object object;

struct base {
	int references;
	void *type, *init;
	int index;
	void *copy;
};

struct method {
	const char *name;
	object *(*function)(object *, object *);
	int flags;
	const char *doc;
};

struct definition {
	struct base base;
	const char *name, *doc;
	int size;
	struct method *methods;
	void *slots, *traverse, *clear, *free;
};

object *PyModule_Create2(struct definition *, int);
int PyArg_ParseTuple(object *, const char *, ...);
object *PyUnicode_FromFormat(const char *, ...);
void PyErr_SetString(object *, const char *);
extern object *PyExc_ValueError;

static object *greet(object *self, object *arguments)
{
	const char *name;
	int n;
	if (!PyArg_ParseTuple(arguments, "si", &name, &n))
		return 0;
	if (n < 0) {
		PyErr_SetString(PyExc_ValueError, "negative");
		return 0;
	}
	return PyUnicode_FromFormat("hello %s, %d", name, n * n);
}

static struct method methods[] = {{"greet", greet, 1, "greets"}, {0}};
static struct definition definition = {{1}, "ext", "An extension.", -1, methods};

object *PyInit_ext(void)
{
	return PyModule_Create2(&definition, 1013);
}
