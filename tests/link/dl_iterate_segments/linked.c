int linked_value = 1;
int linked_room[500];
