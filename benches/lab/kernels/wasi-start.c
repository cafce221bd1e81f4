/* Makes a program of which functions are called, and not `main`, ready: wasm-ld takes one that
   does not say when its constructors run for a command, each of whose functions runs them. */
void __wasm_call_ctors(void);

__attribute__((export_name("_initialize"))) void _initialize(void) { __wasm_call_ctors(); }
