/* Included at the end of setjmp.h: clang has to see the call of setjmp in the
   function that calls sigsetjmp. */

#ifdef __cplusplus
extern "C" {
#endif

void __wasm_sigsetjmp_begin(jmp_buf, int);
int __wasm_sigsetjmp_end(jmp_buf, int);

#define sigsetjmp(buffer, save) \
	(__wasm_sigsetjmp_begin(buffer, save), __wasm_sigsetjmp_end(buffer, setjmp(buffer)))

#ifdef __cplusplus
}
#endif
