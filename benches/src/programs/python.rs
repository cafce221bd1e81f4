//! CPython: that of the host, and the one for WASI.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_lab::report::Report;
use wasmaot_testkit::{Cpython, library_directory};

use super::{Form, Making};
use crate::child;

/// What `libpython3.14.so` needs of the SDK.
const LIBRARIES: [&str; 5] = [
    "libwasi-emulated-signal.so",
    "libwasi-emulated-getpid.so",
    "libwasi-emulated-process-clocks.so",
    "libdl.so",
    "libc.so",
];

/// All forms, the native ones first.
pub fn forms(
    native: &[PathBuf],
    place: &Path,
    making: &Making,
    report: &mut Report,
) -> Result<Vec<Form>> {
    let mut forms = Vec::new();
    for (number, python) in native.iter().enumerate() {
        let name = match number {
            0 => "native".to_owned(),
            _ => format!("native-{}", number + 1),
        };
        let ask = "import sys; print(sys.version.split()[0], sys.executable)";
        let said = child::run(Command::new(python).args(["-c", ask]));
        let said = said.with_context(|| format!("{} is no CPython", python.display()))?;
        report.note(&format!("CPython, {name}"), said.stdout.trim().to_owned());
        forms.push(Form::new(&name, [python]));
    }
    report.note(
        "CPython, wasi and wasmtime",
        "3.14, of the Python package componentize-py",
    );
    let python = Cpython::fetched();
    let sdk = LIBRARIES.map(|name| library_directory().join(name));
    let mut modules = vec![python.main.clone(), python.library.clone()];
    modules.extend(sdk);
    forms.extend(ours(&modules, &python.lib, place, making)?);
    forms.extend(super::wasmtime(&modules, place, &options(&python.lib))?);
    Ok(forms)
}

/// Objects, each beside main's.
fn ours(modules: &[PathBuf], lib: &Path, place: &Path, making: &Making) -> Result<Vec<Form>> {
    for module in modules {
        let name = module.file_name().unwrap_or_default();
        fs::copy(module, place.join(name))?;
        let built = Path::new(name).with_added_extension("elf");
        let words: [OsString; 4] = ["build".into(), name.into(), "-o".into(), built.into()];
        making.run(place, &[], words)?;
    }
    let main = place.join("main.wasm.elf");
    let ways: [(&str, &[&str]); 2] = [("wasi", &[]), ("wasi-now", &["--bind", "now"])];
    let forms = ways.map(|(name, flags)| {
        let mut words: Vec<OsString> = vec![making.wasmaot.clone().into(), "run".into()];
        // It is made for a libc with sockets, of which nothing is called.
        words.push("--unresolved=ignore".into());
        words.extend(flags.iter().map(OsString::from));
        words.extend(options(lib));
        words.extend([main.clone().into(), "--".into()]);
        Form::new(name, words)
    });
    Ok(forms.into())
}

/// Where its own library is.
fn options(lib: &Path) -> [OsString; 4] {
    let mut directory = lib.as_os_str().to_owned();
    directory.push("::/lib");
    let home = "PYTHONHOME=/".into();
    ["--dir".into(), directory, "--env".into(), home]
}
