//! What sysroots are made of: which files others publish, and which the user
//! has.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::archive::unpack;
use crate::cxx::Cxx;
use crate::fetch::{Download, Origin};
use crate::files::{entries, write};
use crate::layout::Libc;
use crate::work::{Step, Work};

/// musl, as upstream published it. Debian has it unchanged.
const MUSL: Download<'_> = Download {
    name: "musl_1.2.3.orig.tar.gz",
    hash: Some("dd4d86b7f568ec1650d473d79697ea5df7a7b1a7fb71859a33f6e3161e62aecc"),
    origin: Origin::Debian {
        package: "musl",
        version: "1.2.3-1",
        release: "bookworm",
    },
};

/// The same of a later version, in a compiler that carries it as source, for who
/// has no apt.
const MUSL_CARRIED: Download<'_> = Download {
    name: "ziglang-0.13.0.post1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl",
    hash: Some("dc71b22311f6722d32f3cd5056463aa1b65e3c41805b2a0cedc46c25ae8f6e74"),
    origin: Origin::Python {
        package: "ziglang==0.13.0.post1",
        platform: "manylinux_2_12_x86_64",
    },
};

/// Where in that it is, and its version, which is not there.
const CARRIED_PART: &str = "ziglang/lib/libc/musl";
const CARRIED_VERSION: &str = "1.2.5";

/// libc++ and what belongs to it, in a compiler that carries them as source.
const CXX: Download<'_> = Download {
    name: "ziglang-0.17.0-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl",
    hash: Some("63d3b447b4478712a083b6f8985782ee3717c56269c23515e2c647b559695600"),
    origin: Origin::Python {
        package: "ziglang==0.17.0",
        platform: "manylinux_2_12_x86_64",
    },
};

/// Where in that the parts are.
const CXX_PARTS: &str = "ziglang/lib";

/// An SDK whose libraries can be shared. Others have them to link programs with.
const WASI: Download<'_> = Download {
    name: "yowasp-clang-22.0.0-git20542-10.tgz",
    hash: Some("aef44e6828177d1b86c8ea00a198c50768884a9bdfa6372d6e0308a903759d5f"),
    origin: Origin::Npm {
        package: "@yowasp/clang@22.0.0-git20542-10",
    },
};

/// The version of that.
pub(crate) const WASI_VERSION: &str = "22.0.0-git20542-10";

/// The archive in it that has a sysroot.
pub(crate) const WASI_RESOURCES: &str = "package/gen/llvm-resources.tar";

/// Archives of musl under all their names, with their BLAKE3.
const MUSL_ARCHIVES: &[(&str, &str)] = &[
    (
        "musl_1.2.3.orig.tar.gz",
        "dd4d86b7f568ec1650d473d79697ea5df7a7b1a7fb71859a33f6e3161e62aecc",
    ),
    (
        "musl-1.2.3.tar.gz",
        "dd4d86b7f568ec1650d473d79697ea5df7a7b1a7fb71859a33f6e3161e62aecc",
    ),
    (
        "musl_1.2.5.orig.tar.gz",
        "63f96e526d3a73fddff8fcb9ee5c1dcbfdac8405db7d7537c3d1c8fffd5e6947",
    ),
    (
        "musl-1.2.5.tar.gz",
        "63f96e526d3a73fddff8fcb9ee5c1dcbfdac8405db7d7537c3d1c8fffd5e6947",
    ),
];

/// What is fetched to make a sysroot of a libc, where the user has none of it.
#[must_use]
pub const fn downloads(libc: Libc) -> &'static [Download<'static>] {
    match libc {
        Libc::Musl => &[MUSL, CXX],
        Libc::Wasi => &[WASI, CXX],
    }
}

/// The source of musl, unpacked below `work`, or where the user has it.
#[derive(Debug)]
pub(crate) enum Found {
    /// As upstream published it.
    Archive(PathBuf),
    /// In another package.
    Carried(PathBuf),
    Tree(PathBuf),
}

