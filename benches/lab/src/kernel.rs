//! The kernels: C of our own without a library, each in two files, of which
//! main calls the other. Every engine and every build computes the same.

/// What a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One thing that costs across modules, and nothing else.
    Micro,
    /// A piece of real work, split as programs are.
    Work,
}

impl Group {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Micro => "micro",
            Self::Work => "work",
        }
    }
}

/// A kernel. `run(n)` of its main does `n` units of work and answers a check-sum.
#[derive(Debug)]
pub struct Kernel {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub group: Group,
    /// Units of work that take some 100 ms natively.
    pub n: u32,
    /// Whether main refers to variables of the library: a main at fixed
    /// addresses can do that by copy relocations alone.
    pub shares_data: bool,
    /// The library's source.
    pub lib: &'static str,
    /// The program's source.
    pub main: &'static str,
    /// Headers of its own: name and text.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Kernel {
    /// What it does: the comments with which its two files begin.
    pub fn about(&self) -> String {
        let main = first_comment(self.main);
        match first_comment(self.lib) {
            none if none.is_empty() => main,
            library => format!("{main} The library: {library}"),
        }
    }
}

/// The comment with which a file begins, in one line; else nothing.
fn first_comment(source: &str) -> String {
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
        /// All kernels.
        pub const KERNELS: &[Kernel] = &[$(Kernel {
            name: $name,
            group: Group::$group,
            n: $n,
            shares_data: $shares_data,
            lib: include_str!(concat!("../kernels/", $name, "/lib.c")),
            main: include_str!(concat!("../kernels/", $name, "/main.c")),
            headers: &[$(($header, include_str!(concat!("../kernels/", $name, "/", $header))))?],
        }),*];
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

/// The kernel of a name.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_says_what_it_does() {
        for kernel in KERNELS {
            let about = kernel.about();
            assert!(
                about.ends_with('.') && about.len() > 20,
                "{}: {about}",
                kernel.name
            );
        }
        let sort = kernel("qsort").unwrap().about();
        assert!(
            sort.contains("sorted by a function of the program. The library: Quicksort"),
            "{sort}"
        );
    }
}
