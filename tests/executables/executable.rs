//! Executables of one file.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use object::elf::{FileHeader64, SHN_ABS, STT_FUNC};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _, Sym as _};
use object::{LittleEndian as LE, Object as _, ObjectSection as _};

use wasmaot_abi::machine::Machine;

use super::*;

#[test]
fn an_executable_runs_where_there_is_nothing_else() {
    let sandbox = executable();
    let executable = sandbox.path("root/prog");
    assert_eq!(mode(&executable), 0o755);
    assert_eq!(fs::read_dir(sandbox.path("root")).unwrap().count(), 1);
    let output = in_root(&sandbox.path("root"))
        .args(["/prog", "plugin.so"])
        .output();
    let outcome = Outcome::from(output.unwrap());
    let said = says("/prog", "nothing") + "plugin.so: 200\n";
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(1), &*said),
        "{outcome:#?}"
    );
    // By its name, and by none.
    assert_eq!(
        run(&sandbox, &["root/prog"]).success(),
        says("root/prog", "nothing")
    );
    let script = "exec 3<root/prog; rm root/prog; exec /proc/self/fd/3";
    let outcome = run(&sandbox, &["sh", "-c", script]);
    assert_eq!(outcome.success(), says("/proc/self/fd/3", "nothing"));
}

#[test]
fn its_symbols_are_those_of_the_objects_where_the_file_has_them() {
    let sandbox = executable();
    let executable = sandbox.path("root/prog");
    let headers = tool("readelf", &["-lSW"], &executable);
    assert!(headers.contains(".wasmaot.objects"), "{headers}");
    let names = tool("nm", &[], &executable);
    for name in ["twice", "answer", "main", "puts"] {
        assert!(
            names
                .lines()
                .any(|line| line.ends_with(&format!(" {name}"))),
            "{name}: {names}"
        );
    }
    let bytes = fs::read(&executable).unwrap();
    let file = ElfFile64::<LE>::parse(&*bytes).unwrap();
    let mut segments = file.elf_program_headers().iter();
    let last = segments
        .rfind(|s| s.p_type(LE) == object::elf::PT_LOAD)
        .unwrap();
    let table = file.elf_symbol_table();
    let mut compared = 0;
    // The loader's come first: those that debuggers look for.
    let of_loader = |s: &&object::elf::Sym64<LE>| s.st_shndx(LE) != SHN_ABS;
    let of_objects = || table.iter().skip_while(of_loader);
    let of_loader = table.iter().take_while(of_loader);
    let named = of_loader.map(|symbol| table.symbol_name(LE, symbol).unwrap());
    let mut named: Vec<_> = named.filter(|name| !name.is_empty()).collect();
    named.sort_unstable();
    let debuggers: [&[u8]; 2] = [b"__jit_debug_descriptor", b"__jit_debug_register_code"];
    assert_eq!(named, debuggers);
    // An object's functions follow its name.
    let mut own: Option<ElfFile64<'_, LE>> = None;
    for symbol in of_objects() {
        if symbol.st_shndx(LE) == SHN_ABS {
            own = None;
            continue;
        }
        if symbol.st_type() != STT_FUNC {
            continue;
        }
        let at = symbol.st_value(LE) - last.p_vaddr(LE) + last.p_offset(LE);
        let object = own.get_or_insert_with(|| {
            // The object's header is at the last page boundary with one.
            let starts = (0..=at as usize / 4096).rev().map(|page| page * 4096);
            let start = starts
                .into_iter()
                .find(|&start| bytes[start..].starts_with(b"\x7fELF"));
            ElfFile64::parse(&bytes[start.unwrap()..]).unwrap()
        });
        let name = table.symbol_name(LE, symbol).unwrap();
        let symbols = object.elf_symbol_table();
        let mut symbols = symbols.iter().filter(|s| s.st_type() == STT_FUNC);
        let same = symbols.any(|original| {
            let named = object.elf_symbol_table().symbol_name(LE, original) == Ok(name);
            let text = object.section_by_name(".text").unwrap();
            let offset = original.st_value(LE).wrapping_sub(text.address()) as usize;
            let size = original.st_size(LE) as usize;
            let code = text.data().unwrap().get(offset..offset + size);
            named
                && size as u64 == symbol.st_size(LE)
                && code == bytes.get(at as usize..at as usize + size)
        });
        compared += usize::from(same);
    }
    let functions = of_objects()
        .filter(|s| s.st_type() == STT_FUNC && s.st_size(LE) > 0)
        .count();
    assert!(
        functions > 100 && compared >= functions,
        "{compared} of {functions}"
    );
    let header: &FileHeader64<LE> = file.elf_header();
    assert_eq!(header.e_type(LE), object::elf::ET_DYN);
}

