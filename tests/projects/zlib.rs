//! zlib: a `configure` of its own, make, a static and a shared library.

use wasmaot_testkit::Source;

use crate::{Project, With, needed};

const SOURCE: Source = Source {
    package: "zlib",
    version: "1:1.2.13.dfsg-1",
    release: "bookworm",
    archive: "zlib_1.2.13.dfsg.orig.tar.bz2",
    hash: "f559164c43c50b21f641e78223e6d715fced49bd068a8d153bfef0bd090705ec",
    directory: "zlib-1.2.13.dfsg",
};

fn zlib() -> Project {
    Project {
        name: "zlib",
        source: SOURCE.unpacked(),
        files: Vec::new(),
        steps: vec![
            "./configure",
            "make CFLAGS='-O1 -w -D_LARGEFILE64_SOURCE=1'",
            "make test",
        ],
    }
}

/// What the tests print; sizes of types differ.
fn told(output: &str) -> Vec<&str> {
    let lines = output.lines();
    lines
        .filter(|line| !line.contains("compile flags"))
        .collect()
}

#[test]
fn zlib_passes_its_tests() {
    passes_its_tests(With::Linux);
}

#[test]
fn zlib_passes_its_tests_on_wasi() {
    passes_its_tests(With::Wasi);
}

fn passes_its_tests(with: With) {
    let native = zlib().natively();
    let (place, outputs) = zlib().carried_out(with);
    assert_eq!(told(&outputs[2]), told(&native[2]));
    // Of the static library, of the shared one, and with 64-bit offsets.
    assert_eq!(outputs[2].matches("test OK ***").count(), 3);
    let needed = needed(&place, "examplesh");
    assert!(needed.contains("libz.so.1 => ./libz.so.1"), "{needed}");
}
