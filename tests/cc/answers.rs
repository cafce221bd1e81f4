//! What build systems ask.

use wasmaot_testkit::tools;

use crate::common::Outcome;
use crate::{cc, command, sources, sysroot, sysroot_with};

#[test]
fn questions_are_answered() {
    let sandbox = sources();
    let answer = |question: &str| cc(&sandbox, question).success().trim_end().to_owned();
    assert_eq!(answer("-dumpmachine"), "wasm32-unknown-linux-musl");
    assert_eq!(
        answer("--target=wasm32-wasip1 -dumpmachine"),
        "wasm32-wasip1"
    );
    assert_eq!(answer("-print-multi-os-directory"), ".");
    assert_eq!(answer("-print-sysroot"), sysroot().display().to_string());
    let file = |name: &str| sysroot().join("lib").join(name).display().to_string();
    for name in ["libc.so", "crt1.o", "libm.a"] {
        assert_eq!(answer(&format!("-print-file-name={name}")), file(name));
    }
    assert_eq!(answer("-print-file-name=nowhere.o"), "nowhere.o");
    assert_eq!(
        answer("-print-libgcc-file-name"),
        file("libclang_rt.builtins.a")
    );
    assert!(answer("-print-search-dirs").contains(&file("")[..file("").len() - 1]));
    assert!(answer("-print-prog-name=ar").contains("llvm-ar"));
    assert!(answer("-print-prog-name=ld").contains("wasm-ld"));
    let version = answer("--version");
    let (first, _) = version.split_once('\n').unwrap();
    assert!(
        first.starts_with("wasmaot cc ") && first.contains("clang version"),
        "{version}"
    );
    assert!(
        tools()
            .clang
            .version()
            .contains(&format!(" {}.", answer("-dumpversion")))
    );
}

#[test]
fn help_is_of_the_command_and_of_the_tools() {
    let sandbox = sources();
    for (words, part) in [
        (&["cc", "--help"][..], "--print-cmake-toolchain"),
        (&["c++", "--help"], "WASMAOT_SYSROOT"),
        (&["ar", "--help"], "LLVM"),
    ] {
        let help = Outcome::from(command(&sandbox, words).output().unwrap()).success();
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn the_toolchain_file_of_cmake_is_where_it_is_said() {
    let sandbox = sources();
    let data = sandbox.path("data");
    let path = || {
        let mut command = command(&sandbox, &["cc", "--print-cmake-toolchain"]);
        let answered = command.env("XDG_DATA_HOME", &data).output().unwrap();
        Outcome::from(answered).success().trim_end().to_owned()
    };
    let file = path();
    assert_eq!(
        file,
        data.join("wasmaot/cmake/wasmaot.cmake")
            .display()
            .to_string()
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(env!("CARGO_BIN_EXE_wasmaot")));
    let made = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(path(), file);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), made);
}

/// Programs are for what the sysroot is for; what is said of the target is heeded.
#[test]
fn the_sysroot_says_what_programs_are_for() {
    let sandbox = sources();
    let root = sysroot_with(&sandbox, "\"linux\"", "\"wasi\"");
    let answer = |words: &[&str]| {
        let mut command = command(&sandbox, words);
        Outcome::from(command.env("WASMAOT_SYSROOT", &root).output().unwrap())
    };
    let machine = answer(&["cc", "-dumpmachine"]).success();
    assert_eq!(machine, "wasm32-wasip1\n");
    let version = answer(&["cc", "--version"]).success();
    assert!(version.contains("Target: wasm32-wasip1\n"), "{version}");
    let by_name = ["cc", "--sysroot=sysroot", "-dumpmachine"];
    let mut command = command(&sandbox, &by_name);
    let machine = Outcome::from(command.output().unwrap()).success();
    assert_eq!(machine, "wasm32-wasip1\n");
    let refused = answer(&["cc", "--target=wasm32-unknown-linux-musl", "main.c"]);
    refused.error(1, &["is a sysroot for WASI", "install musl"]);
}