#[test]
fn it_is_the_loader_and_the_objects() {
    let sandbox = executable();
    let executable = fs::read(sandbox.path("root/prog")).unwrap();
    let file = ElfFile64::<LE>::parse(&*executable).unwrap();
    let objects = file.section_by_name(".wasmaot.objects").unwrap().size();
    let sections = [".symtab", ".strtab", ".shstrtab"];
    let named = sections.map(|name| file.section_by_name(name).unwrap().size());
    let loader = fs::read(loader()).unwrap();
    let loader = ElfFile64::<LE>::parse(&*loader).unwrap();
    let loads = loader.elf_program_headers().iter();
    let loads = loads.filter(|s| s.p_type(LE) == object::elf::PT_LOAD);
    let own = loads
        .map(|s| s.p_offset(LE) + s.p_filesz(LE))
        .max()
        .unwrap();
    let rest = executable.len() as u64 - objects - named.iter().sum::<u64>() - own;
    // Alignment, and section headers.
    assert!(rest < 2 * 65536 + 4096, "{rest} bytes of something else");
}

#[test]
fn options_that_it_was_built_with_are_outranked() {
    let sandbox = with_objects(&[]);
    let line = [
        "build",
        "--exe",
        "-o",
        "prog",
        "--env",
        "GREETING=built in",
        "--argv0",
        "me",
    ];
    let rest = ["--dir", "data::/data", "main.wasm.elf"];
    sandbox.wasmaot(&[&line[..], &rest].concat()).success();
    for (directory, content) in [("data", "one\n"), ("other", "two\n")] {
        fs::create_dir(sandbox.path(directory)).unwrap();
        sandbox.write(&format!("{directory}/file"), content);
    }
    let with = |options: &str| run_with(&sandbox, &["./prog"], options).success();
    assert_eq!(with(""), says("me", "built in") + "file: one\n");
    let higher = "--env GREETING=hello --argv0 you --dir other::/data";
    assert_eq!(with(higher), says("you", "hello") + "file: two\n");
    fs::remove_dir_all(sandbox.path("data")).unwrap();
    run(&sandbox, &["./prog"]).error(1, &["--dir data"]);
}

#[test]
fn it_opens_objects_and_says_that_it_compiles_no_modules() {
    let sandbox = executable();
    let library = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
        (func (export "answer") (param i32) (result i32) (i32.const 5)))"#;
    sandbox.write("root/object.wat", library);
    sandbox.wasmaot(&["build", "root/object.wat"]).success();
    fs::remove_file(sandbox.path("root/object.wat")).unwrap();
    sandbox.write("root/module.wat", library);
    let outcome = run(
        &sandbox,
        &["root/prog", "object.wat", "module.wat", "nowhere.so"],
    );
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[1], "object.wat: 5", "{outcome:#?}");
    assert!(lines[2].contains("module.wat: is a module"), "{outcome:#?}");
    assert!(lines[2].contains("no compiler"), "{outcome:#?}");
    assert!(lines[3].contains("nowhere.so"), "{outcome:#?}");
}

