//! Lua: make, a static library in a program, modules in C that it opens.

use wasmaot_testkit::Source;

use crate::{Project, With, own};

const SOURCE: Source = Source {
    package: "lua5.4",
    version: "5.4.4-3+deb12u1",
    release: "bookworm",
    archive: "lua5.4_5.4.4.orig.tar.gz",
    hash: "ca54489393cd38e35d295a9c35dbf0da5336a66ddb7b2213eed6c2f3039f53b1",
    directory: "lua-5.4.4",
};

/// Programs of ours, each of which checks itself and prints.
const PROGRAMS: &[&str] = &[
    "closures",
    "coroutines",
    "errors",
    "files",
    "garbage",
    "metatables",
    "modules",
    "numbers",
    "sorting",
    "strings",
];

fn lua() -> Project {
    let programs = PROGRAMS.iter().map(|name| own(&format!("lua/{name}.lua")));
    Project {
        name: "lua",
        source: SOURCE.unpacked(),
        files: programs.chain([own("lua/vector.c")]).collect(),
        steps: &[
            "make linux CC=\"$CC\" AR=\"$AR rcu\" RANLIB=\"$RANLIB\" MYCFLAGS=-O0",
            "make test",
            "$CC -O1 -shared -fPIC -Isrc vector.c -o vector.so",
            "make -s install INSTALL_TOP=$PWD/out >make.log && ls out/*",
            "for program in *.lua; do echo \"== $program\"; src/lua $program a b; done",
            "src/luac -o compiled.out strings.lua && src/lua compiled.out",
        ],
    }
}

#[test]
fn lua_runs_programs_and_opens_modules_in_c() {
    let native = lua().natively();
    let (_, outputs) = lua().carried_out(With::Wasmaot);
    let passed = |output: &str| output.matches("passed").count();
    assert_eq!(passed(&native[4]), PROGRAMS.len(), "{}", native[4]);
    // What make prints names who builds.
    assert_eq!(outputs[3..], native[3..]);
}
