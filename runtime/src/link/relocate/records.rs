//! Function records: what references to functions lead to.

use std::sync::Arc;

use wasmaot_abi::context::{FuncRef, TABLE_ENTRY_SIZE};

use super::{path, target};
use crate::error::Result;
use crate::link::functions::{Function, callable};
use crate::link::linker::Linker;
use crate::link::state::Instance;
use crate::object::bad;
use crate::sys::PAGE;

/// Bytes of function records that are written at once.
const CHUNK: usize = 1024;
/// As many records are filled, needed or not: they are on one page.
const FEW: u32 = (PAGE / TABLE_ENTRY_SIZE) as u32;

/// Fills the function records that an instance needs, or all, if they are few.
pub(super) fn needed_records(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    let object = &linker.state.instances[id].object;
    let all = object.functions().len() as u32;
    let needed = object.info().needed_funcrefs;
    records(linker, id, if all <= FEW { all } else { needed })
}

/// Fills the function records of a loaded instance up to a number, and those
/// that are filled again; they are in its RELRO part.
pub(super) fn refill_records(linker: &mut Linker<'_>, id: usize, count: u32) -> Result<()> {
    let relro = linker.state.instances[id].object.layout().relro.clone();
    let sealed = linker.state.instances[id].sealed;
    if sealed {
        linker.state.instances[id].image.set_writable(relro, true)?;
    }
    records(linker, id, count)?;
    match sealed {
        true => linker.state.instances[id].seal(),
        false => Ok(()),
    }
}

/// Writes the first `count` function records of an instance.
fn records(linker: &mut Linker<'_>, id: usize, count: u32) -> Result<()> {
    let object = Arc::clone(&linker.state.instances[id].object);
    let thunked = linker.state.many_domains();
    let imported = object.info().imported_funcrefs;
    let load_address = linker.state.instances[id].address(0);
    let first = load_address + object.funcrefs() - linker.space.code.range().start;
    let mut vaddr = object.funcrefs();
    let mut bytes = Vec::with_capacity(CHUNK);
    for (number, own) in (0..count).zip(object.functions()) {
        let code = match number < imported || thunked {
            true => {
                let function = function_of_record(linker, id, number)?;
                callable(linker, function, None)?
            }
            false => load_address + u64::from(own.value),
        };
        let record = first as u32 + number * TABLE_ENTRY_SIZE as u32;
        bytes.extend(code.to_le_bytes());
        bytes.extend(own.type_id.to_le_bytes());
        bytes.extend(record.to_le_bytes());
        if bytes.len() == CHUNK {
            linker.state.instances[id].write_bytes(vaddr, &bytes)?;
            vaddr += CHUNK as u64;
            bytes.clear();
        }
    }
    linker.state.instances[id].write_bytes(vaddr, &bytes)?;
    let instance = &mut linker.state.instances[id];
    instance.records = count;
    instance.thunked = thunked;
    Ok(())
}

/// An instance's function record as written.
pub(super) fn record(instance: &Instance, number: u32) -> Result<FuncRef> {
    let bytes: [u8; 16] = instance.read(instance.record_vaddr(number))?;
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    Ok(FuncRef {
        code: u64::from(word(0)) | u64::from(word(4)) << 32,
        type_id: word(8),
        record: word(12),
    })
}

/// The function of a record of an instance.
pub(super) fn function_of_record(
    linker: &mut Linker<'_>,
    id: usize,
    number: u32,
) -> Result<Function> {
    let instance = &linker.state.instances[id];
    let info = instance.object.info();
    let record = instance.object.function(number);
    let record = record.ok_or_else(|| bad(path(&instance.object), "no function record"))?;
    if number >= info.imported_funcrefs {
        return Ok(Function {
            code: instance.address(record.value.into()),
            domain: Some(instance.domain),
            type_id: Some(record.type_id),
        });
    }
    let (target, object) = (
        target(linker.view(), id, record.value),
        Arc::clone(&instance.object),
    );
    linker
        .function(target)?
        .ok_or_else(|| bad(path(&object), "a function record of no function"))
}
