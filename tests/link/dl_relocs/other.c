extern struct node { struct node *next; int value; } plug_node;
struct node other_node = { &plug_node, 2 };
int other(int x) { return other_node.next->value + x; }
