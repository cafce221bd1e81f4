int plug_value = 2;
int plug_room[5000];
