//! cJSON: CMake, shared libraries, ctest.

use wasmaot_testkit::CJSON;

use crate::{Project, With, needed};

/// The project's own flags make warnings of headers errors.
fn cjson() -> Project {
    Project {
        name: "cjson",
        source: CJSON.unpacked(),
        files: Vec::new(),
        steps: vec![
            "cmake -S . -B build $TOOLCHAIN -DENABLE_CUSTOM_COMPILER_FLAGS=OFF -DENABLE_CJSON_UTILS=ON \
             -DCMAKE_INSTALL_PREFIX=$PWD/out",
            "cmake --build build -j2",
            "ctest --test-dir build -j2",
            "cmake --install build >install.log && cd out && find . -type f -o -type l | sort",
        ],
    }
}

/// Names of the tests that passed.
pub fn passed(output: &str) -> Vec<&str> {
    let lines = output.lines().filter(|line| line.contains(" Passed "));
    let names = lines.filter_map(|line| {
        line.split_whitespace()
            .skip_while(|word| !word.starts_with('#'))
            .nth(1)
    });
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn cjson_passes_its_tests() {
    passes_its_tests(With::Linux);
}

#[test]
fn cjson_passes_its_tests_on_wasi() {
    passes_its_tests(With::Wasi);
}

fn passes_its_tests(with: With) {
    let native = cjson().natively();
    let (place, outputs) = cjson().carried_out(with);
    assert_eq!(passed(&native[2]).len(), 22, "{}", native[2]);
    assert_eq!(passed(&outputs[2]), passed(&native[2]), "{}", outputs[2]);
    assert_eq!(outputs[3], native[3]);
    let needed = needed(&place, "build/tests/minify_tests");
    assert!(needed.contains("libcjson.so.1 => "), "{needed}");
}
