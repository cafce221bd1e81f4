//! Rewrites of a translated function into what the code generator makes better
//! code of.

mod address;
mod br_table;
mod cold;
mod loop_invariants;
mod loop_phis;
mod masks;

use cranelift_codegen::Context;

use super::watch::Watch;
use crate::module::Module;

/// Rewrites a translated function. `watch`: what is known of its locals;
/// `accesses_extend`: whether an access to memory extends an index of 32 bits itself.
pub(crate) fn improve(
    module: &Module<'_>,
    context: &mut Context,
    watch: &mut Watch,
    accesses_extend: bool,
) {
    br_table::improve(&mut context.func);
    address::fold(module, context);
    if !module.branch_hints.is_empty() {
        cold::spread(&mut context.func);
    }
    masks::remove(context);
    loop_phis::improve(context, accesses_extend);
    // What follows forgets which values are others by another name.
    watch.resolve(&context.func);
    loop_invariants::improve(context);
}
