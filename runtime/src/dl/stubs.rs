//! Definitions of `<dlfcn.h>` that cannot open anything. The C libraries of
//! wasm SDKs define `dlopen` and its like (in `libdl.so`, or in libc) as
//! functions that set an error and fail, so that programs link. The loader's
//! own functions take their place.

/// What the loader defines of `<dlfcn.h>` and `<link.h>`.
pub(super) const LOADERS: [&str; 7] = [
    "dlopen",
    "dlsym",
    "dlvsym",
    "dlclose",
    "dlerror",
    "dladdr",
    "dl_iterate_phdr",
];

/// What a library has to import of others to be able to open one, or to hand a
/// call on to whoever can.
pub(super) const WAYS: [&str; 5] = ["dlopen", "dlsym", "dlvsym", "dlload", "dlinstantiate"];

/// The library whose only content these functions are.
const LIBRARY: &str = "libdl.so";

/// Whether the loader stands in for a needed library of that name where there
/// is none: for `libdl.so`, with a version or without.
pub fn loader_provides(name: &str) -> bool {
    let version = name.strip_prefix(LIBRARY);
    version.is_some_and(|v| v.chars().all(|c| c == '.' || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::loader_provides;

    #[test]
    fn libdl_loader_provides_in_any_version() {
        for name in ["libdl.so", "libdl.so.2", "libdl.so.1.2"] {
            assert!(loader_provides(name), "{name}");
        }
        for name in ["libdl.a", "libdl.so.so", "libdl2.so", "x/libdl.so"] {
            assert!(!loader_provides(name), "{name}");
        }
    }
}
