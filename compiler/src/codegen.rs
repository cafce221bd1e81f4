//! Functions → machine code, in parallel.

use cranelift_codegen::isa::TargetIsa;

use crate::code::Code;
use crate::module::Module;
use crate::{Options, Result};

/// Compiles all functions of a module.
pub(crate) fn compile(module: &Module<'_>, isa: &dyn TargetIsa, options: &Options) -> Result<Code> {
    let _ = (module, isa, options);
    todo!()
}

/// The text of every function's CLIF, or of its machine code.
pub(crate) fn listing(
    module: &Module<'_>,
    isa: &dyn TargetIsa,
    options: &Options,
    asm: bool,
) -> Result<String> {
    let _ = (module, isa, options, asm);
    todo!()
}
