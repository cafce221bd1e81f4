//! How modules are compiled on the way.

use wasmaot::EngineConfig;

#[cfg(feature = "compiler")]
use crate::progress;
#[cfg(feature = "compiler")]
use wasmaot_compiler::Options;
#[cfg(feature = "compiler")]
use wasmaot_launch::report::warn;

/// How modules are compiled that are run or listed.
pub(crate) fn engine(#[cfg(feature = "compiler")] options: Options) -> EngineConfig {
    let config = EngineConfig::new();
    #[cfg(feature = "compiler")]
    let config = config
        .compile_options(options)
        .compile_with(progress::compile)
        .warn_with(|text| warn(text));
    config
}
