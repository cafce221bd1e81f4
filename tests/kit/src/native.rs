//! The same C sources for the machine itself: the host's linker and loader
//! say what the output should be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache::{Key, make, once};
use crate::run::check;
use crate::tools::tools;
use crate::wasm::headers_for;

/// What gcc links.
#[derive(Clone, Debug, Default)]
pub struct Artifact {
    /// Name of the file.
    pub name: String,
    /// C files.
    pub sources: Vec<PathBuf>,
    /// Shared objects that it needs.
    pub libraries: Vec<PathBuf>,
    /// Further flags.
    pub flags: Vec<String>,
}

/// Builds a shared object. Undefined symbols are allowed, as wasm-ld allows them.
///
/// # Panics
/// If gcc refuses.
pub fn shared_object(artifact: &Artifact) -> PathBuf {
    let base = Path::new(&artifact.name)
        .file_name()
        .expect("it has a name");
    let soname = format!("-Wl,-soname,{}", base.display());
    build(artifact, &["-shared", "-Wl,--no-as-needed", &soname])
}

/// Builds a program.
///
/// # Panics
/// If gcc refuses.
pub fn executable(artifact: &Artifact) -> PathBuf {
    build(
        artifact,
        &[
            "-rdynamic",
            "-Wl,--no-as-needed",
            "-Wl,--allow-shlib-undefined",
        ],
    )
}

fn build(artifact: &Artifact, flags: &[&str]) -> PathBuf {
    // Lazy binding is how `LD_BIND_NOW` says otherwise; some gcc have it the other way.
    let common = ["-O1", "-w", "-fPIC", "-Wl,-z,lazy"];
    let mut arguments: Vec<OsString> = common.map(OsString::from).into();
    arguments.extend(flags.iter().map(OsString::from));
    arguments.extend(artifact.flags.iter().map(OsString::from));
    arguments.extend(
        artifact
            .sources
            .iter()
            .chain(&artifact.libraries)
            .map(OsString::from),
    );
    let mut key = Key::new("native")
        .text(tools().gcc.version())
        .text(&artifact.name);
    for argument in &arguments {
        key = key.text(argument.as_encoded_bytes());
    }
    for source in &artifact.sources {
        key = key.file(source);
        for header in headers_for(source, artifact.flags.iter().map(String::as_str)) {
            key = key.file(&header);
        }
    }
    let directory = once("native", &key, |directory| {
        let out = directory.join(&artifact.name);
        make(out.parent().expect("it is in the directory"));
        check(
            tools()
                .gcc
                .command()
                .args(&arguments)
                .args(["-lm", "-o"])
                .arg(out),
        );
    });
    directory.join(&artifact.name)
}
