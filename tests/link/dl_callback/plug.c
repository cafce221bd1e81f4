int main_counter_step(int);
extern int main_counter;
extern const char *main_names[];
extern struct config { int width; double ratio; } main_config;

int *const counter = &main_counter;

int plug(int x)
{
	for (int i = 0; i < x; i++)
		*counter += main_counter_step(i);
	main_config.width *= 2;
	return (int)(main_config.ratio * 10) + main_names[1][0];
}
