#include <stdlib.h>
#include <string.h>

struct list { struct list *next; char *text; };

void twice(struct list *list)
{
	for (; list; list = list->next) {
		size_t length = strlen(list->text);
		list->text = realloc(list->text, 2 * length + 1);
		memcpy(list->text + length, list->text, length);
		list->text[2 * length] = 0;
	}
}
