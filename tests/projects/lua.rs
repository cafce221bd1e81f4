//! Lua: make, a static library in a program, modules in C that it opens.

use wasmaot_testkit::{LUA, python_sources};

use crate::{Project, With, own};

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
        source: LUA.unpacked(),
        files: programs.chain([own("lua/vector.c")]).collect(),
        steps: vec![
            "make linux CC=\"$CC\" AR=\"$AR rcu\" RANLIB=\"$RANLIB\" MYCFLAGS=-O0",
            "make test",
            "$CC -O1 -shared -fPIC -Isrc vector.c -o vector.so",
            "make -s install INSTALL_TOP=$PWD/out >make.log && ls out/*",
            "for program in *.lua; do echo \"== $program\"; src/lua $program a b; done",
            "src/luac -o compiled.out strings.lua && src/lua compiled.out",
        ],
    }
}

/// The same for WASI. Lua knows no such system: what it takes from C alone and
/// `dlopen` are asked for, and what WASI has not is in `wasi.c`.
fn lua_on_wasi() -> Project {
    let mut lua = lua();
    lua.files.push(own("lua/wasi.c"));
    let mut steps = lua.steps.to_vec();
    steps[0] = "cp wasi.c src && make generic CC=\"$CC\" AR=\"$AR rcu\" RANLIB=\"$RANLIB\" MYOBJS=wasi.o \
         MYCFLAGS='-O0 -w -DLUA_USE_DLOPEN -DL_tmpnam=20 -D_WASI_EMULATED_SIGNAL \
         -D_WASI_EMULATED_PROCESS_CLOCKS' \
         MYLIBS='-ldl -lwasi-emulated-signal -lwasi-emulated-process-clocks'";
    Project { steps, ..lua }
}

#[test]
fn lua_runs_programs_and_opens_modules_in_c() {
    says_the_same(&lua(), With::Linux);
}

#[test]
fn lua_runs_programs_and_opens_modules_in_c_on_wasi() {
    says_the_same(&lua_on_wasi(), With::Wasi);
}

fn says_the_same(project: &Project, with: With) {
    let native = lua().natively();
    let (_, outputs) = project.carried_out(with);
    let passed = |output: &str| output.matches("passed").count();
    assert_eq!(passed(&native[4]), PROGRAMS.len(), "{}", native[4]);
    // What make prints names who builds.
    assert_eq!(outputs[3..], native[3..]);
}

/// Lua as its authors have it, with their own tests, which a Python package carries.
fn suite() -> Project {
    let hash = "5300d21f81aa1bd4d45f55e31dddba3b879895696068a3f84cfcb5fd9148aacd";
    Project {
        name: "lua-tests",
        source: python_sources("lupa", "2.4", hash).join("third-party/lua54"),
        files: vec![own("lua-tests/begin.lua"), own("lua/wasi.c")],
        steps: vec![
            "$CC -O1 -w -DLUA_USE_LINUX -DLUA_COMPAT_5_3 onelua.c -o lua -Wl,-E -lm -ldl",
            "cp begin.lua testes && cd testes && \
             WASMAOT_OPTIONS='--env PATH=/bin --dir=/tmp' ../lua -e 'dofile \"begin.lua\"' all.lua",
        ],
    }
}

fn suite_on_wasi() -> Project {
    let mut steps = suite().steps;
    steps[0] = "$CC -O1 -w -DLUA_USE_DLOPEN -DLUA_COMPAT_5_3 -DL_tmpnam=20 \
         -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS onelua.c wasi.c -o lua -Wl,-E \
         -lm -ldl -lwasi-emulated-signal -lwasi-emulated-process-clocks";
    Project { steps, ..suite() }
}

#[test]
fn lua_passes_its_own_tests() {
    passes(&suite(), With::Linux);
}

#[test]
fn lua_passes_its_own_tests_on_wasi() {
    passes(&suite_on_wasi(), With::Wasi);
}

fn passes(project: &Project, with: With) {
    let native = suite().natively();
    let (_, outputs) = project.carried_out(with);
    let files = |output: &str| -> Vec<String> {
        let lines = output.lines().filter(|line| line.contains("***** FILE"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(files(&native[1]).len(), 26, "{}", native[1]);
    assert_eq!(files(&outputs[1]), files(&native[1]));
    assert!(outputs[1].contains("final OK !!!"), "{}", outputs[1]);
}
