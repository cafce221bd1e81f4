//! The kernels: C in a main and the libraries that it calls, mostly one. Those that are
//! built in are of our own and use no libc. Every engine and every build computes the same.

use std::path::PathBuf;

/// What a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One thing that costs across modules, and nothing else.
    Micro,
    /// A piece of real work, split as programs are.
    Work,
    /// Variables of which each thread has its own.
    ThreadLocal,
}

impl Group {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Micro => "micro",
            Self::Work => "work",
            Self::ThreadLocal => "tls",
        }
    }
}

/// A kernel. `run(n)` of its main does `n` units of work and answers a check-sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub group: Group,
    /// What it does, in a sentence or two.
    pub about: String,
    /// Units of work that take some 100 ms natively, if that is known.
    pub n: Option<u32>,
    /// Whether main refers to variables of a library: a main at fixed
    /// addresses can do that by copy relocations alone.
    pub shares_data: bool,
    /// Whether it needs a C library.
    pub libc: bool,
    /// The program.
    pub main: Unit,
    /// The libraries, each before those that need it.
    pub libraries: Vec<Library>,
    /// Files that are written where it is built: name and text.
    pub files: Vec<(&'static str, &'static str)>,
}

/// A library of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    /// Its name, of which those of its files are made.
    pub name: String,
    /// What it is made of.
    pub unit: Unit,
    /// The names of the libraries that it calls.
    pub needs: Vec<String>,
}

impl Library {
    /// The name of its wasm module, by which others need it.
    pub fn module(&self) -> String {
        format!("{}.so", self.name)
    }

    /// What `-l` asks for to find its native form.
    pub fn native_name(&self) -> &str {
        match self.name.as_str() {
            THE_LIBRARY => "kernel",
            name => name,
        }
    }
}

/// The name of the library of a kernel that has one.
pub const THE_LIBRARY: &str = "lib";

/// What a module is compiled of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// C files. What is no absolute path is where the kernel is built.
    pub sources: Vec<PathBuf>,
    /// Directories of headers.
    pub include: Vec<PathBuf>,
    /// Further flags of every compiler, such as `-DX=1`.
    pub flags: Vec<String>,
}

/// What a built-in kernel does: the comments with which its two files begin.
fn about(main: &str, library: &str) -> String {
    let main = first_comment(main);
    match first_comment(library) {
        none if none.is_empty() => main,
        library => format!("{main} The library: {library}"),
    }
}

/// The comment with which a file begins, in one line; else nothing.
pub(crate) fn first_comment(source: &str) -> String {
    let comment = source
        .strip_prefix("/*")
        .and_then(|rest| rest.split_once("*/"));
    let words = comment.map_or("", |(text, _)| text).split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// Files that all kernels may include, in the directory above each.
pub const SHARED: &[(&str, &str)] = &[
    ("kernel.h", include_str!("../kernels/kernel.h")),
    ("text.h", include_str!("../kernels/text.h")),
];

/// A native program around a kernel: `harness WARM-UP N`.
pub const HARNESS: &str = include_str!("../kernels/harness.c");

macro_rules! kernels {
    ($($group:ident $name:literal $n:literal $shares_data:literal [$($header:literal)?];)*) => {
        /// All kernels that are built in.
        pub fn built_in() -> Vec<Kernel> {
            vec![$(own(Group::$group, $name, $n, $shares_data, vec![
                ("main.c", include_str!(concat!("../kernels/", $name, "/main.c"))),
                ("lib.c", include_str!(concat!("../kernels/", $name, "/lib.c"))),
                $(($header, include_str!(concat!("../kernels/", $name, "/", $header))))?
            ])),*]
        }
    };
}

kernels! {
    Micro "call"     80_000_000 false [];
    Micro "callback" 50_000_000 false [];
    Micro "globals"  40_000_000 true  [];
    Micro "frame"    30_000_000 false [];
    Micro "copy"     10_000_000 false ["item.h"];
    Micro "cycle"    30_000_000 false [];
    Work  "qsort"    80         false [];
    Work  "sha256"   30_000     false ["sha256.h"];
    Work  "json"     400        false ["json.h"];
    Work  "lz"       250        false [];
    Work  "crc"      700        false [];
    Work  "nbody"    1_000_000  false ["body.h"];
    Work  "hashmap"  70         false ["map.h"];
    Work  "regex"    80         false ["regex.h"];
    Work  "zlib"     56         false ["flate.h"];
    Work  "matmul"   150        false ["matrix.h"];
    Work  "stencil"  7_000      false ["grid.h"];
    Work  "interp"   160        false ["vm.h"];
}

/// A kernel of these files, of which `main.c` and `lib.c` are the first.
pub(crate) fn own(
    group: Group,
    name: &str,
    n: u32,
    shares_data: bool,
    files: Vec<(&'static str, &'static str)>,
) -> Kernel {
    let of = |source: &str| Unit {
        sources: vec![source.into()],
        ..Unit::default()
    };
    Kernel {
        name: name.to_owned(),
        group,
        about: about(files[0].1, files[1].1),
        n: Some(n),
        shares_data,
        libc: false,
        main: of("main.c"),
        libraries: vec![Library {
            name: THE_LIBRARY.to_owned(),
            unit: of("lib.c"),
            needs: Vec::new(),
        }],
        files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_says_what_it_does() {
        let kernels = built_in();
        for kernel in &kernels {
            let about = &kernel.about;
            assert!(
                about.ends_with('.') && about.len() > 20,
                "{}: {about}",
                kernel.name
            );
        }
        let sort = kernels.iter().find(|k| k.name == "qsort").unwrap();
        assert!(
            sort.about
                .contains("sorted by a function of the program. The library: Quicksort"),
            "{}",
            sort.about
        );
    }
}
