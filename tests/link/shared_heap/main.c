/* Allocated in one library, grown in another, freed in main. */

#include <stdio.h>
#include <stdlib.h>

struct list { struct list *next; char *text; };
struct list *push(struct list *, const char *);
void twice(struct list *);

int main(void)
{
	struct list *list = NULL;
	int length = 0;

	list = push(push(push(list, "one"), "two"), "three");
	twice(list);
	while (list) {
		struct list *next = list->next;
		printf("%s ", list->text);
		free(list->text);
		free(list);
		list = next;
	}
	for (int i = 0; i < 1000; i++)
		list = push(list, "a text that is long enough for a block of its own");
	twice(list);
	for (; list; length++) {
		struct list *next = list->next;
		free(list->text);
		free(list);
		list = next;
	}
	printf("%d\n", length);
	return 0;
}
