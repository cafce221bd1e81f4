//! Link edit: code → an ELF shared object.

use cranelift_codegen::isa::TargetIsa;

use crate::code::Code;
use crate::module::Module;
use crate::{Options, Result};

/// Lays out and writes the object.
pub(crate) fn link(
    module: &Module<'_>,
    code: &Code,
    isa: &dyn TargetIsa,
    options: &Options,
    build_id: [u8; 20],
) -> Result<Vec<u8>> {
    let _ = (module, code, isa, options, build_id);
    todo!()
}
