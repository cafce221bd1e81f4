//! Rewrites of a translated function into what the code generator makes better
//! code of.

mod address;
mod br_table;
mod loop_invariants;
mod loop_phis;

use cranelift_codegen::Context;

use crate::module::Module;

/// Rewrites a translated function.
pub(crate) fn improve(module: &Module<'_>, context: &mut Context) {
    br_table::improve(&mut context.func);
    address::fold(module, context);
    loop_phis::improve(context);
    loop_invariants::improve(context);
}
