//! The options of compiler drivers: which have values, which are not for clang,
//! and which cannot be had. What is not listed goes to clang.

/// What an option is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The compiler.
    Compile,
    /// The linker.
    Link,
    /// Nobody: what it asks for is so anyway, or is about native code.
    Nobody,
    /// It cannot be had; what to do.
    Refused(&'static str),
}

use Use::{Compile, Link, Nobody, Refused};

/// Options of which the value is the next argument.
const WITH_VALUE: &[(&str, Use)] = &[
    ("--param", Compile),
    ("-A", Compile),
    ("-B", Nobody),
    ("-D", Compile),
    ("-G", Nobody),
    ("-I", Compile),
    ("-J", Compile),
    ("-L", Link),
    ("-MF", Compile),
    ("-MJ", Compile),
    ("-MQ", Compile),
    ("-MT", Compile),
    ("-R", Link),
    ("-T", Link),
    ("-U", Compile),
    ("-Xassembler", Compile),
    ("-Xclang", Compile),
    ("-Xlinker", Link),
    ("-Xpreprocessor", Compile),
    ("-arch", Refused(FOR_WASM)),
    ("-aux-info", Nobody),
    ("-e", Link),
    ("-h", Link),
    ("-idirafter", Compile),
    ("-imacros", Compile),
    ("-include", Compile),
    ("-include-pch", Compile),
    ("-iprefix", Compile),
    ("-iquote", Compile),
    ("-isysroot", Compile),
    ("-isystem", Compile),
    ("-iwithprefix", Compile),
    ("-iwithprefixbefore", Compile),
    ("-l", Link),
    ("-mllvm", Compile),
    ("-rpath", Link),
    ("-serialize-diagnostics", Compile),
    ("-soname", Link),
    ("-u", Link),
    ("-working-directory", Compile),
    ("-z", Link),
];

/// Options by their whole name.
const NAMES: &[(&str, Use)] = &[
    ("-Bdynamic", Link),
    ("-Bstatic", Link),
    ("-Bsymbolic", Link),
    ("-dynamic", Nobody),
    ("-export-dynamic", Nobody),
    ("-ffat-lto-objects", Nobody),
    ("-fno-lto", Nobody),
    ("-fpic", Nobody),
    ("-fPIC", Nobody),
    ("-fpie", Nobody),
    ("-fPIE", Nobody),
    ("-m32", Refused(FOR_WASM)),
    ("-m64", Refused(FOR_WASM)),
    ("-mx32", Refused(FOR_WASM)),
    ("-pipe", Nobody),
    ("-rdynamic", Nobody),
    ("-s", Link),
    ("-shared-libgcc", Nobody),
    ("-static-libgcc", Nobody),
    ("-static-libstdc++", Nobody),
    ("-t", Link),
    ("-undef", Compile),
];

/// Options by how they begin.
const PREFIXES: &[(&str, Use)] = &[
    ("-B", Nobody),
    ("-L", Link),
    ("-Rpass", Compile),
    ("-R", Link),
    ("-Wl,", Link),
    ("-fuse-ld=", Nobody),
    ("-l", Link),
    ("-march=", Refused(MACHINE)),
    ("-mavx", Refused(VECTORS)),
    ("-mcpu=native", Refused(MACHINE)),
    ("-mfpmath=", Refused(MACHINE)),
    ("-msse", Refused(VECTORS)),
    ("-mtune=", Refused(MACHINE)),
    ("-rpath=", Link),
    ("-soname=", Link),
    ("-u", Link),
    ("-z", Link),
];

const FOR_WASM: &str = "objects are for wasm32; leave it out";
const MACHINE: &str = "objects are for wasm32; the machine is chosen when the module is built (`wasmaot build --cpu native`)";
const VECTORS: &str = "objects are for wasm32; its vectors are -msimd128";

/// Libraries that have no place here: what is in them is in libc or libc++, or
/// is linked in anyway.
const LIBRARIES: &[&str] = &["atomic", "gcc", "gcc_eh", "gcc_s", "c++abi", "unwind"];

/// Those that stand for the C++ library.
const CXX_LIBRARIES: &[&str] = &["c++", "stdc++", "supc++"];

/// What an option is for, and whether the next argument is its value.
pub fn option(text: &str) -> (Use, bool) {
    if let Some((_, purpose)) = WITH_VALUE.iter().find(|(name, _)| *name == text) {
        return (*purpose, true);
    }
    let by_name = NAMES.iter().find(|(name, _)| *name == text);
    let by_prefix = || {
        let mut prefixes = PREFIXES.iter();
        prefixes.find(|(prefix, _)| text.starts_with(prefix))
    };
    let found = by_name.or_else(by_prefix);
    (found.map_or(Compile, |(_, purpose)| *purpose), false)
}

/// What `-lNAME` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// One to be looked for.
    Other,
    /// There already.
    Known,
    /// The C++ library.
    Cxx,
    /// That of threads.
    Threads,
}

/// Tells what a library's name stands for.
pub fn library(name: &str) -> Library {
    match name {
        "pthread" => Library::Threads,
        _ if LIBRARIES.contains(&name) => Library::Known,
        _ if CXX_LIBRARIES.contains(&name) => Library::Cxx,
        _ => Library::Other,
    }
}

/// What clang calls the language of a source, by the name of its file; `None` for
/// what is linked.
pub fn language(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "c" => "c",
        "i" => "cpp-output",
        "cc" | "cp" | "cxx" | "cpp" | "CPP" | "c++" | "C" => "c++",
        "ii" => "c++-cpp-output",
        "h" => "c-header",
        "hh" | "H" | "hp" | "hxx" | "hpp" | "HPP" | "h++" | "tcc" => "c++-header",
        "s" => "assembler",
        "S" | "sx" => "assembler-with-cpp",
        "ll" | "bc" => "ir",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_for_whom_they_are() {
        for (text, purpose, value) in [
            ("-O2", Compile, false),
            ("-Wall", Compile, false),
            ("-Wl,-z,defs", Link, false),
            ("-L", Link, true),
            ("-L/x", Link, false),
            ("-lm", Link, false),
            ("-include", Compile, true),
            ("-isystem", Compile, true),
            ("-fPIC", Nobody, false),
            ("-fuse-ld=gold", Nobody, false),
            ("-msimd128", Compile, false),
            ("-undef", Compile, false),
            ("-s", Link, false),
        ] {
            assert_eq!(option(text), (purpose, value), "{text}");
        }
        for text in ["-m32", "-march=native", "-msse4.2"] {
            assert!(matches!(option(text), (Refused(_), false)), "{text}");
        }
    }
}
