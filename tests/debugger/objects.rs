//! What debugging sections do to code: nothing.

use std::ops::Range;

use object::{Object as _, ObjectSection as _};
use wasmaot_compiler::{Emit, OptLevel, Options, compile};
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
