//! A function that clears what is clear. wasm-ld has the start function of a module
//! that imports its memory fill the data without contents with zeros, which the
//! loader has done already: by memory that nobody has touched. To fill it would
//! touch each page of it.

use std::ops::Range;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::constexpr::{Known, evaluate};
use crate::module::{ConstExpr, ConstOp, DataMode, Module};

/// No locals, and `end`.
const NOTHING: &[u8] = &[0, 0x0b];

/// Leaves out what a function does that is called at the start of the module, before
/// any code that uses its memory, and from nowhere else: that is if it only clears data
/// of the module which have no contents.
pub(super) fn clearing(module: &mut Module<'_>) {
    let Some(func) = clears_at_start(module) else {
        return;
    };
    let number = (func - module.imported_funcs()) as usize;
    let body = &mut module.bodies[number];
    body.body = FunctionBody::new(BinaryReader::new(NOTHING, body.range.start as u64));
}

/// The function that clears: the start function, or one that this calls, if nothing
/// else refers to it.
fn clears_at_start(module: &Module<'_>) -> Option<u32> {
    // Threads that start later find in memory what others have done.
    if module.linking.placement.is_none() || module.has_shared_memory() {
        return None;
    }
    let start = module.start?;
    let (func, calls) = match clears(start, module) {
        true => (start, 0),
        false => (called_by(start, module)?, 1),
    };
    let found = module.bodies.iter();
    let found = found.map(|body| calls_of(func, body.body.as_bytes()));
    let alone = found.sum::<usize>() == calls && !module.funcrefs.contains(&func);
    alone.then_some(func)
}

/// The function that clears among those that a function calls, where those before it
/// only set globals.
fn called_by(func: u32, module: &Module<'_>) -> Option<u32> {
    let mut operators = body(func, module)?.get_operators_reader().ok()?;
    loop {
        let Operator::Call { function_index } = operators.read().ok()? else {
            return None;
        };
        if clears(function_index, module) {
            return Some(function_index);
        }
        sets_globals(body(function_index, module)?)?;
    }
}

/// That a function does no more than to set globals.
fn sets_globals(body: &FunctionBody<'_>) -> Option<()> {
    let mut operators = body.get_operators_reader().ok()?;
    loop {
        match operators.read().ok()? {
            Operator::I32Const { .. }
            | Operator::I32Add
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. } => {}
            Operator::End => return Some(()),
            _ => return None,
        }
    }
}

fn body<'a, 'm>(func: u32, module: &'m Module<'a>) -> Option<&'m FunctionBody<'a>> {
    let number = func.checked_sub(module.imported_funcs())?;
    Some(&module.bodies[number as usize].body)
}

/// In how many places of a body there might be a call of a function: what looks like
/// one may be part of a constant.
fn calls_of(func: u32, body: &[u8]) -> usize {
    const CALL: u8 = 0x10;
    const RETURN_CALL: u8 = 0x12;
    let is_call = |&(at, &byte): &(usize, &u8)| {
        let named = || BinaryReader::new(&body[at + 1..], 0).read_var_u32();
        matches!(byte, CALL | RETURN_CALL) && named().is_ok_and(|named| named == func)
    };
    body.iter().enumerate().filter(is_call).count()
}

/// Whether all that a function does is to fill parts of the module's own room with
/// zeros where no data segment is.
fn clears(func: u32, module: &Module<'_>) -> bool {
    let filled = || {
        let body = body(func, module)?;
        let contents = contents(module)?;
        let is_empty = |range: &Range<u64>| {
            let mut contents = contents.iter();
            contents.all(|data| data.end <= range.start || range.end <= data.start)
        };
        let filled = fills(body, module)?;
        filled.iter().all(is_empty).then_some(())
    };
    filled().is_some()
}

/// What a function fills with zeros, from the memory base, if that is all it does.
fn fills(body: &FunctionBody<'_>, module: &Module<'_>) -> Option<Vec<Range<u64>>> {
    let mut operators = body.get_operators_reader().ok()?;
    let (mut found, mut operands) = (Vec::new(), ConstExpr::new());
    loop {
        match operators.read().ok()? {
            Operator::I32Const { value } => operands.push(ConstOp::I32(value)),
            Operator::GlobalGet {
                global_index: global,
            } => {
                let constant = !module.globals[global as usize].ty.mutable;
                operands.push(constant.then_some(ConstOp::GlobalGet(global))?);
            }
            Operator::I32Add => operands.push(ConstOp::I32Add),
            Operator::MemoryFill { mem: 0 } => {
                let [address @ .., ConstOp::I32(0), ConstOp::I32(bytes)] = &operands[..] else {
                    return None;
                };
                let Known::MemoryBase(offset) = evaluate(address, module)? else {
                    return None;
                };
                found.push(room(offset as u32, *bytes as u32 as usize, module)?);
                operands.clear();
            }
            Operator::End => return operands.is_empty().then_some(found),
            _ => return None,
        }
    }
}

/// What the module's segments give contents to, from the memory base; none if one may
/// be anywhere.
fn contents(module: &Module<'_>) -> Option<Vec<Range<u64>>> {
    let mut found = Vec::new();
    for data in &module.data {
        let offset = match &data.mode {
            DataMode::Static { offset } => *offset,
            DataMode::Active { memory: 0, offset } => match evaluate(offset, module)? {
                Known::MemoryBase(offset) => offset as u32,
                _ => return None,
            },
            DataMode::Active { .. } | DataMode::Passive => continue,
        };
        found.push(room(offset, data.bytes.len(), module)?);
    }
    Some(found)
}

/// So many bytes of the module's room.
fn room(offset: u32, bytes: usize, module: &Module<'_>) -> Option<Range<u64>> {
    let range = u64::from(offset)..u64::from(offset) + bytes as u64;
    let room = module.linking.placement?.memory_size;
    (range.end <= room.into()).then_some(range)
}
