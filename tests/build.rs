//! `wasmaot build`: determinism, outputs, and the cache of `run`.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::Sandbox;
use wasmaot_abi::machine::Machine;

const PROGRAM: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
      (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#;

#[test]
fn output_does_not_depend_on_threads() {
    let sandbox = Sandbox::new();
    let functions: String = (0..500)
        .map(|i| format!("(func $f{i} (export \"f{i}\") (param i32) (result i32) (i32.add (local.get 0) (call $f{} (i32.const {i}))))", (i * 7 + 1) % 500))
        .collect();
    sandbox.write("many.wat", format!("(module {functions})"));
    for (jobs, out) in [("-j1", "one"), ("-j2", "two"), ("-j2", "again")] {
        sandbox
            .wasmaot(&["build", jobs, "many.wat", "-o", out])
            .success();
    }
    let one = std::fs::read(sandbox.path("one")).unwrap();
    assert_eq!(one, std::fs::read(sandbox.path("two")).unwrap());
    assert_eq!(one, std::fs::read(sandbox.path("again")).unwrap());

    // A real library of some thousand functions.
    let libc = wasmaot_testkit::library_directory().join("libc.so");
    for (jobs, out) in [("-j1", "libc1"), ("-j2", "libc2")] {
        sandbox
            .wasmaot(&["build", jobs, libc.to_str().unwrap(), "-o", out])
            .success();
    }
    let read = |name| std::fs::read(sandbox.path(name)).unwrap();
    assert_eq!(read("libc1"), read("libc2"));
}

#[test]
fn builds_for_another_machine() {
    let sandbox = Sandbox::new();
    sandbox.write("p.wat", PROGRAM);
    let mut all = Machine::ALL.iter();
    let other = all.find(|machine| Some(machine.name) != Machine::HOST.map(|host| host.name));
    let other = other.unwrap();
    let target = format!("{}-unknown-linux-gnu", other.name);
    let build = |more: &[&str]| {
        let args = ["build", "--target", &target, "p.wat"];
        sandbox.wasmaot(&[&args[..], more].concat())
    };
    for jobs in ["1", "2"] {
        build(&["-j", jobs, "-o", jobs]).success();
    }
    let read = |name| std::fs::read(sandbox.path(name)).unwrap();
    let object = read("1");
    assert_eq!(object, read("2"));
    assert_eq!(object[18..20], other.elf_number.to_le_bytes());
    // It can be looked at, and not run.
    let name = other.name.replace('_', "-");
    let listing = sandbox.wasmaot(&["inspect", "1"]).success();
    assert!(listing.contains(&format!("machine  {name}")), "{listing}");
    for command in ["run", "ldd"] {
        let words = ["1: is for", &*name, "not for this machine", "rebuild"];
        sandbox.wasmaot(&[command, "./1"]).error(1, &words);
    }
    build(&["--cpu=native"]).error(2, &["--cpu native", "this machine", &target]);
    // Features have the names of their own machine.
    let feature = other.cpu.features[0].name;
    build(&["--cpu", feature, "-o", "with"]).success();
    let listing = sandbox.wasmaot(&["inspect", "with"]).success();
    assert!(listing.contains(feature), "{listing}");
    let here = sandbox.wasmaot(&["build", "--cpu", feature, "p.wat"]);
    here.error(2, &["--cpu", feature, "no feature of"]);
    // What the code of one machine is built of is not taken for that of another.
    sandbox.wasmaot(&["run", "p.wat"]).success();
}

/// Compilers of both machines give the same bytes, for each of the two.
#[test]
#[ignore = "needs another machine's compiler, as `tests/run --target aarch64` has one"]
fn another_machine_builds_the_same() {
    let there = std::env::var("WASMAOT_FOREIGN_COMPILER")
        .expect("WASMAOT_FOREIGN_COMPILER says how the other machine's command is started");
    let compilers = [("here", env!("CARGO_BIN_EXE_wasmaot")), ("there", &there)];
    let sandbox = Sandbox::new();
    let small = sandbox.write("small.wat", PROGRAM);
    let libc = wasmaot_testkit::library_directory().join("libc.so");
    for machine in Machine::ALL {
        let target = format!("--target={}-unknown-linux-gnu", machine.name);
        for (module, level) in [
            (&small, "-O0"),
            (&small, "-O2"),
            (&libc, "-O0"),
            (&libc, "-O2"),
        ] {
            let [here, there] = compilers.map(|(place, words)| {
                let mut words = words.split(' ');
                let mut command = Command::new(words.next().unwrap());
                command.args(words).args(["build", "-q", level, &target]);
                let out = sandbox.path(place).join("object");
                fs::create_dir_all(sandbox.path(place)).unwrap();
                let output = command.arg(module).arg("-o").arg(&out).output();
                common::Outcome::from(output.unwrap()).success();
                fs::read(out).unwrap()
            });
            assert!(here == there, "{level} {target} {}", module.display());
        }
    }
}

#[test]
fn emits_what_is_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("p.wat", PROGRAM);
    sandbox.wasmaot(&["build", "p.wat"]).success();
    assert!(sandbox.path("p.wat.elf").exists());
    sandbox.wasmaot(&["build", "--emit=obj", "p.wat"]).success();
    let object = std::fs::read(sandbox.path("p.wat.o")).unwrap();
    assert_eq!(object[16], 1, "ET_REL");
    let clif = sandbox
        .wasmaot(&["build", "--emit=clif", "p.wat", "-o", "-"])
        .success();
    assert!(
        clif.contains("function ") && clif.contains("tail"),
        "{clif}"
    );
    let asm = sandbox
        .wasmaot(&["build", "--emit=asm", "p.wat", "-o", "-"])
        .success();
    assert!(asm.contains("ret"), "{asm}");
}

