//! Libraries by name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What `-l` asks for.
#[derive(Debug)]
pub struct Wanted {
    /// What follows `-l`.
    pub name: OsString,
    /// Whether a shared library is taken.
    pub dynamic: bool,
}

/// What is in a file, as far as the search has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// A module, an object, or an archive of these.
    Wasm,
    /// What other linkers take: native code, or a script of theirs.
    Other,
}

impl Wanted {
    /// Finds the file: in each directory the shared library, then the archive;
    /// `:NAME` is the file's own name. What is for another machine is passed
    /// over, and told.
    pub fn find(&self, directories: &[PathBuf], mut skipped: impl FnMut(&str)) -> Option<PathBuf> {
        let file = |before: &str, after: &str| {
            let mut name = OsString::from(before);
            name.push(&self.name);
            name.push(after);
            name
        };
        let names = match self.name.as_bytes().strip_prefix(b":") {
            Some(name) => vec![OsStr::from_bytes(name).to_owned()],
            None if self.dynamic => vec![file("lib", ".so"), file("lib", ".a")],
            None => vec![file("lib", ".a")],
        };
        let places = directories
            .iter()
            .flat_map(|directory| names.iter().map(|name| directory.join(name)));
        for place in places.filter(|path| path.is_file()) {
            match content(&place) {
                Content::Wasm => return Some(place),
                Content::Other => skipped(&format!(
                    "skipping incompatible {} when searching for -l{}",
                    place.display(),
                    self.name.display()
                )),
            }
        }
        None
    }
}

/// What cannot be read is left to who links it, and says so.
fn content(path: &Path) -> Content {
    let mut start = [0; 8];
    let Ok(mut file) = File::open(path) else {
        return Content::Wasm;
    };
    let Ok(len) = file.read(&mut start) else {
        return Content::Wasm;
    };
    match &start[..len] {
        b"!<arch>\n" => first_member(&mut file).unwrap_or(Content::Wasm),
        // Its members are elsewhere.
        b"!<thin>\n" => Content::Wasm,
        [b'\0', b'a', b's', b'm', ..] | [b'B', b'C', ..] => Content::Wasm,
        // An empty file is an error that tells more than its absence.
        [] => Content::Wasm,
        _ => Content::Other,
    }
}

/// What the first member of an archive is that is no index and no list of
/// names; `None` where there is none.
fn first_member(file: &mut File) -> Option<Content> {
    const HEADER: usize = 60;
    let mut header = [0; HEADER];
    loop {
        file.read_exact(&mut header).ok()?;
        let size = std::str::from_utf8(&header[48..58]).ok()?;
        let size: i64 = size.trim().parse().ok()?;
        if header[0] != b'/' || header[1].is_ascii_digit() {
            let mut start = [0; 4];
            file.read_exact(&mut start).ok()?;
            let native = start.starts_with(b"\x7fELF");
            return Some(if native {
                Content::Other
            } else {
                Content::Wasm
            });
        }
        file.seek(SeekFrom::Current(size + (size & 1))).ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, dynamic: bool) -> Wanted {
        Wanted {
            name: name.into(),
            dynamic,
        }
    }

    #[test]
    fn what_is_for_another_machine_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let (native, own) = (
            directory.path().join("native"),
            directory.path().join("own"),
        );
        for place in [&native, &own] {
            std::fs::create_dir(place).unwrap();
        }
        // An index and a member, as ar writes them.
        let archive = |member: &[u8]| {
            let header = |name: &str, size: usize| format!("{name:<48}{size:<10}`\n");
            let mut bytes = b"!<arch>\n".to_vec();
            bytes.extend(header("/", 3).into_bytes());
            bytes.extend(b"abc\n");
            bytes.extend(header("member.o/", member.len()).into_bytes());
            bytes.extend(member);
            bytes
        };
        std::fs::write(native.join("libz.so"), "/* GNU ld script */").unwrap();
        std::fs::write(native.join("libz.a"), archive(b"\x7fELF")).unwrap();
        std::fs::write(own.join("libz.a"), archive(b"\0asm")).unwrap();
        std::fs::write(own.join("libe.a"), "!<arch>\n").unwrap();
        let directories = [native.clone(), own.clone()];
        let mut told = Vec::new();
        let found = wanted("z", true).find(&directories, |text| told.push(text.to_owned()));
        assert_eq!(found, Some(own.join("libz.a")));
        let passed = |name: &str| {
            let path = native.join(name).display().to_string();
            format!("skipping incompatible {path} when searching for -lz")
        };
        assert_eq!(told, [passed("libz.so"), passed("libz.a")]);
        assert_eq!(wanted("z", true).find(&directories[..1], |_| ()), None);
        assert!(wanted("e", false).find(&directories, |_| ()).is_some());
    }
}
