//! `wasmaot link`.

use std::ffi::OsString;

use anyhow::Result;
use wasmaot_link::{link, wasm_ld};
use wasmaot_sysroot::Sysroot;

use crate::output;
use wasmaot_launch::report::{print, warn};

/// Arguments that ask for the version.
const VERSION: &[&str] = &["-v", "-V", "--version"];

/// Links with wasm-ld, with room for what has to be copied.
pub(crate) fn run(arguments: &[OsString]) -> Result<u8> {
    let asks = |argument: &OsString| VERSION.iter().any(|option| argument == *option);
    if arguments.iter().any(asks) {
        print(version()?)?;
        // As with other linkers, that is all if nothing else is asked for.
        if arguments.iter().all(asks) || arguments.iter().any(|a| a == "--version") {
            return Ok(0);
        }
    }
    let mut words: Vec<OsString> = arguments.iter().filter(|a| !asks(a)).cloned().collect();
    // Libraries of the user's come first.
    if let Ok(sysroot) = Sysroot::find(None, None) {
        let threads = words.iter().any(|word| word == "--shared-memory");
        if let Ok(target) = sysroot.target(threads) {
            words.extend(["-L".into(), target.library_directory().into()]);
        }
    }
    let linked = link(None, None, &words, |text| warn(text))?;
    output::write_executable(&linked.output, &linked.module)?;
    Ok(0)
}

/// What scripts look for in the version of a linker: libtool wants a word of GNU's.
fn version() -> Result<String> {
    let own = env!("CARGO_PKG_VERSION");
    let linker = wasm_ld()?.version()?;
    Ok(format!(
        "wasmaot link {own}, {linker} (compatible with GNU linkers)\n"
    ))
}