#[test]
fn runs_all_three_forms_alike() {
    let sandbox = Sandbox::new();
    sandbox.write("p.wat", PROGRAM);
    sandbox.write("p.wasm", wat::parse_str(PROGRAM).unwrap());
    sandbox.wasmaot(&["build", "p.wat"]).success();
    // By content, not by name.
    std::fs::rename(sandbox.path("p.wat.elf"), sandbox.path("p.dat")).unwrap();
    for form in ["p.wat", "p.wasm", "p.dat"] {
        assert_eq!(
            sandbox.wasmaot(&["run", form]).success(),
            "hello\n",
            "{form}"
        );
    }
}

#[test]
fn without_a_cache_it_runs_all_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write("p.wat", PROGRAM);
    let file = sandbox.write("file", "");
    // Nobody can write there, whatever the user.
    let full = std::path::Path::new("/proc/self");
    for directory in [file.as_path(), full] {
        let mut command = sandbox.command(&["run", "p.wat"]);
        let output = command.env("WASMAOT_CACHE_DIR", directory).output();
        let outcome = common::Outcome::from(output.unwrap());
        assert!(outcome.stderr.starts_with("warning: "), "{outcome:#?}");
        assert!(outcome.stderr.contains("WASMAOT_CACHE_DIR"), "{outcome:#?}");
        assert_eq!(outcome.success(), "hello\n");
    }
    let mut command = sandbox.command(&["run", "p.wat"]);
    for variable in ["WASMAOT_CACHE_DIR", "XDG_CACHE_HOME", "HOME"] {
        command.env_remove(variable);
    }
    let outcome = common::Outcome::from(command.output().unwrap());
    assert_eq!(outcome.success(), "hello\n");
}

