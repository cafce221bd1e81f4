//! Where sysroots are, and which one is taken.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::layout::{Host, Libc, RECORD, Sysroot};
use crate::place;

/// Environment variable that names the sysroot to take.
pub const VARIABLE: &str = "WASMAOT_SYSROOT";

/// Where an installed package has its sysroots, from the directory that the
/// command's is in.
const PACKAGED: &str = "share/wasmaot/sysroot";

impl Sysroot {
    /// The sysroot for a host: the one that is named, by `explicit` or else by
    /// [`VARIABLE`]; else the user's, as `wasmaot sysroot install` makes it;
    /// else the one that came with the command. Without a host, the first that
    /// there is, in the order of [`Libc::ALL`].
    ///
    /// # Errors
    /// If there is none, the one that was named is for another host, or the one
    /// that was found cannot be used.
    pub fn find(host: Option<Host>, explicit: Option<&Path>) -> Result<Self> {
        let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let named = match (explicit, named) {
            (Some(path), _) => Some((path.to_owned(), None)),
            (None, Some(path)) => Some((path.into(), Some(VARIABLE))),
            (None, None) => None,
        };
        if let Some((path, by)) = named {
            let sysroot = Self::open(&path);
            let sysroot = match by {
                Some(variable) => {
                    sysroot.with_context(|| format!("{variable} names no sysroot"))?
                }
                None => sysroot?,
            };
            if let Some(host) = host {
                let mut libcs = Libc::ALL.into_iter();
                let install = libcs
                    .find(|libc| libc.host() == host)
                    .map_or("", Libc::name);
                ensure!(
                    sysroot.host() == host,
                    "{} is a sysroot for {}, and one for {host} is needed; name none, and that of \
                     `wasmaot sysroot install {install}` is taken",
                    path.display(),
                    sysroot.host()
                );
            }
            return Ok(sysroot);
        }
        let wanted = |libc: &Libc| host.is_none_or(|host| libc.host() == host);
        let libcs: Vec<Libc> = Libc::ALL.into_iter().filter(wanted).collect();
        for libc in &libcs {
            if let Some(path) = installed(*libc).into_iter().next() {
                return Self::open(&path);
            }
        }
        let name = libcs.first().map_or("", |libc| libc.name());
        let host = host.map_or(String::new(), |host| format!(" for {host}"));
        bail!(
            "there is no sysroot{host}; make one with `wasmaot sysroot install {name}`, or name one with {VARIABLE}"
        )
    }
}

/// The directories that have a sysroot of a libc: the first is taken.
#[must_use]
pub fn installed(libc: Libc) -> Vec<PathBuf> {
    let places = user_directory().into_iter().chain(packaged_directory());
    let sysroots = places.map(|place| place.join(libc.name()));
    sysroots
        .filter(|path| path.join(RECORD).is_file())
        .collect()
}

/// Where a user's sysroots are, each in a directory of its libc's name:
/// `$XDG_DATA_HOME/wasmaot/sysroot`, else `~/.local/share/wasmaot/sysroot`.
#[must_use]
pub fn user_directory() -> Option<PathBuf> {
    // A path that is not absolute is to be taken for none.
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("wasmaot/sysroot"))
}

/// Removes a sysroot.
///
/// # Errors
/// If there is none in the directory, or it cannot be removed.
pub fn remove(root: &Path) -> Result<()> {
    let there = root.join(RECORD).is_file();
    ensure!(there, "there is no sysroot in {}", root.display());
    place::remove(root)
}

/// Where the package that the running command is part of has them.
fn packaged_directory() -> Option<PathBuf> {
    let command = std::env::current_exe().ok()?.canonicalize().ok()?;
    Some(command.parent()?.parent()?.join(PACKAGED))
}
