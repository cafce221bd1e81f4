//! Core dumps in the format of WebAssembly's tool conventions, as its own tools read them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use wasmaot_testkit::run;
use wasmparser::{
    BinaryReader, CoreDumpInstance, CoreDumpInstancesSection, CoreDumpModulesSection,
    CoreDumpSection, CoreDumpStackFrame, CoreDumpStackSection, DataKind, KnownCustom, Name,
    Operator, Parser, Payload, Validator, WasmFeatures,
};

use super::core_dumps::THREADS;
use super::libraries::program;
use super::session::{command, dumping, module};

/// What is in a dump.
#[derive(Default)]
struct Dump {
    name: String,
    modules: Vec<String>,
    instances: Vec<CoreDumpInstance>,
    stacks: Vec<(String, Vec<CoreDumpStackFrame>)>,
    /// Bytes of the memories.
    memories: Vec<u64>,
    /// The operators that are the globals' values.
    globals: Vec<String>,
    /// Memory, address, bytes.
    data: Vec<(u32, u64, Vec<u8>)>,
}

fn read(path: &Path) -> Dump {
    let bytes = std::fs::read(path).unwrap();
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    validator.validate_all(&bytes).unwrap();
    let mut dump = Dump::default();
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::CustomSection(section) => {
                let reader = BinaryReader::new(section.data(), 0);
                match section.name() {
                    "core" => dump.name = CoreDumpSection::new(reader).unwrap().name.to_owned(),
                    "coremodules" => {
                        let all = CoreDumpModulesSection::new(reader).unwrap();
                        dump.modules = all.modules.iter().map(|&name| name.to_owned()).collect();
                    }
                    "coreinstances" => {
                        dump.instances = CoreDumpInstancesSection::new(reader).unwrap().instances;
                    }
                    "corestack" => {
                        let stack = CoreDumpStackSection::new(reader).unwrap();
                        dump.stacks.push((stack.name.to_owned(), stack.frames));
                    }
                    other => panic!("{other}"),
                }
            }
            Payload::MemorySection(all) => {
                let sizes = all.into_iter().map(|ty| ty.unwrap().initial << 16);
                dump.memories = sizes.collect();
            }
            Payload::GlobalSection(all) => {
                for global in all {
                    let value = global.unwrap().init_expr;
                    let value = value.get_operators_reader().read().unwrap();
                    dump.globals.push(format!("{value:?}"));
                }
            }
            Payload::DataSection(all) => {
                for segment in all {
                    let segment = segment.unwrap();
                    let DataKind::Active {
                        memory_index,
                        offset_expr,
                    } = segment.kind
                    else {
                        panic!("a passive segment");
                    };
                    let at = match offset_expr.get_operators_reader().read().unwrap() {
                        Operator::I32Const { value } => u64::from(value as u32),
                        Operator::I64Const { value } => value as u64,
                        other => panic!("{other:?}"),
                    };
                    dump.data.push((memory_index, at, segment.data.to_vec()));
                }
            }
            _ => {}
        }
    }
    dump
}

impl Dump {
    fn bytes<const N: usize>(&self, memory: u32, at: u64) -> [u8; N] {
        let mut out = [0; N];
        for (n, byte) in out.iter_mut().enumerate() {
            let at = at + n as u64;
            let holds = |(of, start, bytes): &&(u32, u64, Vec<u8>)| {
                *of == memory && (*start..*start + bytes.len() as u64).contains(&at)
            };
            if let Some((_, start, bytes)) = self.data.iter().find(holds) {
                *byte = bytes[(at - start) as usize];
            }
        }
        out
    }

    /// The values of an instance's globals.
    fn globals(&self, instance: usize) -> Vec<&str> {
        let numbers = self.instances[instance].globals.iter();
        let value = |&number: &u32| self.globals.get(number as usize);
        numbers.map(|n| value(n).map_or("", |v| v)).collect()
    }
}

