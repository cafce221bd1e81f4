//! A project of our own in C++: exceptions across two libraries and a plug-in, by
//! CMake.

use crate::cjson::passed;
use crate::{Project, With, own};

fn shapes() -> Project {
    Project {
        name: "cxx",
        source: own("cxx"),
        files: Vec::new(),
        steps: vec![
            "cmake -S . -B build $TOOLCHAIN",
            "cmake --build build",
            "ctest --test-dir build",
            "cd build && ./tell all 3",
        ],
    }
}

#[test]
fn exceptions_pass_through_libraries_in_cxx() {
    says_the_same(With::Linux);
}

#[test]
fn exceptions_pass_through_libraries_in_cxx_on_wasi() {
    says_the_same(With::Wasi);
}

fn says_the_same(with: With) {
    let native = shapes().natively();
    let (_, outputs) = shapes().carried_out(with);
    assert_eq!(passed(&native[2]).len(), 6, "{}", native[2]);
    assert_eq!(passed(&outputs[2]), passed(&native[2]), "{}", outputs[2]);
    assert_eq!(outputs[3], native[3]);
}
