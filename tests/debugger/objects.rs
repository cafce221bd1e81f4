//! What debugging sections do to code: nothing.

use std::ops::Range;

use object::{Object as _, ObjectSection as _};
use tempfile::TempDir;
use wasmaot_compiler::{Emit, OptLevel, Options, compile};
use wasmaot_testkit::{run, tools};
use wasmparser::{Parser, Payload};

use super::session::module;

const LEVELS: [OptLevel; 3] = [OptLevel::None, OptLevel::Less, OptLevel::Speed];

fn options(opt_level: OptLevel) -> Options {
    Options {
        opt_level,
        ..Options::default()
    }
}

/// Where the debugging sections of a module are, with their heads.
fn debug_sections(module: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut last = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        let Some((_, range)) = payload.as_section() else {
            continue;
        };
        let end = range.end as usize;
        if let Payload::CustomSection(section) = &payload
            && section.name().starts_with(".debug_")
        {
            found.push(last..end);
        }
        last = end;
    }
    found
}

/// The code of an object.
fn code(object: &[u8]) -> Vec<u8> {
    let object = object::File::parse(object).unwrap();
    object
        .section_by_name(".text")
        .unwrap()
        .data()
        .unwrap()
        .to_vec()
}

#[test]
fn code_is_the_same_with_debugging_sections_and_without() {
    for clang in ["-O0", "-O2"] {
        let with = std::fs::read(module("optimised.c", clang)).unwrap();
        let mut without = with.clone();
        for section in debug_sections(&with).into_iter().rev() {
            without.drain(section);
        }
        assert!(without.len() < with.len());
        for level in LEVELS {
            let built = |bytes: &[u8]| compile("m.wasm", bytes, &options(level), Emit::So).unwrap();
            assert_eq!(
                code(&built(&with)),
                code(&built(&without)),
                "{clang} {level:?}"
            );
        }
    }
}

#[test]
fn a_debugger_understands_objects_for_another_machine() {
    let program = module("program.c", "-O0");
    let directory = TempDir::new().unwrap();
    let out = directory.path().join("program.elf");
    let mut options = options(OptLevel::None);
    let target = "aarch64-unknown-linux-gnu".parse().unwrap();
    options.set_target(target).unwrap();
    let module = std::fs::read(program).unwrap();
    let object = compile("program.wasm", &module, &options, Emit::So).unwrap();
    std::fs::write(&out, object).unwrap();
    let mut gdb = tools().gdb_multiarch.command();
    gdb.args(["-nx", "-batch", "-iex", "set auto-load no"]);
    let asked = [
        ("show architecture", "currently \"aarch64\""),
        ("info line square", "Line 37 of \""),
        ("ptype struct point", "double x;"),
        ("whatis factorial", "type = int (int)"),
        ("info scope square", "Symbol result is "),
        ("info address pool", "Symbol \"pool\" is "),
        ("disassemble /s square", "\tmul\t"),
    ];
    for (command, _) in asked {
        gdb.args(["-ex", &format!("echo {command}\\n"), "-ex", command]);
    }
    let ran = run(gdb.arg(&out));
    let mut rest = &*ran.stdout;
    for (command, word) in asked {
        let (_, said) = rest.split_once(&format!("{command}\n")).unwrap();
        assert!(said.contains(word), "{command}: {ran:#?}");
        rest = said;
    }
    assert!(!ran.stdout.contains("optimized out"), "{ran:#?}");
}

/// A custom section.
fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(content);
    let mut out = vec![0];
    let mut size = body.len();
    while size >= 0x80 {
        out.push(size as u8 | 0x80);
        size >>= 7;
    }
    out.push(size as u8);
    out.extend(body);
    out
}

/// A module whose only function has as many variables as that, all in one list of places,
/// of as many entries.
fn bomb(count: usize) -> Vec<u8> {
    let line = "(local.set 1 (i32.add (local.get 1) (local.get 0)))";
    let text = format!(
        "(module (func (param i32) (local i32) {}))",
        line.repeat(count)
    );
    let mut module = wat::parse_str(text).unwrap();
    let (mut code, mut body) = (0, 0..0);
    for payload in Parser::new(0).parse_all(&module) {
        let payload = payload.unwrap();
        let section = payload.as_section();
        match payload {
            Payload::CodeSectionStart { .. } => code = section.unwrap().1.start as u32,
            Payload::CodeSectionEntry(f) => body = f.range().start as u32..f.range().end as u32,
            _ => {}
        }
    }
    let (low, size) = (body.start - code, body.end - body.start);
    let mut places = Vec::new();
    for number in 0..count as u32 {
        // Behind the declaration of a local; a line is seven bytes.
        let begin = low + 3 + 7 * number;
        places.extend(begin.to_le_bytes());
        places.extend((begin + 7).to_le_bytes());
        // The value of local 1.
        places.extend([4, 0, 0xed, 0, 1, 0x9f]);
    }
    places.extend([0; 8]);
    // A unit with a low pc; a subprogram with that and a size; variables with places.
    let abbreviations = [
        &[1, 0x11, 1, 0x11, 0x01, 0, 0][..],
        &[2, 0x2e, 1, 0x11, 0x01, 0x12, 0x06, 0, 0],
        &[3, 0x34, 0, 0x02, 0x17, 0, 0, 0],
    ];
    let mut entries = vec![4, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 2];
    entries.extend(low.to_le_bytes());
    entries.extend(size.to_le_bytes());
    for _ in 0..count {
        entries.extend([3, 0, 0, 0, 0]);
    }
    entries.extend([0, 0]);
    let info = [&(entries.len() as u32).to_le_bytes()[..], &entries].concat();
    for (name, content) in [
        (".debug_abbrev", &abbreviations.concat()),
        (".debug_info", &info),
        (".debug_loc", &places),
        (".debug_line", &Vec::new()),
    ] {
        module.extend(custom(name, content));
    }
    module
}

#[test]
fn what_is_made_of_debugging_sections_is_in_proportion_to_them() {
    let size = |count: usize, level| {
        let module = bomb(count);
        let built = compile("m.wasm", &module, &options(level), Emit::So).unwrap();
        let object = object::File::parse(&*built).unwrap();
        let places = object.section_by_name(".debug_loc").map_or(0, |s| s.size());
        (built.len() as f64 / module.len() as f64, places)
    };
    // Few are as they are; of many there would be the product.
    assert!(size(10, OptLevel::None).1 > 0);
    assert_eq!(size(4000, OptLevel::None).1, 0);
    for level in LEVELS {
        let (ratio, _) = size(4000, level);
        assert!(ratio < 64.0, "{level:?}: {ratio}");
    }
}