/// Names of a module's functions, and where their bodies begin.
struct Functions {
    names: HashMap<u32, String>,
    bodies: Vec<u64>,
    imported: u32,
    code: u64,
}

fn functions(module: &Path) -> Functions {
    let bytes = std::fs::read(module).unwrap();
    let bytes = wat::parse_bytes(&bytes).unwrap();
    let mut all = Functions {
        names: HashMap::new(),
        bodies: Vec::new(),
        imported: 0,
        code: 0,
    };
    for payload in Parser::new(0).parse_all(&bytes) {
        let payload = payload.unwrap();
        let section = payload.as_section();
        match payload {
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports();
                let is_function = |import: &wasmparser::Import<'_>| {
                    matches!(import.ty, wasmparser::TypeRef::Func(_))
                };
                all.imported = imports.filter(|i| is_function(i.as_ref().unwrap())).count() as u32;
            }
            Payload::CodeSectionStart { .. } => all.code = section.unwrap().1.start,
            Payload::CodeSectionEntry(body) => all.bodies.push(body.range().start),
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(names) = custom.as_known() {
                    for name in names {
                        if let Name::Function(map) = name.unwrap() {
                            let names = map.into_iter().map(|naming| naming.unwrap());
                            all.names
                                .extend(names.map(|n| (n.index, n.name.to_owned())));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    all
}

impl Functions {
    /// A frame as traps name it: function, and offset in the code section.
    fn frame(&self, frame: &CoreDumpStackFrame) -> String {
        let body = self.bodies[(frame.funcidx - self.imported) as usize];
        let at = body + u64::from(frame.codeoffset) - self.code;
        format!("{} at {at:#x}", self.names[&frame.funcidx])
    }
}

#[test]
fn a_wasm_core_dump_has_the_frames_of_the_trap_and_what_is_not_zero_of_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("core.wasm");
    let crash = module("crash.c", "-O0");
    for level in ["-O0", "-O2"] {
        let ran = run(dumping(level, &path).arg(&crash));
        ran.expect_code(134);
        let dump = read(&path);
        assert!(dump.name.ends_with("crash.c.wasm"), "{}", dump.name);
        assert_eq!(dump.instances[0].module_index, 0);
        let (name, frames) = &dump.stacks[0];
        assert_eq!((name.as_str(), dump.stacks.len()), ("main", 1));
        let known = functions(&crash);
        // What recursion repeats has one line; each line has its frame's number.
        let mut told = 0;
        for line in ran.stderr.lines() {
            let Some((number, line)) = line.trim().split_once(": ") else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            let frame = &frames[number];
            assert!(line.starts_with(&dump.modules[frame.instanceidx as usize]));
            if frame.instanceidx == 0 {
                let frame = known.frame(frame);
                assert!(line.contains(&frame), "{frame}: {line}");
            }
            told += 1;
        }
        assert_eq!((told, frames.len()), (4, 7), "{ran:#?}");
        // A stack pointer; what `first` and `second` are, somewhere in memory; and no zeros.
        let globals = dump.globals(0);
        assert!(globals[0].starts_with("I32Const"), "{globals:?}");
        for (_, at, bytes) in &dump.data {
            let ends = [bytes.first(), bytes.last()];
            assert!(!ends.contains(&Some(&0)), "{at:#x}");
        }
        let text = dump
            .data
            .iter()
            .any(|(_, _, bytes)| bytes.windows(5).any(|w| w == b"deep\0"));
        assert!(text);
    }
}

/// Two memories, and globals of every kind of place.
const MAIN: &str = r#"(module
  (import "lib" "shared" (global $shared (mut i64)))
  (import "lib" "memory" (memory $theirs 1))
  (import "lib" "fail" (func $fail (param i32)))
  (memory $own (export "memory") 3)
  (memory $wide i64 2)
  (global $hidden (mut i32) (i32.const 1))
  (global $constant f32 (f32.const 0.5))
  (global $vector (mut v128) (v128.const i64x2 1 2))
  (global $function funcref (ref.func $fail))
  (func $inner (param i32)
    (global.set $hidden (i32.const 77))
    (global.set $shared (i64.const -8))
    (global.set $vector (v128.const i64x2 3 4))
    (i32.store $own (i32.const 0x20004) (i32.const 0x01020304))
    (i64.store $wide (i64.const 0x10008) (i64.const 9))
    (i32.store8 $theirs (i32.const 5) (i32.const 6))
    (call $fail (local.get 0)))
  (func (export "_start") (call $inner (i32.const 3))))"#;

const LIBRARY: &str = r#"(module
  (memory (export "memory") 1)
  (global $shared (export "shared") (mut i64) (i64.const 1))
  (func $nothing)
  (func $fail (export "fail") (param i32)
    (drop (i32.div_u (local.get 0) (i32.const 0)))))"#;

