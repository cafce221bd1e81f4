//! Directories that a program is granted, as `--dir` says it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use wasmaot_hosts::HostEnv;

/// A directory that a program is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name here.
    pub host: PathBuf,
    /// The program's name for it.
    pub guest: String,
    /// Nothing beneath it can be changed by way of this grant.
    pub read_only: bool,
}

/// What separates the parts of a grant.
const SEPARATOR: &[u8] = b"::";

/// What a grant begins with of which nothing can be changed.
const READ_ONLY: &[u8] = b"ro:";

impl Grant {
    /// Reads `HOST` or `HOST::GUEST`, with `ro:` before it or `::ro` behind both
    /// names; `::rw` is as nothing. A directory whose name begins with `ro:` is
    /// `./ro:NAME`.
    ///
    /// # Errors
    /// What is wrong with it, and what it should be.
    pub fn read(text: &OsStr) -> Result<Self, String> {
        let text = text.as_bytes();
        // `ro::x` is a directory named `ro`.
        let rest = text.strip_prefix(READ_ONLY);
        let rest = rest.filter(|rest| !rest.starts_with(b":"));
        let parts = split(rest.unwrap_or(text));
        let (host, guest, access) = match parts[..] {
            [host] => (host, None, &b"rw"[..]),
            [host, guest] => (host, Some(guest), &b"rw"[..]),
            [host, guest, access] => (host, Some(guest), access),
            _ => return Err("has too many `::`; it is HOST::GUEST::ro at most".to_owned()),
        };
        if host.is_empty() {
            return Err("names no directory of the host before `::`".to_owned());
        }
        if guest.is_some_and(<[u8]>::is_empty) {
            return Err("names no directory of the program after `::`".to_owned());
        }
        let read_only = match access {
            b"ro" => true,
            b"rw" => rest.is_some(),
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(format!("has `{other}` for an access; it is `ro` or `rw`"));
            }
        };
        let guest = String::from_utf8(guest.unwrap_or(host).to_vec());
        Ok(Self {
            host: OsString::from_vec(host.to_vec()).into(),
            guest: guest.map_err(
                |_| "is no UTF-8, which the program's name for it has to be; give one: HOST::GUEST",
            )?,
            read_only,
        })
    }

    /// The text from which it is read.
    pub fn written(&self) -> OsString {
        let mut text = OsString::new();
        if self.read_only {
            text.push(OsStr::from_bytes(READ_ONLY));
        }
        text.push(&self.host);
        if self.host.as_os_str() != self.guest.as_str() {
            text.push("::");
            text.push(&self.guest);
        }
        text
    }

    /// Grants it.
    fn to(&self, wasi: HostEnv) -> std::io::Result<HostEnv> {
        match self.read_only {
            true => wasi.preopen_read_only(&self.host, self.guest.as_str()),
            false => wasi.preopen(&self.host, self.guest.as_str()),
        }
    }
}

/// Grants directories.
///
/// # Errors
/// Names the directory that cannot be opened.
pub fn grant_all(wasi: HostEnv, grants: &[Grant]) -> anyhow::Result<HostEnv> {
    grants.iter().try_fold(wasi, |wasi, grant| {
        let host: &Path = &grant.host;
        grant
            .to(wasi)
            .with_context(|| format!("--dir {0}: cannot open {0}", host.display()))
    })
}

fn split(mut text: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = text.windows(SEPARATOR.len()).position(|w| w == SEPARATOR) {
        parts.push(&text[..at]);
        text = &text[at + SEPARATOR.len()..];
    }
    parts.push(text);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_and_malformed_ones_refused() {
        let read = |text: &str| Grant::read(OsStr::new(text));
        let grant = |host: &str, guest: &str, read_only| {
            Ok(Grant {
                host: host.into(),
                guest: guest.to_owned(),
                read_only,
            })
        };
        assert_eq!(read("."), grant(".", ".", false));
        assert_eq!(read("a::/b"), grant("a", "/b", false));
        assert_eq!(read("a::/b::ro"), grant("a", "/b", true));
        assert_eq!(read("a::/b::rw"), grant("a", "/b", false));
        assert_eq!(read("a:b"), grant("a:b", "a:b", false));
        assert_eq!(read("ro:a"), grant("a", "a", true));
        assert_eq!(read("ro:a::/b"), grant("a", "/b", true));
        assert_eq!(read("ro:a::/b::ro"), grant("a", "/b", true));
        assert_eq!(read("ro::/b"), grant("ro", "/b", false));
        assert_eq!(read("./ro:a"), grant("./ro:a", "./ro:a", false));
        for text in ["a", "ro:a", "ro:a::/b", "ro::/b", "./ro:a"] {
            assert_eq!(read(text).unwrap().written(), text);
        }
        for wrong in [
            "",
            "::",
            "::x",
            "a::",
            "::x::ro",
            "a::b::",
            "a::b::rx",
            "a::b::ro::c",
            "ro:",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let bytes = OsStr::from_bytes(b"\xff");
        assert!(Grant::read(bytes).is_err());
        let named = OsStr::from_bytes(b"\xff::x");
        assert_eq!(Grant::read(named).unwrap().host.as_os_str(), bytes);
    }
}
