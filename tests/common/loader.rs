//! The static loader.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The loader, which cargo builds as users do. The command finds it beside itself.
pub fn loader() -> &'static Path {
    static LOADER: OnceLock<PathBuf> = OnceLock::new();
    LOADER.get_or_init(|| {
        // Not with what this test is built with: that has a compiler in it.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "wasmaot-ld"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        Path::new(env!("CARGO_BIN_EXE_wasmaot")).with_file_name("wasmaot-ld")
    })
}
