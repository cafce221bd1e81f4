typedef int function(int);
extern int linked_array[5], main_array[3];
int linked(int), other(int), of_main(int);
int plug_function(int x) { return x + 4; }

extern struct node { struct node *next; int value; } other_node;
struct node plug_node = { &other_node, 1 };

function *const plug_table[] = { linked, other, of_main, plug_function };
int *plug_pointers[] = { &linked_array[4], &main_array[1], &plug_node.value };

int sum(int x)
{
	for (int i = 0; i < 4; i++)
		x += plug_table[i](i);
	for (int i = 0; i < 3; i++)
		x = 3 * x + *plug_pointers[i];
	return x + plug_node.next->next->value;
}
