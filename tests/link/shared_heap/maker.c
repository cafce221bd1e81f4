#include <stdlib.h>
#include <string.h>

struct list { struct list *next; char *text; };

struct list *push(struct list *list, const char *text)
{
	struct list *node = malloc(sizeof *node);
	node->next = list;
	node->text = strdup(text);
	return node;
}
