//! The system's notes of a core file.

/// Where the parts of the system's `struct elf_prstatus` are that stand before registers.
const SIGNAL: usize = 12;
const PID: usize = 32;
const REGISTERS: usize = 112;
const NT_PRSTATUS: u32 = 1;
const NT_FPREGSET: u32 = 2;
const NT_AUXV: u32 = 6;

/// The notes of a thread: its registers in the system's order, in a status of so many
/// bytes, and those of vectors where they are known.
pub(super) fn of_thread(
    status: usize,
    registers: impl Iterator<Item = u64>,
    vectors: Option<&[u64]>,
    signal: i32,
    number: u32,
) -> Vec<u8> {
    let mut status = vec![0; status];
    status[..4].copy_from_slice(&signal.to_le_bytes());
    status[SIGNAL..SIGNAL + 2].copy_from_slice(&(signal as u16).to_le_bytes());
    status[PID..PID + 4].copy_from_slice(&number.to_le_bytes());
    for (number, value) in registers.enumerate() {
        let at = REGISTERS + 8 * number;
        status[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let mut out = Vec::new();
    note(&mut out, NT_PRSTATUS, &status);
    if let Some(words) = vectors {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        note(&mut out, NT_FPREGSET, &bytes);
    }
    out
}

/// The note of what the system has told the process of itself: by it, debuggers know
/// where a program is whose place is chosen when it starts.
pub(crate) fn core_auxv(auxv: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    note(&mut out, NT_AUXV, auxv);
    out
}

/// Adds a note of the system's; the content's size is a multiple of four.
fn note(out: &mut Vec<u8>, kind: u32, content: &[u8]) {
    for word in [5, content.len() as u32, kind] {
        out.extend(word.to_le_bytes());
    }
    out.extend(b"CORE\0\0\0\0");
    out.extend(content);
}