/// Finds musl's source, or fetches it: `given` is a file or directory of the
/// user's, with the source or the archive of it.
pub(crate) fn musl(work: &Work<'_>, given: Option<&Path>, into: &Path) -> Result<Found> {
    if let Some(given) = given {
        if given.is_file() {
            verify_musl(given)?;
            return Ok(Found::Archive(given.to_owned()));
        }
        if given.join("VERSION").is_file() {
            return Ok(Found::Tree(given.to_owned()));
        }
        let archives = MUSL_ARCHIVES.iter().map(|(name, _)| given.join(name));
        if let Some(archive) = archives.into_iter().find(|path| path.is_file()) {
            verify_musl(&archive)?;
            return Ok(Found::Archive(archive));
        }
    }
    let upstream = fetched(work, given, &MUSL, &into.join("musl")).map(Found::Archive);
    upstream.or_else(|error| {
        work.goes_on()?;
        let carried = fetched(work, given, &MUSL_CARRIED, &into.join("carried"));
        carried
            .map(Found::Carried)
            .map_err(|other| error.context(format!("{other:#}")))
    })
}

/// Looks whether an archive is what its name says, if that is known.
fn verify_musl(archive: &Path) -> Result<()> {
    let name = archive.file_name().unwrap_or_default();
    let known = MUSL_ARCHIVES.iter().find(|(known, _)| *known == name);
    known.map_or(Ok(()), |(_, hash)| {
        let hash = Some(*hash);
        Download { hash, ..MUSL }.verify(archive)
    })
}

/// Finds the archive with libc++, or fetches it.
pub(crate) fn cxx(work: &Work<'_>, given: Option<&Path>, into: &Path) -> Result<PathBuf> {
    fetched(work, given, &CXX, &into.join("cxx"))
}

/// Finds the archive with an SDK for WASI, or fetches it.
pub(crate) fn wasi(work: &Work<'_>, given: Option<&Path>, into: &Path) -> Result<PathBuf> {
    fetched(work, given, &WASI, &into.join("wasi"))
}

/// Unpacks musl, if that is still to be done.
pub(crate) fn unpack_musl(work: &Work<'_>, found: Found, to: &Path) -> Result<PathBuf> {
    work.begin(Step::Unpacking("musl"))?;
    let archive = match found {
        Found::Tree(path) => return Ok(path),
        Found::Carried(archive) => {
            unpack(&archive, CARRIED_PART, to)?;
            write(&to.join("VERSION"), CARRIED_VERSION)?;
            return Ok(to.to_owned());
        }
        Found::Archive(archive) => archive,
    };
    unpack(&archive, "", to)?;
    match &entries(to)?[..] {
        [one] => Ok(one.clone()),
        _ => bail!(
            "{} is not an archive of one directory, as those of musl are",
            archive.display()
        ),
    }
}

/// Unpacks libc++.
pub(crate) fn unpack_cxx(work: &Work<'_>, archive: &Path, to: &Path) -> Result<Cxx> {
    for part in Cxx::PARTS {
        work.begin(Step::Unpacking(part))?;
        unpack(archive, &format!("{CXX_PARTS}/{part}"), &to.join(part))?;
    }
    Cxx::new(to)
}

/// The file in the user's directory, else fetched.
fn fetched(
    work: &Work<'_>,
    given: Option<&Path>,
    download: &Download<'_>,
    into: &Path,
) -> Result<PathBuf> {
    let mine = given.map(|given| given.join(download.name));
    if let Some(mine) = mine.filter(|path| path.is_file()) {
        download.verify(&mine)?;
        return Ok(mine);
    }
    let from = download.from();
    work.begin(Step::Fetching(&from))?;
    let path = download.fetch(into);
    // A tool that was interrupted with us has only failed.
    work.goes_on()?;
    path.with_context(|| {
        format!(
            "cannot fetch {} from {from}; fetch it by hand, and say with --source where it is",
            download.name
        )
    })
}