#[test]
fn a_wasm_core_dump_has_globals_and_memories_of_all_instances() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("core.wasm");
    let main = directory.path().join("main.wat");
    let library = directory.path().join("lib.wat");
    std::fs::write(&main, MAIN).unwrap();
    std::fs::write(&library, LIBRARY).unwrap();
    for level in ["-O0", "-O2"] {
        let mut command = dumping(level, &path);
        command
            .arg("--lib")
            .arg(format!("lib={}", library.display()));
        run(command.arg(&main)).expect_code(134);
        let dump = read(&path);
        let of = |name: &str| {
            let at = dump
                .modules
                .iter()
                .position(|module| module.ends_with(name));
            at.unwrap_or_else(|| panic!("{:?}", dump.modules))
        };
        let (main_at, library_at) = (of("main.wat"), of("lib.wat"));
        let expected = [
            "I64Const { value: -8 }",
            "I32Const { value: 77 }",
            "F32Const { value: Ieee32(1056964608) }",
            "V128Const { value: V128([3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]) }",
        ];
        assert_eq!(dump.globals(main_at)[..4], expected);
        // The imported one is the library's own.
        let first = |at: usize| dump.instances[at].globals[0];
        assert_eq!(first(main_at), first(library_at));
        let memories = &dump.instances[main_at].memories;
        assert_eq!(memories[0], dump.instances[library_at].memories[0]);
        let sizes: Vec<_> = memories
            .iter()
            .map(|&m| dump.memories[m as usize])
            .collect();
        assert_eq!(sizes, [1 << 16, 3 << 16, 2 << 16]);
        assert_eq!(dump.bytes(memories[0], 4), [0, 6]);
        assert_eq!(dump.bytes(memories[1], 0x20003), [0, 4, 3, 2, 1, 0]);
        assert_eq!(dump.bytes(memories[2], 0x10008), [9, 0]);
        let (main_code, library_code) = (functions(&main), functions(&library));
        let frames = &dump.stacks[0].1;
        let named: Vec<_> = frames
            .iter()
            .map(|frame| match frame.instanceidx as usize {
                at if at == library_at => library_code.frame(frame),
                _ => main_code
                    .names
                    .get(&frame.funcidx)
                    .cloned()
                    .unwrap_or_default(),
            })
            .collect();
        // A body begins with its locals; the division is behind four bytes of operators.
        let divides = library_code.bodies[1] + 5 - library_code.code;
        assert_eq!(named, [&*format!("fail at {divides:#x}"), "inner", ""]);
    }
}

const PRELINKED: [(&str, &str); 2] = [
    (
        "main.wat",
        r#"(module
          (@dylink.0 (needed "lib.so") (mem-info (memory 0 0)))
          (import "env" "memory" (memory 0))
          (import "env" "divide" (func $divide (param i32) (result i32)))
          (func $inner (param i32) (result i32) (call $divide (local.get 0)))
          (func (export "_start") (drop (call $inner (i32.const 0)))))"#,
    ),
    (
        "lib.so",
        r#"(module
          (@dylink.0 (mem-info (memory 0 0)))
          (import "env" "memory" (memory 0))
          (func $unused)
          (func $divide (export "divide") (param i32) (result i32)
            (i32.div_u (i32.const 7) (local.get 0))))"#,
    ),
];

