//! Paths as the program means them.

use std::borrow::Cow;

use super::symbol::Scope;
use crate::link::{data_address, has_origin};
use crate::process::Process;

/// Where wasi-libc keeps the current directory, which its host does not know.
const LIBC_DIRECTORY: &str = "__wasilibc_cwd";
/// Longest path that is taken from there.
const PATH_MAX: usize = 4096;

impl Process {
    /// A library's path from the root of what the program sees, unless the
    /// program is there; a name without a slash, and what lies at `$ORIGIN`,
    /// as it is.
    pub(super) fn library_path<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if name.starts_with('/') || !name.contains('/') || has_origin(name) {
            return name.into();
        }
        let directory = match &self.dl.directory {
            Some(directory) => Some(directory.clone()),
            None => self.libc_directory(),
        };
        match directory {
            Some(directory) if directory.iter().any(|&byte| byte != b'/') => {
                let directory = String::from_utf8_lossy(&directory);
                format!("/{}/{name}", directory.trim_matches('/')).into()
            }
            _ => name.into(),
        }
    }

    /// What the program's libc says, where it is one that does.
    fn libc_directory(&self) -> Option<Vec<u8>> {
        let main = self.main().ok()?;
        let target = self.find_in(Scope::Default(main), LIBC_DIRECTORY)?;
        let at = data_address(self.view(), target).ok()?;
        let memory = self.space.domains[self.link.program.as_ref()?.domain].view();
        let text = u32::from_le_bytes(memory.read_array(at).ok()?);
        memory.read_text(text.into(), PATH_MAX).ok()
    }
}