#[test]
fn the_cache_serves_many_at_once_and_heals() {
    let sandbox = Sandbox::new();
    sandbox.write("p.wat", PROGRAM);
    let children: Vec<_> = (0..8)
        .map(|_| {
            sandbox
                .command(&["run", "p.wat"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"hello\n");
    }
    // Beside the objects there is how often they were found.
    let entries = || -> Vec<_> {
        std::fs::read_dir(sandbox.cache())
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|path| path.file_name() != Some("counts".as_ref()))
            .collect()
    };
    let [entry] = &entries()[..] else {
        panic!("{:?}", entries())
    };
    let good = std::fs::read(entry).unwrap();

    let inode = |path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let before = inode(entry);
    sandbox.wasmaot(&["run", "p.wat"]).success();
    assert_eq!(inode(entry), before, "a second run builds nothing");

    std::fs::write(entry, &good[..good.len() / 2]).unwrap();
    assert_eq!(sandbox.wasmaot(&["run", "p.wat"]).success(), "hello\n");
    assert_eq!(
        std::fs::read(entry).unwrap(),
        good,
        "a damaged entry is built anew"
    );
}

/// What strips objects, with the options of each.
const STRIPPERS: [(&str, &[&str]); 5] = [
    ("strip", &[]),
    ("strip", &["-g"]),
    ("llvm-strip-22", &[]),
    ("objcopy", &["--strip-debug"]),
    ("llvm-objcopy-22", &["--strip-all"]),
];

/// Strips an object.
fn strip(tool: &str, options: &[&str], from: &Path, to: &Path) {
    let mut command = std::process::Command::new(tool);
    command.args(options);
    match tool.contains("objcopy") {
        true => command.arg(from).arg(to),
        false => command.arg("-o").arg(to).arg(from),
    };
    let stripped = command
        .output()
        .unwrap_or_else(|e| panic!("{tool}: {e}; tests/run installs it"));
    assert!(stripped.status.success(), "{tool}: {stripped:?}");
}

#[test]
fn objects_with_data_of_any_length_can_be_stripped() {
    let sandbox = Sandbox::new();
    for globals in 1..=5 {
        let text: String = (1..=globals)
            .map(|n| format!("(global (export \"g{n}\") (mut i32) (i32.const {n}))"))
            .collect();
        sandbox.build(
            "data.wat",
            &format!("(module {text} (func (export \"_start\")))"),
        );
        for (tool, options) in STRIPPERS {
            strip(
                tool,
                options,
                &sandbox.path("data.wat.elf"),
                &sandbox.path("stripped.elf"),
            );
            let outcome = sandbox.wasmaot(&["run", "stripped.elf"]);
            assert_eq!(
                outcome.code,
                Some(0),
                "{globals} {tool} {options:?}: {outcome:#?}"
            );
        }
    }
}

#[test]
fn objects_for_threads_and_of_zeros_can_be_stripped() {
    let sandbox = Sandbox::new();
    // A memory of zeros alone, and thread-local storage of every kind.
    let text = |memory: &str, globals: &str| {
        format!(
            r#"(module (@custom "dylink.0" (before first) "\01\04\10\04\00\00")
                 (import "env" "memory" {memory})
                 {globals}
                 (func (export "_start")
                   (global.set 0 (i32.add (global.get 0) (i32.const 5)))
                   (if (i32.ne (global.get 0) (i32.const 5)) (then (unreachable)))))"#
        )
    };
    let (zero, value) = (
        "(global (mut i32) (i32.const 0))",
        "(global (mut i64) (i64.const 7))",
    );
    let both = format!("{zero} {value}");
    let shared = "(memory 1 100 shared)";
    for text in [
        text("(memory 1)", zero),
        text(shared, zero),
        text(shared, &both),
    ] {
        sandbox.build("zeros.wat", &text);
        for (tool, options) in STRIPPERS {
            let whole = sandbox.path("zeros.wat.elf");
            strip(tool, options, &whole, &sandbox.path("stripped.elf"));
            let outcome = sandbox.wasmaot(&["run", "stripped.elf"]);
            assert_eq!(outcome.code, Some(0), "{tool} {options:?}: {outcome:#?}");
        }
    }
}