#[test]
fn its_libraries_are_listed() {
    let sandbox = executable();
    let listed = sandbox.wasmaot(&["ldd", "root/prog"]).success();
    for part in [
        "libc.so => root/prog(libc.so) (prelinked)",
        "lib.so => root/prog(lib.so)",
    ] {
        assert!(listed.contains(part), "{listed}");
    }
    let loader = loader().to_str().unwrap();
    assert_eq!(
        run(&sandbox, &[loader, "--list", "root/prog"]).success(),
        listed
    );
    run(&sandbox, &[loader, "root/prog"]).error(1, &["root/prog", "start it by its name"]);
    sandbox
        .wasmaot(&["run", "root/prog"])
        .error(1, &["root/prog", "start it by its name"]);
}

#[test]
fn plain_modules_are_known_by_their_names() {
    loader();
    let sandbox = Sandbox::new();
    let main = r#"(module
        (import "numbers" "seven" (func $seven (result i32)))
        (import "eight" "eight" (func $eight (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.add (call $seven) (call $eight)))))"#;
    sandbox.write("main.wat", main);
    sandbox.write(
        "lib.wat",
        r#"(module (func (export "seven") (result i32) (i32.const 7)))"#,
    );
    sandbox.build(
        "eight.wat",
        r#"(module (func (export "eight") (result i32) (i32.const 8)))"#,
    );
    let inputs = ["main.wat", "numbers=lib.wat", "eight.wat.elf"];
    let line = [&["build", "--exe"], &inputs[..]].concat();
    sandbox.wasmaot(&line).success();
    assert_eq!(run(&sandbox, &["./main"]).code, Some(15));
    // What is nowhere is said when it is built.
    sandbox
        .wasmaot(&line[..4])
        .error(1, &["eight", "give it as an input too"]);
}

