//! Names of symbols.
//!
//! An export keeps its name. An import from `env` does too; one from another
//! module is `MODULE.NAME`, so that `nm -D` tells them apart; the loader
//! resolves by the pair in the import's record, not by this text. ELF strings
//! end at NUL, wasm names need not: NUL is written `%00` and `%` is `%25`.

use std::borrow::Cow;

/// The import module whose symbols are looked up in the global scope.
pub const ENV: &str = "env";
/// Import module of data symbols' addresses (tool-conventions, DynamicLinking).
pub const GOT_MEM: &str = "GOT.mem";
/// Import module of functions' table indices (tool-conventions, DynamicLinking).
pub const GOT_FUNC: &str = "GOT.func";
/// Import module of what the loader gives to `dyninfo` modules.
pub const SYS: &str = "sys";
/// The name of the shared table in the tool-conventions.
pub const TABLE: &str = "__indirect_function_table";

/// The ELF symbol name of a wasm name.
pub fn escape(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| matches!(b, b'\0' | b'%')) {
        Cow::Owned(name.replace('%', "%25").replace('\0', "%00"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The ELF symbol name of an import.
pub fn import(module: &str, name: &str) -> String {
    if module == ENV || module == GOT_MEM || module == GOT_FUNC {
        escape(name).into_owned()
    } else {
        format!("{}.{}", escape(module), escape(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_the_global_scope_keep_their_names() {
        for module in ["env", "GOT.mem", "GOT.func"] {
            assert_eq!(import(module, "f"), "f", "{module}");
        }
        assert_eq!((GOT_MEM, GOT_FUNC), ("GOT.mem", "GOT.func"));
        for module in ["GOT", "GOT.memory", "sys", "", "wasi_snapshot_preview1"] {
            assert_eq!(import(module, "f"), format!("{module}.f"));
        }
    }

    #[test]
    fn names_end_at_no_nul_and_are_told_apart() {
        assert_eq!(escape("a\0%"), "a%00%25");
        assert_eq!(escape("%00"), "%2500");
        assert!(matches!(escape("plain"), Cow::Borrowed("plain")));
        assert_eq!(import("env", "a\0"), "a%00");
        assert_eq!(import("m\0", "%"), "m%00.%25");
    }
}
