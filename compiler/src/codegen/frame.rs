//! Leaf functions without frames.
//!
//! Where it has to, the code generator gives every function a frame record. One that
//! calls nothing and keeps nothing on the stack does not need one, and where
//! such a function is small, the record is a third of its time.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{Function, Opcode, SourceLoc};

use crate::machine::Backend;

/// Results that certainly leave in registers.
const REGISTER_RESULTS: usize = 2;

/// The code of a function without its frame record; `None` if it needs one.
pub(super) fn elide(
    backend: &dyn Backend,
    function: &Function,
    compiled: &CompiledCode,
) -> Option<Vec<u8>> {
    (backend.needs_frame_pointers() && needs_none(backend, function, compiled)).then_some(())?;
    let mut bytes = compiled.code_buffer().to_vec();
    let ends: Vec<usize> = ends(function, compiled).collect();
    let removed = backend.remove_frame_record(&mut bytes, &ends);
    removed.then_some(bytes)
}

/// A listing without the instructions of the frame record.
pub(super) fn without(backend: &dyn Backend, listing: &str) -> String {
    let lines = listing.split_inclusive('\n');
    let lines = lines.filter(|line| !backend.is_of_frame_record(line));
    lines.collect()
}

/// Whether it calls nothing, and has nothing on the stack.
fn needs_none(backend: &dyn Backend, function: &Function, compiled: &CompiledCode) -> bool {
    let signature = &function.signature;
    // Of one class, as they may all be.
    let calls = &backend.description().calls;
    let params = calls.int_args.len().min(calls.vec_args.len());
    let in_registers =
        signature.params.len() <= params && signature.returns.len() <= REGISTER_RESULTS;
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
