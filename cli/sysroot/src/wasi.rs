//! wasi-libc, as an SDK has it built: libraries and headers are taken over, the
//! start of a program and jumps are ours. libc++ is built beside it: that of an SDK
//! is no library that can be shared, or has no exceptions.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::archive::unpack;
use crate::cxx::{self, Cxx};
use crate::files::{copy, copy_file, entries, read, write_ours};
use crate::layout::{FORMAT, Host, Language, Record, Sysroot, TAGS};
use crate::sources;
use crate::work::{JUMPS, Step, Unit, Work, flags};

/// What clang calls the target, and SDKs their directories for it.
const TRIPLE: &str = "wasm32-wasip1";

/// Where an installed SDK has its sysroot, if it is not one itself.
const SYSROOT: &str = "share/wasi-sysroot";

/// The object with the functions that jumps are made of. That of an SDK defines
/// the tag, too: every library would have one of its own.
const JUMPS_OBJECT: &str = "jumps.o";

/// An archive without members has no more bytes.
const EMPTY: u64 = 8;

/// A sysroot in parts: of an SDK, or of what was unpacked.
struct Parts {
    include: PathBuf,
    lib: PathBuf,
    builtins: PathBuf,
    version: String,
}

/// Makes a sysroot of an SDK: `given` is one, or a directory with the archive of
/// the one that is fetched else.
pub(crate) fn install(
    work: &Work<'_>,
    given: Option<&Path>,
    with_cxx: bool,
    scratch: &Path,
    root: &Path,
) -> Result<()> {
    let cxx = match with_cxx {
        true => Some(sources::cxx(work, given, &scratch.join("downloads"))?),
        false => None,
    };
    let parts = parts(work, given, scratch)?;
    ensure!(
        parts.lib.join("libc.so").is_file(),
        "{} has no libc.so: its libraries cannot be shared; name another SDK with --source",
        parts.lib.display()
    );
    let cxx = match cxx {
        Some(archive) => Some(sources::unpack_cxx(work, &archive, &scratch.join("cxx"))?),
        None => None,
    };
    let include = root.join("include");
    // Those of C++ belong to the library that the SDK has.
    copy(&parts.include, &include, |name| !name.starts_with("c++"))?;
    if let Some(cxx) = &cxx {
        cxx.install_headers(&include.join("c++/v1"))?;
    }
    let sysroot = Sysroot::in_making(
        root,
        Record {
            format: FORMAT,
            host: Host::Wasi,
            libc: "wasi-libc".to_owned(),
            version: parts.version,
            triple: TRIPLE.to_owned(),
            compiler: work.clang.banner().to_owned(),
            flags: JUMPS.map(str::to_owned).to_vec(),
            cxx_flags: vec![cxx::EXCEPTIONS.to_owned()],
            cxx: cxx.as_ref().map(|cxx| cxx.version.clone()),
            members: vec![JUMPS_OBJECT.to_owned()],
            threads: false,
        },
    );
    take_libraries(&parts.lib, &root.join("lib"))?;
    copy_file(&parts.builtins, &root.join("lib/libclang_rt.builtins.a"))?;
    make_libraries(work, &sysroot, cxx.as_ref(), scratch)?;
    sysroot.finish()
}

/// Takes over an SDK's libraries that are shared, and those that are empty.
fn take_libraries(from: &Path, to: &Path) -> Result<()> {
    for path in entries(from)? {
        let name = path.file_name().expect("it is in a directory");
        let shared = path.extension().is_some_and(|e| e == "so");
        let empty = path.extension().is_some_and(|e| e == "a")
            && path.metadata().is_ok_and(|file| file.len() == EMPTY);
        if shared || empty {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Compiles what is ours, and libc++.
fn make_libraries(
    work: &Work<'_>,
    sysroot: &Sysroot,
    cxx: Option<&Cxx>,
    scratch: &Path,
) -> Result<()> {
    let target = sysroot.target(false)?;
    let lib = target.library_directory();
    let ours = scratch.join("ours");
    write_ours("wasi", &ours)?;
    write_ours("tags", &ours)?;
    write_ours("musl/arch/wasm32/src/setjmp", &ours)?;
    let mut sources = vec![ours.join("crt1.c"), ours.join("setjmp.c")];
    sources.extend(TAGS.map(|tag| ours.join(tag).with_extension("s")));
    let objects = scratch.join("objects");
    let directory = objects.join("single");
    let mut units = vec![Unit {
        directory: directory.clone(),
        sources,
        flags: flags(&target, Language::C)?,
    }];
    if let Some(cxx) = cxx {
        let absent = ["-include".into(), ours.join("absent.h").into()];
        units.extend(cxx.units(&target, &absent, &objects)?);
    }
    work.compile(&units)?;
    copy_file(&directory.join("setjmp.o"), &lib.join(JUMPS_OBJECT))?;
    for name in TAGS.into_iter().chain(["crt1.o"]) {
        copy_file(&directory.join(name), &lib.join(name))?;
    }
    match cxx {
        Some(_) => cxx::link(work, &target, &objects),
        None => Ok(()),
    }
}

fn parts(work: &Work<'_>, given: Option<&Path>, scratch: &Path) -> Result<Parts> {
    if let Some(sdk) = sdk(given) {
        let root = [sdk.join(SYSROOT), sdk.clone()];
        let root = root.into_iter().find(|root| is_sysroot(root));
        let root = root.context("an SDK has a sysroot")?;
        let version = read(&sdk.join("VERSION")).unwrap_or_default();
        return Ok(Parts {
            include: root.join("include").join(TRIPLE),
            lib: root.join("lib").join(TRIPLE),
            builtins: work.clang.builtins()?,
            version: version.lines().next().unwrap_or("of an SDK").to_owned(),
        });
    }
    let archive = sources::wasi(work, given, &scratch.join("downloads"))?;
    work.begin(Step::Unpacking("wasi-libc"))?;
    let sdk = scratch.join("sdk");
    unpack(&archive, sources::WASI_RESOURCES, &sdk)?;
    let name = Path::new(sources::WASI_RESOURCES).file_name();
    let resources = sdk.join(name.expect("it is a file"));
    let part = |name: &str| -> Result<PathBuf> {
        let to = sdk.join(name);
        unpack(&resources, name, &to)?;
        Ok(to)
    };
    Ok(Parts {
        include: part(&format!("include/{TRIPLE}"))?,
        lib: part(&format!("lib/{TRIPLE}"))?,
        builtins: part("lib/wasm32-unknown-wasip1")?.join("libclang_rt.builtins.a"),
        version: sources::WASI_VERSION.to_owned(),
    })
}

/// An SDK of the user's: the one that is named, else one in the usual places.
fn sdk(given: Option<&Path>) -> Option<PathBuf> {
    let usual = std::env::var_os("WASI_SDK_PATH").map(PathBuf::from);
    let usual = || usual.into_iter().chain(["/opt/wasi-sdk".into()]);
    let places: Vec<PathBuf> = match given {
        Some(given) => vec![given.to_owned()],
        None => usual().collect(),
    };
    let is_sdk = |place: &PathBuf| is_sysroot(place) || is_sysroot(&place.join(SYSROOT));
    places.into_iter().find(is_sdk)
}

fn is_sysroot(directory: &Path) -> bool {
    directory.join("include").join(TRIPLE).is_dir() && directory.join("lib").join(TRIPLE).is_dir()
}
