//! Where the block of the running thread is: at the start of the window that the stack
//! lies in.
//!
//! To find it takes two instructions that wait for nothing, less than to keep it over a
//! call. But to the code generator the stack pointer is a value that never changes: it
//! would keep it in a register that is saved for that, or in the frame. So until a function is
//! optimised, reads of the pinned register stand for it, which stay where translation has
//! placed them: one for all uses with no call in between, before loops without calls.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, Inst, InstBuilder, types};
use wasmaot_abi::context::WINDOW;

/// Puts the computation in the place of the instructions that stand for it.
pub(crate) fn compute(func: &mut Function, reads: &[Inst]) {
    for &read in reads {
        if func.layout.inst_block(read).is_none() {
            // It cannot be reached.
            continue;
        }
        let location = func.srcloc(read);
        let mut cursor = FuncCursor::new(func).at_inst(read).with_srcloc(location);
        let stack = cursor.ins().get_stack_pointer(types::I64);
        let window = cursor.ins().iconst(types::I64, -(WINDOW as i64));
        cursor.func.replace(read).band(stack, window);
    }
}
