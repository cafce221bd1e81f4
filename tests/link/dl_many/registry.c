typedef int function(int);
static function *entries[64];
static int count;

void enroll(function *entry) { entries[count++] = entry; }

void resign(function *entry)
{
	for (int i = 0; i < count; i++)
		if (entries[i] == entry) {
			for (count--; i < count; i++)
				entries[i] = entries[i + 1];
			return;
		}
}

int registry_sum(int x)
{
	int sum = 0;
	for (int i = 0; i < count; i++)
		sum = 2 * sum % 1000003 + entries[i](x);
	return sum;
}

int registry_count(void) { return count; }
