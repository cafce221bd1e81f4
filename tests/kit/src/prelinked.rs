//! Cases prelinked: main and those libraries of the case that it needs as one
//! set. What it opens, what is preloaded and what the sysroot has stay apart.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{Scratch, make, scratch};
use crate::case::{Case, Form, PROGRAM};
use crate::manifest::Options;
use crate::run::{Run, Wasmaot, run};
use crate::wasm::library_directory;

/// A prelinked program, in a directory with its libraries.
#[derive(Debug)]
pub struct Prelinked {
    directory: Scratch,
}

impl Case {
    /// Builds it as [`build`](Self::build) does, and prelinks it.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn prelink(&self, wasmaot: &Wasmaot, form: Form) -> Prelinked {
        let built = self.build(form);
        let built = built.parent().expect("it is in a directory");
        let directory = scratch("prelinked");
        link_all(built, &directory);
        let mut command = wasmaot.command("ldd");
        let listed = run(command
            .arg("-L")
            .arg(library_directory())
            .arg(directory.join(PROGRAM)));
        let found = listed.stdout.lines().filter_map(|line| {
            let (_, path) = line.split_once(" => ")?;
            Some(PathBuf::from(path)).filter(|path| path.starts_with(&*directory))
        });
        let set: Vec<PathBuf> = [directory.join(PROGRAM)].into_iter().chain(found).collect();
        let mut command = wasmaot.command("build");
        command
            .args(["--prelink", "-L"])
            .arg(library_directory())
            .args(&set);
        run(&mut command).expect_code(0);
        for module in set {
            // In its place: programs tell their files' names.
            let built = format!("{}.elf", module.display());
            fs::rename(built, module).expect("it has just been written");
        }
        Prelinked { directory }
    }
}

impl Prelinked {
    /// Runs it.
    pub fn run(&self, wasmaot: &Wasmaot, options: &Options) -> Run {
        Case::run_program(wasmaot, &self.directory.join(PROGRAM), options)
    }
}

/// Links the files of a directory into another.
fn link_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory can be read") {
        let path = entry.expect("a directory can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            make(&target);
            link_all(&path, &target);
        } else {
            fs::hard_link(&path, target).expect("both are on one file system");
        }
    }
}
