//! Code → a relocatable object (`--emit obj`), by cranelift-object.

use cranelift_codegen::isa::OwnedTargetIsa;

use crate::Result;
use crate::code::Code;
use crate::module::Module;

/// Writes the relocatable object.
pub(crate) fn write(module: &Module<'_>, code: Code, isa: OwnedTargetIsa) -> Result<Vec<u8>> {
    let _ = (module, code, isa);
    todo!()
}
