//! How modules are compiled on the way.

use wasmaot::EngineConfig;

#[cfg(feature = "compiler")]
use crate::options::Codegen;
#[cfg(feature = "compiler")]
use crate::progress;

/// How modules are compiled that are run or listed.
pub(crate) fn engine(#[cfg(feature = "compiler")] codegen: &Codegen) -> EngineConfig {
    let config = EngineConfig::new();
    #[cfg(feature = "compiler")]
    let config = config
        .compile_options(codegen.options())
        .compile_with(progress::compile);
    config
}
