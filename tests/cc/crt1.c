void __wasm_call_ctors(void);
int main(void);
_Noreturn void exit(int);

__attribute__((export_name("_start"))) void _start(void)
{
	__wasm_call_ctors();
	exit(main());
}
