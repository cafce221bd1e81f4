//! Linear memory for what the loader puts there while the program runs: from
//! the program's own allocator where it has one, else from the end of memory.
//! A module that is no dynamically linked program has such blocks too, for
//! messages.

use wasmaot_abi::context::WASM_PAGE;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::Process;
use crate::error::{Error, Result};
use crate::link::{Block, Target};
use crate::value::Val;

/// Takes zeroed memory of the program; `who` is named in the error.
pub(crate) fn allocate(process: &mut Process, bytes: u64, align: u64, who: &str) -> Result<Block> {
    match process.link.program.as_ref().map(|p| p.domain) {
        Some(domain) => allocate_in(process, domain, bytes, align, who),
        None => Err(full(who, bytes)),
    }
}

/// Takes zeroed memory of a domain.
pub(crate) fn allocate_in(
    process: &mut Process,
    domain: usize,
    bytes: u64,
    align: u64,
    who: &str,
) -> Result<Block> {
    let full = || full(who, bytes);
    let block = match from_program(process, domain, bytes, align, who)? {
        Some(block) => block,
        None => from_end(process, domain, bytes, align).ok_or_else(full)?,
    };
    let memory = process.space.domains[domain].view();
    memory.fill(block.at, bytes, 0).map_err(|_| full())?;
    Ok(block)
}

fn full(who: &str, bytes: u64) -> Error {
    Error::MemoryLimit {
        file: who.to_owned(),
        what: format!("no room for {bytes} bytes in the program's memory"),
    }
}

/// Gives memory back.
pub(crate) fn release(process: &mut Process, block: Block) {
    match block.pointer {
        // A program whose `free` stops has damaged its heap; the block is lost.
        Some(pointer) => _ = call(process, block.domain, "free", &[pointer], &[]),
        None => {
            if let Some(domain) = process.space.domains.get_mut(block.domain) {
                domain.spare.insert(block.at..block.at + block.bytes);
            }
        }
    }
}

/// From the program's allocator; `None` if it has none.
fn from_program(
    process: &mut Process,
    domain: usize,
    bytes: u64,
    align: u64,
    who: &str,
) -> Result<Option<Block>> {
    let offered = |name, params| function(process, domain, name, params, &[ValType::I32]).is_some();
    let frees = function(process, domain, "free", &[ValType::I32], &[]).is_some();
    if !frees || !offered("malloc", &[ValType::I32]) {
        return Ok(None);
    }
    let full = || Error::MemoryLimit {
        file: who.to_owned(),
        what: format!("the program's `malloc` has no {bytes} bytes"),
    };
    let word = |bytes: u64| u32::try_from(bytes).map_err(|_| full());
    // What `malloc` gives is aligned for any type; more takes room to move in.
    let spare = if align > 16 { align } else { 0 };
    let size = word(bytes + spare)?;
    let pointer = match call(process, domain, "malloc", &[size], &[ValType::I32]) {
        Some(Ok(values)) => match values[..] {
            [Val::I32(pointer)] if pointer != 0 => pointer.cast_unsigned(),
            _ => return Err(full()),
        },
        Some(Err(error)) => return Err(error),
        None => return Ok(None),
    };
    Ok(Some(Block {
        at: u64::from(pointer).next_multiple_of(align),
        bytes,
        domain,
        pointer: Some(pointer),
    }))
}

/// From the loader's own spare memory, or beyond the end.
fn from_end(process: &mut Process, domain: usize, bytes: u64, align: u64) -> Option<Block> {
    /// What is left free where the memory was empty: nothing is at address 0.
    const FIRST: u64 = 16;
    let number = domain;
    let domain = process.space.domains.get_mut(domain)?;
    let at = match domain.spare.take(bytes, align) {
        Some(at) => at,
        None => {
            let more = (bytes + align + FIRST).next_multiple_of(WASM_PAGE);
            let end = domain.grow_memory(more)?;
            domain.spare.insert(end.max(FIRST)..end + more);
            domain.spare.take(bytes, align)?
        }
    };
    Some(Block {
        at,
        bytes,
        domain: number,
        pointer: None,
    })
}

/// A function of the global scope, if it is of that type and in that domain.
fn function(
    process: &Process,
    domain: usize,
    name: &str,
    params: &[ValType],
    results: &[ValType],
) -> Option<(Target, FuncType)> {
    let ty = FuncType::new(params, results);
    let (view, mut scope) = (process.view(), process.link.scope.iter());
    let target = scope.find_map(|&id| view.export(id, name, SymbolKind::Function))?;
    let here = match target {
        Target::Symbol { instance, .. } => process.link.instances[instance].domain == domain,
        _ => false,
    };
    (here && view.type_of(target) == Some(&ty)).then_some((target, ty))
}

/// Calls a function of the program on the loader's behalf; `None` if there is
/// no such function. Meanwhile nothing can be opened or closed.
fn call(
    process: &mut Process,
    domain: usize,
    name: &str,
    params: &[u32],
    results: &[ValType],
) -> Option<Result<Vec<Val>>> {
    let types = vec![ValType::I32; params.len()];
    let args: Vec<Val> = params.iter().map(|p| Val::I32(p.cast_signed())).collect();
    // Whoever has had the lock until now may have closed what defines the function.
    let called = process.with_dl(|process| {
        let (target, ty) = function(process, domain, name, &types, results)?;
        let outer = std::mem::replace(&mut process.dl.busy, true);
        let called = process.call_target(target, &ty, &args);
        process.dl.busy = outer;
        Some(called)
    });
    let called = match called {
        Ok(called) => called?,
        Err(error) => return Some(Err(error)),
    };
    Some(called.map_err(|trap| Error::Init {
        file: "the program".to_owned(),
        function: if name == "free" { "free" } else { "malloc" },
        trap: Box::new(trap),
    }))
}
