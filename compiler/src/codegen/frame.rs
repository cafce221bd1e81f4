//! Leaf functions without frames.
//!
//! The code generator gives every function a frame record. A function that
//! calls nothing and keeps nothing on the stack does not need one, and where
//! such a function is small, the record is a third of its time. So the four
//! instructions become nothing, in place: no offset changes.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{Function, Opcode, SourceLoc};

/// `push %rbp; mov %rsp, %rbp`.
const PROLOGUE: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
/// `mov %rbp, %rsp; pop %rbp; ret`.
const EPILOGUE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];
/// The end of every epilogue, whatever else it does: `pop %rbp; ret`.
const EPILOGUE_END: [u8; 2] = [0x5d, 0xc3];
/// A no-operation of the prologue's length.
const NOTHING: [u8; 4] = [0x0f, 0x1f, 0x40, 0x00];
/// `ret; int3…`.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];
/// Parameters of one class that certainly come in registers.
const REGISTER_PARAMS: usize = 6;
/// Results that certainly leave in registers.
const REGISTER_RESULTS: usize = 2;

/// The code of a function without its frame record; `None` if it needs one.
pub(super) fn elide(function: &Function, compiled: &CompiledCode) -> Option<Vec<u8>> {
    needs_none(function, compiled).then_some(())?;
    let mut bytes = compiled.code_buffer().to_vec();
    bytes.strip_prefix(&PROLOGUE)?;
    bytes[..PROLOGUE.len()].copy_from_slice(&NOTHING);
    let mut removed = 0;
    for end in ends(function, compiled) {
        let start = end.checked_sub(EPILOGUE.len())?;
        let epilogue = bytes.get_mut(start..end)?;
        (epilogue == EPILOGUE).then(|| epilogue.copy_from_slice(&RETURN))?;
        removed += 1;
    }
    // One that was overlooked would return to nowhere; a constant that looks
    // like one merely keeps the frame.
    let overlooked = bytes.windows(2).any(|pair| pair == EPILOGUE_END);
    (removed > 0 && !overlooked).then_some(bytes)
}

/// A listing without the instructions of the frame record.
pub(super) fn without(listing: &str) -> String {
    let of_record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(
            words[..],
            ["pushq" | "popq", "%rbp"]
                | ["movq", "%rsp,", "%rbp"]
                | ["movq", "%rbp,", "%rsp"]
                | ["unwind", ..]
        )
    };
    let lines = listing.split_inclusive('\n');
    lines.filter(|line| !of_record(line)).collect()
}

/// Whether it calls nothing, and has nothing on the stack.
fn needs_none(function: &Function, compiled: &CompiledCode) -> bool {
    let signature = &function.signature;
    let in_registers =
        signature.params.len() <= REGISTER_PARAMS && signature.returns.len() <= REGISTER_RESULTS;
    let frame = compiled.buffer.frame_layout();
    in_registers
        && frame.is_some_and(|frame| frame.frame_to_fp_offset == 0)
        && compiled.buffer.call_sites().next().is_none()
}

/// Ends of the stretches of code that return. An instruction's source location
/// is that of the code made for it; of `return` that is the last of its block,
/// and ends with the epilogue.
fn ends(function: &Function, compiled: &CompiledCode) -> impl Iterator<Item = usize> {
    let returns = function.layout.blocks().filter_map(|block| {
        let last = function.layout.last_inst(block)?;
        let is_return = function.dfg.insts[last].opcode() == Opcode::Return;
        is_return.then(|| function.srcloc(last))
    });
    let returns: Vec<SourceLoc> = returns.filter(|loc| !loc.is_default()).collect();
    let stretches = compiled.buffer.get_srclocs_sorted().iter();
    let returning = stretches.filter(move |stretch| returns.contains(&stretch.loc));
    returning.map(|stretch| stretch.end as usize)
}
