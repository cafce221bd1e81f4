//! Code of a few bytes each, at made-up addresses.

use std::collections::HashMap;

use super::code::{Code, Function};
use super::flow::Flow;
use super::{Listing, listing};

/// Functions by address, and words.
#[derive(Default)]
struct Fake {
    functions: Vec<(&'static str, &'static str, u64, Vec<u8>)>,
    words: HashMap<u64, u64>,
}

impl Code for Fake {
    fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let all = self.functions.iter();
        let mut rest = all.filter_map(|(.., start, code)| {
            let from = at.checked_sub(*start)?;
            code.get(from as usize..)
        });
        rest.next()
            .unwrap_or_default()
            .iter()
            .take(len)
            .copied()
            .collect()
    }

    fn function(&self, at: u64) -> Option<Function> {
        self.functions
            .iter()
            .find_map(|(name, object, start, code)| {
                let range = *start..start + code.len() as u64;
                range.contains(&at).then(|| Function {
                    name: (*name).to_owned(),
                    object: (*object).to_owned(),
                    range,
                })
            })
    }

    fn word(&self, at: u64) -> Option<u64> {
        self.words.get(&at).copied()
    }

    fn datum(&self, at: u64) -> Option<String> {
        self.words.contains_key(&at).then(|| "GOT[f]".to_owned())
    }

    fn base(&self) -> Option<u64> {
        Some(0x10_0000)
    }
}

fn listed(code: &Fake) -> (Listing, String) {
    let listing = listing(code, 0x1000).unwrap();
    let text = listing.text();
    (listing, text)
}

/// `dec %edi; jne` back to it, around it another loop.
const NESTED: &[u8] = &[
    0xbf, 3, 0, 0, 0, // 1000: mov $3, %edi
    0xff, 0xcf, // 1005: dec %edi
    0x75, 0xfc, // 1007: jne 1005
    0xff, 0xce, // 1009: dec %esi
    0x75, 0xf3, // 100b: jne 1000
    0xc3, // 100d: ret
];

#[test]
fn loops_are_found_with_those_around_them() {
    let code = Fake {
        functions: vec![("run", "main", 0x1000, NESTED.to_vec())],
        ..Fake::default()
    };
    let function = code.function(0x1000).unwrap();
    let flow = Flow::of(&code, &function, 0x1000);
    let loops: Vec<_> = flow.loops.iter().map(|l| (l.head, l.depth)).collect();
    assert_eq!(loops, [(0x1000, 1), (0x1005, 2)]);
    assert_eq!(flow.depth(0x1005), 2);
    assert_eq!(flow.depth(0x100d), 0);
    let (listing, text) = listed(&code);
    assert_eq!(listing.instructions, 2);
    assert!(text.starts_with("loop of run in main:\n"), "{text}");
    assert!(text.contains("jne     .L1"), "{text}");
}

#[test]
fn a_jump_through_a_table_leads_to_all_its_entries() {
    let mut bytes = vec![
        0x48, 0x8d, 0x15, 0x19, 0, 0, 0, // 1000: lea 0x1020(%rip), %rdx
        0x48, 0x63, 0x04, 0xba, // 1007: movslq (%rdx,%rdi,4), %rax
        0x48, 0x01, 0xd0, // 100b: add %rdx, %rax
        0xff, 0xe0, // 100e: jmp *%rax
        0xff, 0xce, // 1010: dec %esi
        0x75, 0xf3, // 1012: jne 1007
        0xc3, // 1014: ret
        0x0f, 0x0b, // 1015: ud2
    ];
    bytes.resize(0x20, 0xcc);
    for target in [0x1010, 0x1014, 0x1015] {
        bytes.extend((target - 0x1020i32).to_le_bytes());
    }
    bytes.extend(i32::MAX.to_le_bytes());
    let code = Fake {
        functions: vec![("run", "main", 0x1000, bytes)],
        ..Fake::default()
    };
    let function = code.function(0x1000).unwrap();
    let flow = Flow::of(&code, &function, 0x1000);
    assert_eq!(flow.blocks[&0x1007].next, [0x1010, 0x1014, 0x1015]);
    assert_eq!(flow.loops.len(), 1);
    assert!(
        !flow.instructions.contains_key(&0x1020),
        "the table is no code"
    );
    let returning: Vec<u64> = flow.returning().into_iter().collect();
    assert_eq!(returning, [0x1000, 0x1007, 0x1010, 0x1014]);
}

