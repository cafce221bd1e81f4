//! Where functions are put.

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};

use crate::code::LINE;
use crate::{Emit, Options};

/// Loops of some instructions each, behind beginnings of several lengths.
fn loops() -> String {
    let functions = (0..24).map(|n| {
        let before: String = (0..n % 8)
            .map(|at| {
                format!(
                    "(i32.store offset={} (local.get 1) (local.get 0))",
                    400 * at
                )
            })
            .collect();
        format!(
            r#"(func (export "f{n}") (param i32 i32) {before}
                 (loop
                   (i32.store (local.get 0) (i32.const {n}))
                   (br_if 0 (i32.ne (local.get 1)
                     (local.tee 0 (i32.add (local.get 0) (i32.const 4)))))))"#
        )
    });
    format!("(module (memory 1) {})", functions.collect::<String>())
}

/// The first jump back in code, as the range of the loop.
fn first_loop(code: &[u8]) -> (u64, u64) {
    let jump = |at: usize| match code[at..] {
        [0x75, by, ..] if by >= 0x80 => Some((2, i64::from(by as i8))),
        [0x0f, 0x85, a, b, c, 0xff, ..] => {
            Some((6, i64::from(i32::from_le_bytes([a, b, c, 0xff]))))
        }
        _ => None,
    };
    let found = (0..code.len()).find_map(|at| {
        let (size, by) = jump(at)?;
        let end = at as i64 + size;
        Some((u64::try_from(end + by).ok()?, end as u64))
    });
    found.expect("no loop")
}

#[test]
fn short_loops_lie_in_one_line() {
    let wasm = wat::parse_str(loops()).unwrap();
    let bytes = crate::compile("test.wasm", &wasm, &Options::default(), Emit::So).unwrap();
    let elf = ElfFile64::<Endianness>::parse(&*bytes).unwrap();
    let text = elf.section_by_name(".text").unwrap();
    assert_eq!(text.align(), u64::from(LINE));
    let line = |address: u64| address / u64::from(LINE);
    let mut begins = std::collections::BTreeSet::new();
    let mut seen = 0;
    for symbol in elf
        .dynamic_symbols()
        .filter(|s| s.name().unwrap().starts_with('f'))
    {
        let code = text
            .data_range(symbol.address(), symbol.size())
            .unwrap()
            .unwrap();
        let (from, to) = first_loop(code);
        assert!(to - from < u64::from(LINE));
        let (first, last) = (symbol.address() + from, symbol.address() + to - 1);
        assert_eq!(
            line(first),
            line(last),
            "{:?}: {first:#x} to {last:#x}",
            symbol.name()
        );
        begins.insert(symbol.address() % u64::from(LINE));
        seen += 1;
    }
    assert_eq!(seen, 24);
    // Where it does not matter, they follow one another.
    assert!(begins.len() > 1, "{begins:?}");
}