#[test]
fn in_a_wasm_core_dump_code_of_a_prelinked_set_is_of_the_module_that_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("core.wasm");
    let set = directory.path().join("set");
    let mut build = command("build");
    build.args(["--prelink", "-o"]).arg(&set);
    for (name, text) in PRELINKED {
        let module = directory.path().join(name);
        std::fs::write(&module, text).unwrap();
        build.arg(module);
    }
    run(&mut build).expect_code(0);
    // The library's function has been inlined into main's.
    let main = set.join("main.wat.elf");
    let inspected = run(command("inspect").arg(&main));
    assert!(inspected.stdout.contains("_start divide"), "{inspected:#?}");
    let mut command = dumping("-O2", &path);
    run(command.arg("-L").arg(&set).arg(&main)).expect_code(134);
    let dump = read(&path);
    let frames = &dump.stacks[0].1;
    let told: Vec<_> = frames
        .iter()
        .map(|frame| {
            let module = &dump.modules[frame.instanceidx as usize];
            (module.as_str(), frame.funcidx, frame.codeoffset)
        })
        .collect();
    // Behind a body's number of locals: the two operands; an argument; a constant and a call.
    let expected = [("lib.so", 1, 5), ("main.wat", 1, 3), ("main.wat", 2, 3)];
    for ((module, function, offset), expected) in told.into_iter().zip(expected) {
        assert!(module.starts_with(expected.0), "{module}");
        assert_eq!((function, offset), (expected.1, expected.2));
    }
}

#[test]
fn a_wasm_core_dump_has_a_stack_for_each_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("core.wasm");
    let program = directory.path().join("threads.wat");
    std::fs::write(&program, THREADS.replace("FIRST", "2")).unwrap();
    run(dumping("-O0", &path).arg(&program)).expect_code(134);
    let (dump, known) = (read(&path), functions(&program));
    let mut told = BTreeMap::new();
    for (thread, frames) in &dump.stacks {
        let names = frames
            .iter()
            .map(|frame| known.names[&frame.funcidx].as_str());
        told.insert(thread.as_str(), names.collect::<Vec<_>>());
    }
    // The one that trapped is the first.
    assert_eq!(dump.stacks[0].0, "thread 3");
    let expected = [
        ("main", vec!["spins", "starts_all"]),
        ("thread 2", vec!["waits", "starts"]),
        ("thread 3", vec!["fails", "starts"]),
    ];
    assert_eq!(told, BTreeMap::from(expected));
    assert_eq!(dump.bytes(0, 0), [2, 0]);
}

#[test]
fn a_wasm_core_dump_has_the_frames_of_calls_that_the_host_is_between() {
    let directory = tempfile::tempdir().unwrap();
    // A constructor of the library that is opened traps.
    let main = program(&directory, "ctor.c");
    let mut command = dumping("-O0", Path::new("core.wasm"));
    command.current_dir(directory.path());
    let ran = run(command.arg(&main));
    ran.expect_code(134);
    let dump = read(&directory.path().join("core.wasm"));
    let code = ["opens.wasm", "plugin.wasm"].map(|name| functions(&directory.path().join(name)));
    let mut named = Vec::new();
    for frame in &dump.stacks[0].1 {
        let module = &dump.modules[frame.instanceidx as usize];
        let of = ["opens.wasm", "plugin.wasm"]
            .iter()
            .position(|name| module == name);
        if let Some(of) = of {
            named.push(code[of].names[&frame.funcidx].as_str());
        }
    }
    let place = |name: &str| named.iter().position(|named| named.ends_with(name));
    let order = ["touch", "boot", "main", "_start"].map(place);
    assert!(
        order[0] == Some(0) && order.is_sorted() && order[3].is_some(),
        "{named:?}"
    );
}