/// A call through a register that was loaded before the loop.
fn through_the_got(load: &[u8], word: u64) -> Fake {
    let mut run = load.to_vec(); // 1000: into %rbx
    run.extend([
        0xff, 0xd3, // call *%rbx
        0xff, 0xcd, // dec %ebp
        0x75, 0xfa, // jne to the call
        0xc3,
    ]);
    Fake {
        functions: vec![
            ("run", "main", 0x1000, run),
            ("f", "lib", 0x2000, vec![0x90, 0xc3]),
        ],
        words: HashMap::from([(word, 0x2000)]),
    }
}

#[test]
fn calls_are_followed_through_slots() {
    // mov 0x3000(%rip), %rbx
    let code = through_the_got(&[0x48, 0x8b, 0x1d, 0xf9, 0x1f, 0, 0], 0x3000);
    let (listing, text) = listed(&code);
    assert!(text.contains("call    *%rbx    # f in lib"), "{text}");
    assert!(text.ends_with("f in lib:\n    nop\n    ret\n"), "{text}");
    assert_eq!(listing.instructions, 3 + 2);
}

#[test]
fn calls_are_followed_through_the_table() {
    // mov -0x20(%r15), %rbx: an entry below the memory base.
    let code = through_the_got(&[0x49, 0x8b, 0x5f, 0xe0], 0x10_0000 - 0x20);
    assert!(listed(&code).1.contains("# f in lib"));
}

#[test]
fn what_a_pointer_leads_to_is_not_guessed() {
    // mov (%rdi), %rbx: whatever the caller gave.
    let code = through_the_got(&[0x48, 0x8b, 0x1f], 0x3000);
    let (listing, text) = listed(&code);
    assert!(text.contains("# wherever the pointer leads"), "{text}");
    assert_eq!(listing.parts.len(), 1);

    // Known on one way to the loop, and something else on the other.
    let mut code = through_the_got(
        &[
            0x48, 0x8b, 0x1d, 0xf9, 0x1f, 0, 0, // 1000: mov 0x3000(%rip), %rbx
            0x85, 0xff, // 1007: test %edi, %edi
            0x74, 0x03, // 1009: je 100e
            0x48, 0x89, 0xf3, // 100b: mov %rsi, %rbx
        ],
        0x3000,
    );
    assert!(listed(&code).1.contains("# wherever the pointer leads"));
    // A call changes registers that are the callee's, and no others.
    code.functions[0].3 = vec![
        0x48, 0x8b, 0x05, 0xf9, 0x1f, 0, 0, // 1000: mov 0x3000(%rip), %rax
        0xff, 0xd0, // 1007: call *%rax
        0x75, 0xfc, // 1009: jne 1007
        0xc3,
    ];
    let (_, text) = listed(&code);
    assert!(text.contains("# wherever the pointer leads"), "{text}");
}

#[test]
fn an_end_that_calls_and_a_function_that_calls_itself() {
    let code = Fake {
        functions: vec![
            ("run", "main", 0x1000, vec![0xe9, 0xfb, 0x0f, 0, 0]), // jmp 2000
            ("f", "lib", 0x2000, vec![0xe8, 0xfb, 0xff, 0xff, 0xff, 0xc3]), // call 2000
        ],
        ..Fake::default()
    };
    let (listing, text) = listed(&code);
    assert!(text.contains("jmp     f in lib"), "{text}");
    assert_eq!(listing.parts.len(), 2);
    assert_eq!(listing.instructions, 3);
}

#[test]
fn bytes_that_are_no_code_are_no_instructions() {
    let code = Fake {
        functions: vec![("run", "main", 0x1000, vec![0x06, 0x06])],
        ..Fake::default()
    };
    assert_eq!(listed(&code).0.instructions, 0);
    assert!(listing(&code, 0x5000).is_err());
}