#[test]
fn stripped_objects_run() {
    let sandbox = Sandbox::new();
    // Two runs of the memory image, neither at address 0; a table; a second
    // memory and a global of the object's own; a trap in a function.
    let text = r#"
        (module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 10)
          (memory $other 1)
          (table 2 funcref)
          (elem (i32.const 0) $four $load)
          (data (i32.const 70000) "\05") (data (i32.const 400000) "\21")
          (global $g (export "g") (mut i32) (i32.const 4))
          (func $four (result i32) (global.get $g))
          (func $load (result i32)
            (i32.add (i32.load8_u (i32.const 70000)) (i32.load8_u (i32.const 400000))))
          (func (export "trap") (result i32) (i32.load $other (i32.const 70000)))
          (func (export "_start")
            (call $exit (i32.add (call_indirect (result i32) (i32.const 0))
              (call_indirect (result i32) (i32.const 1))))))"#;
    sandbox.build("whole.wat", text);
    let whole = sandbox.path("whole.wat.elf");
    assert_eq!(sandbox.wasmaot(&["run", "whole.wat.elf"]).code, Some(42));
    for (tool, options) in STRIPPERS {
        strip(tool, options, &whole, &sandbox.path("stripped.elf"));
        let outcome = sandbox.wasmaot(&["run", "stripped.elf"]);
        assert_eq!(outcome.code, Some(42), "{tool} {options:?}: {outcome:#?}");
        let outcome = sandbox.wasmaot(&["run", "--invoke", "trap", "stripped.elf"]);
        assert!(
            outcome.stderr.contains("out of bounds memory access"),
            "{tool} {options:?}: {outcome:#?}"
        );
        sandbox
            .wasmaot(&["run", "--verify", "stripped.elf"])
            .error(1, &["stripped.elf", "strip"]);
    }
}

#[test]
fn a_prelinked_set_has_the_libraries_that_are_found() {
    let sandbox = Sandbox::new();
    let module = |needed: &str, body: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info) {needed}) (import "env" "memory" (memory 1)) {body})"#
        )
    };
    let main = module(
        r#"(needed "liba.so")"#,
        r#"(import "env" "f" (func $f (result i32)))
           (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
           (func (export "_start") (call $exit (call $f)))"#,
    );
    let a = module(
        r#"(needed "libb.so")"#,
        r#"(import "env" "g" (func $g (result i32)))
           (func (export "f") (result i32) (i32.add (call $g) (i32.const 1)))"#,
    );
    let b = module("", r#"(func (export "g") (result i32) (i32.const 41))"#);
    std::fs::create_dir(sandbox.path("libs")).unwrap();
    sandbox.write("m.wasm", wat::parse_str(main).unwrap());
    sandbox.write("libs/liba.so", wat::parse_str(a).unwrap());
    sandbox.write("libs/libb.wasm", wat::parse_str(b).unwrap());
    // A directory that is searched is not one to write to.
    let args = ["build", "--prelink", "m.wasm", "-L", "libs"];
    sandbox.wasmaot(&args).success();
    assert_eq!(std::fs::read_dir(sandbox.path("libs")).unwrap().count(), 2);
    assert!(sandbox.path("m.wasm.elf").exists());
    let args = ["build", "--prelink", "-o", "pre", "m.wasm", "-L", "libs"];
    sandbox.wasmaot(&args).success();
    for name in ["m.wasm.elf", "liba.so.elf", "libb.wasm.elf"] {
        assert!(sandbox.path("pre").join(name).exists(), "{name}");
    }
    std::fs::rename(sandbox.path("libs"), sandbox.path("gone")).unwrap();
    let outcome = sandbox.wasmaot(&["run", "-L", "pre", "pre/m.wasm.elf"]);
    assert_eq!(outcome.code, Some(42), "{outcome:#?}");
    // Of a library without a module there is nothing to make a part of the set.
    let args = ["build", "--prelink", "-o", "again", "m.wasm", "-L", "pre"];
    sandbox.wasmaot(&args).error(1, &["liba.so.elf", "module"]);
}
