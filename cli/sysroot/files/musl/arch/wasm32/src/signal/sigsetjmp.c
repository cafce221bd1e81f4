/* What sigsetjmp is made of, in bits/sigsetjmp.h. */

#include <setjmp.h>
#include <signal.h>
#include "syscall.h"

void __wasm_sigsetjmp_begin(jmp_buf buffer, int save)
{
	buffer->__fl = save != 0;
}

int __wasm_sigsetjmp_end(jmp_buf buffer, int value)
{
	/* At first the mask is saved, afterwards it is what was saved. */
	if (buffer->__fl)
		__syscall(SYS_rt_sigprocmask, SIG_SETMASK, value ? buffer->__ss : 0,
			value ? 0 : buffer->__ss, _NSIG / 8);
	return value;
}
