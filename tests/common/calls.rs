//! Where the calls in loaded objects lead, read from the process's own code.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use wasmaot_abi::object::{PltCall, SEC_CALLS};
use wasmaot_runtime::Process;

/// A call of a PLT entry in a loaded object.
#[derive(Debug)]
pub struct Call {
    /// The opcode: `call` or `jmp`.
    pub opcode: u8,
    /// The function it stands in.
    pub by: String,
    /// What it leads to: a function's start, as `OBJECT!NAME`, the PLT, or a
    /// stub in no object.
    pub to: String,
}

/// The calls that an object's table lists, as they stand in memory.
pub fn calls(process: &Process, name: &str) -> Vec<Call> {
    let memory = File::open("/proc/self/mem").unwrap();
    let entry = process.link_map().find(|e| e.name == name).unwrap();
    let section = entry.object.section(SEC_CALLS).unwrap_or_default();
    let (table, _) = section.as_chunks();
    table
        .iter()
        .map(|&bytes| {
            let place = u64::from(PltCall::decode(bytes).place);
            let mut code = [0; 5];
            let at = entry.load_address + place - 1;
            memory.read_exact_at(&mut code, at).unwrap();
            let [opcode, rel @ ..] = code;
            let target = (at + 5).wrapping_add_signed(i32::from_le_bytes(rel).into());
            Call {
                opcode,
                by: entry.object.symbol_at(place).unwrap(),
                to: place_of(process, target),
            }
        })
        .collect()
}

/// What is at an address of the code area.
fn place_of(process: &Process, address: u64) -> String {
    let objects = process.link_map().filter(|e| e.load_address <= address);
    let Some(entry) = objects.max_by_key(|e| e.load_address) else {
        return "stub".to_owned();
    };
    let vaddr = address - entry.load_address;
    let section = |name| {
        let start = entry.object.section_address(name).unwrap_or(0);
        let len = entry.object.section(name).unwrap_or_default().len() as u64;
        start..start + len
    };
    if section(".plt").contains(&vaddr) {
        return "plt".to_owned();
    }
    if !section(".text").contains(&vaddr) {
        return "stub".to_owned();
    }
    let name = entry.object.symbol_at(vaddr).unwrap();
    let before = entry.object.symbol_at(vaddr - 1);
    assert_ne!(before.as_ref(), Some(&name), "the function's start");
    format!("{}!{name}", entry.name)
}

/// (caller, target) of all calls.
pub fn pairs(calls: &[Call]) -> Vec<(&str, &str)> {
    calls.iter().map(|c| (&*c.by, &*c.to)).collect()
}