#[test]
fn traps_and_times_end_it_as_the_command_does() {
    loader();
    let sandbox = Sandbox::new();
    let ends = |body: &str| {
        let text =
            format!(r#"(module (memory (export "memory") 1) (func (export "_start") {body}))"#);
        sandbox.write("main.wat", text);
        sandbox
            .wasmaot(&["build", "--exe", "--timeout", "300ms", "main.wat"])
            .success();
        run(&sandbox, &["./main"])
    };
    ends("unreachable").error_lines(134, &["unreachable", "main(main.wat)!_start"]);
    let over = ends("(loop (br 0))");
    assert_eq!(over.code, Some(124), "{over:#?}");
    assert!(over.stderr.contains("timed out after 300ms"), "{over:#?}");
}

#[test]
fn bytes_are_moved_and_set_by_the_loader() {
    loader();
    let sandbox = Sandbox::new();
    let source = sources().join("executables/bytes.c");
    // Every copy and fill is an instruction that calls the loader's function.
    let unit = object(&source, Code::Pic, &["-mbulk-memory", "-fno-builtin"]);
    let main = Link::new(Kind::Pie, "bytes.wasm", vec![unit], vec![]).make();
    fs::copy(main, sandbox.path("bytes.wasm")).unwrap();
    let libraries = library_directory();
    let libraries = libraries.to_str().unwrap();
    let line = [
        "build",
        "--exe",
        "-O0",
        "-o",
        "bytes",
        "-L",
        libraries,
        "bytes.wasm",
    ];
    sandbox.wasmaot(&line).success();
    let native = sandbox.path("native");
    tool("gcc", &["-o", native.to_str().unwrap()], &source);
    let said = run(&sandbox, &["./bytes"]).success();
    assert_eq!(said, run(&sandbox, &["./native"]).success());
    assert!(said.starts_with("7749 copies"), "{said}");
}

#[test]
fn processes_share_its_pages() {
    loader();
    let sandbox = Sandbox::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\06\00\00\00ready\0a")
        (func (export "_start")
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;
    sandbox.write("main.wat", text);
    // What is bound straight changes a page of code.
    let line = ["build", "--exe", "--bind", "now", "main.wat"];
    sandbox.wasmaot(&line).success();
    let start = || {
        let mut child = Command::new(sandbox.path("main"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        child
    };
    let bytes = fs::read(sandbox.path("main")).unwrap();
    let file = ElfFile64::<LE>::parse(&*bytes).unwrap();
    let (objects, _) = file
        .section_by_name(".wasmaot.objects")
        .unwrap()
        .file_range()
        .unwrap();
    let mut both = [start(), start()];
    for child in &both {
        let smaps = fs::read_to_string(format!("/proc/{}/smaps", child.id())).unwrap();
        let (mut is_text, mut seen, mut own) = (false, 0, 0);
        for line in smaps.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [_, "r-xp", at, _, _, path] => {
                    is_text = Path::new(path) == sandbox.path("main")
                        && u64::from_str_radix(at, 16).unwrap() > objects;
                }
                [first, ..] if !first.ends_with(':') => is_text = false,
                ["Rss:", size, "kB"] if is_text => seen += size.parse::<u64>().unwrap(),
                ["Private_Clean:" | "Private_Dirty:", size, "kB"] if is_text => {
                    own += size.parse::<u64>().unwrap();
                }
                _ => {}
            }
        }
        assert!(seen > 0 && own == 0, "{seen} kB of code, {own} not shared");
    }
    for child in &mut both {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

/// System calls of a program, as strace counts them.
fn system_calls(sandbox: &Sandbox, program: &str) -> u32 {
    let log = sandbox.path("calls");
    let words = ["strace", "-f", "-c", "-o", log.to_str().unwrap(), program];
    run(sandbox, &words).success();
    let text = fs::read_to_string(log).unwrap();
    let total = text.lines().find(|line| line.ends_with(" total"));
    let words = total.unwrap_or_else(|| panic!("no total in {text}"));
    let mut numbers = words.split_whitespace().filter(|word| !word.contains('.'));
    // Microseconds a call come first.
    let calls = numbers.nth(1).and_then(|calls| calls.parse().ok());
    calls.unwrap_or_else(|| panic!("no number in {text}"))
}

#[test]
fn a_start_takes_few_system_calls() {
    let one = executable();
    let in_one_file = system_calls(&one, "root/prog");
    assert!(
        (40..=85).contains(&in_one_file),
        "{in_one_file} system calls"
    );
    let several = with_objects(&["--interp"]);
    // Three files are opened, read and mapped.
    let in_several = system_calls(&several, "./main.wasm.elf");
    assert!(
        (40..=105).contains(&in_several),
        "{in_several} system calls"
    );
}

#[test]
fn it_is_written_whole_or_not_at_all() {
    loader();
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", r#"(module (func (export "_start")))"#);
    sandbox.write(
        "bad.wat",
        r#"(module (@dylink.0 (needed "no.so")) (func (export "_start")))"#,
    );
    let before = fs::read_dir(sandbox.path("")).unwrap().count();
    let line = |args: &[&str]| sandbox.wasmaot(&[&["build", "--exe"], args].concat());
    line(&["-o", "nowhere/prog", "main.wat"]).error(1, &["nowhere/prog"]);
    line(&["bad.wat"]).error(1, &["bad.wat", "no.so", "-L"]);
    line(&["--emit", "obj", "main.wat"]).error(2, &["--emit"]);
    line(&["--lazy-load", "main.wat"]).error(2, &["--bind lazy"]);
    line(&["nothing.wat"]).error(1, &["nothing.wat"]);
    let with_loader = |path: &str| -> Outcome {
        let mut command = sandbox.command(&["build", "--exe", "main.wat"]);
        command.env("WASMAOT_LD", path).output().unwrap().into()
    };
    with_loader("/bin/sh").error(1, &["the loader ", "is no loader of wasmaot"]);
    with_loader("nowhere").error(1, &["WASMAOT_LD"]);
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), before);
}

#[test]
fn a_loader_or_an_object_of_another_machine_is_refused() {
    let mut all = Machine::ALL.iter();
    let here = Machine::HOST.unwrap().name;
    let other = all.find(|machine| machine.name != here).unwrap().name;
    let target = format!("{other}-unknown-linux-gnu");
    let sandbox = program();
    let build = ["build", "-O0", "--target", &target];
    sandbox
        .wasmaot(&[&build[..], &["lib.so"]].concat())
        .success();
    let exe = ["--exe", "-o", "prog", "main.wasm"];
    let outcome = sandbox.wasmaot(&[&build[..], &exe].concat());
    outcome.error(1, &["the loader", "is for", here, other]);
    let exe = [
        "build",
        "-O0",
        "--exe",
        "-o",
        "prog",
        "main.wasm",
        "lib.so.elf",
    ];
    let outcome = sandbox.wasmaot(&exe);
    outcome.error(1, &["lib.so.elf", "is for", here, other]);
    assert!(!sandbox.path("prog").exists());
}

#[test]
#[ignore = "needs another machine's loader, as `tests/run --target aarch64` has one"]
fn programs_for_another_machine_run_there() {
    let variable = |name: &str| {
        let value = std::env::var(name);
        value.unwrap_or_else(|_| panic!("{name} is not set; run tests/run --target aarch64"))
    };
    let sandbox = program();
    let (target, loader) = (
        variable("WASMAOT_FOREIGN_TARGET"),
        variable("WASMAOT_FOREIGN_LD"),
    );
    let build = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wasmaot"))
            .args([&["build", "-O0", "--target", &target], words].concat())
            .current_dir(sandbox.path(""))
            .env("WASMAOT_LD", &loader)
            .output();
        Outcome::from(output.unwrap()).success();
    };
    let runs = |directory: &str, name: &str, plugin: &str| {
        let output = Command::new(variable("WASMAOT_FOREIGN_EMULATOR"))
            .args([name, plugin])
            .current_dir(sandbox.path(directory))
            .output();
        let outcome = Outcome::from(output.unwrap());
        let said = says(name, "nothing") + &format!("{plugin}: 200\n");
        let found = (outcome.code, &*outcome.stdout);
        assert_eq!(found, (Some(1), &*said), "{outcome:#?}");
    };
    build(&["--exe", "-o", "prog", "-L", ".", "main.wasm", "plugin.so"]);
    fs::create_dir(sandbox.path("root")).unwrap();
    copy(&sandbox.path("prog"), &sandbox.path("root/prog"));
    runs("root", "./prog", "plugin.so");

    // Objects with their loader, and no module beside them.
    let modules = ["main.wasm", "lib.so", "plugin.so", "libc.so"];
    build(&[&["--interp="], &modules[..]].concat());
    for module in modules {
        fs::remove_file(sandbox.path(module)).unwrap();
    }
    runs("", "./main.wasm.elf", "./plugin.so");
}

#[test]
fn a_damaged_one_is_an_error() {
    loader();
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module (memory (export "memory") 1) (func (export "_start")))"#,
    );
    sandbox.wasmaot(&["build", "--exe", "main.wat"]).success();
    let whole = fs::read(sandbox.path("main")).unwrap();
    let file = ElfFile64::<LE>::parse(&*whole).unwrap();
    let (start, _) = file
        .section_by_name(".wasmaot.objects")
        .unwrap()
        .file_range()
        .unwrap();
    let (record, header) = (start as usize + 40, start as usize + 65536 + 0x200);
    for (at, part) in [(record, "record of objects"), (header, "damaged")] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let written = sandbox.write("written", bytes);
        fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
        copy(&written, &sandbox.path("damaged"));
        run(&sandbox, &["./damaged"]).error(1, &["damaged", part]);
    }
}
