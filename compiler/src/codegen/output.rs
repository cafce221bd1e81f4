//! What the code generator says of a function that it has compiled.

use cranelift_codegen::ir::{self, function::FunctionParameters};
use cranelift_codegen::{
    CompiledCode, FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget, MachTrap,
};
use wasmaot_abi::maps::lines::{Line, encode_stream};
use wasmaot_abi::trap::TrapCode;

use crate::code::{Reloc, Target, TryCall, TryHandler};
use crate::machine::Backend;
use crate::translate::Origins;

/// A relocation; `None` for what the code generator should never ask for.
pub(super) fn reloc(
    backend: &dyn Backend,
    reloc: &FinalizedMachReloc,
    params: &FunctionParameters,
) -> Option<Reloc> {
    let FinalizedRelocTarget::ExternalName(name) = &reloc.target else {
        return None;
    };
    Some(Reloc {
        offset: reloc.offset,
        kind: backend.code_reloc(reloc.kind)?,
        target: Target::of(name, params)?,
        addend: reloc.addend,
    })
}

/// Trap sites in ascending order. Accesses to memory are not listed: that
/// they may fault follows from the address.
pub(super) fn traps(found: &[MachTrap]) -> Vec<(u32, TrapCode)> {
    let sites = found.iter().filter_map(|t| Some((t.offset, trap(t.code)?)));
    let mut sites: Vec<_> = sites.collect();
    sites.sort_by_key(|&(offset, _)| offset);
    sites
}

fn trap(code: ir::TrapCode) -> Option<TrapCode> {
    match code {
        ir::TrapCode::STACK_OVERFLOW => Some(TrapCode::StackOverflow),
        ir::TrapCode::INTEGER_OVERFLOW => Some(TrapCode::IntegerOverflow),
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => Some(TrapCode::IntegerDivideByZero),
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => Some(TrapCode::InvalidConversion),
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => None,
        other => TrapCode::from_byte(other.as_raw().get()),
    }
}

/// Where stretches of code are said to come from.
pub(super) fn sources(compiled: &CompiledCode) -> impl Iterator<Item = (u32, ir::SourceLoc)> {
    let stretches = compiled.buffer.get_srclocs_sorted().iter();
    stretches.map(|stretch| (stretch.start, stretch.loc))
}

/// Where each stretch of code comes from; neighbours of one origin are one.
pub(super) fn lines(
    sources: impl Iterator<Item = (u32, ir::SourceLoc)>,
    origins: &Origins,
) -> Vec<u8> {
    let mut lines: Vec<Line> = Vec::new();
    for (code, source) in sources {
        if source.is_default() {
            continue;
        }
        let (wasm, site) = origins.of(source);
        if lines
            .last()
            .is_none_or(|l| (l.wasm, l.site) != (wasm, site))
        {
            lines.push(Line { code, wasm, site });
        }
    }
    encode_stream(&lines, &origins.sites)
}

/// The calls with handlers; `None` for what the code generator should never
/// say.
pub(super) fn try_calls(compiled: &CompiledCode) -> Option<Vec<TryCall>> {
    let sites = compiled.buffer.call_sites();
    let guarded = sites.filter(|site| !site.exception_handlers.is_empty());
    guarded
        .map(|site| {
            let handlers = site
                .exception_handlers
                .iter()
                .map(|handler| match *handler {
                    FinalizedMachExceptionHandler::Tag(tag, offset) => {
                        Some(TryHandler::of(tag, offset))
                    }
                    _ => None,
                });
            Some(TryCall {
                offset: site.ret_addr,
                frame: site.frame_offset?,
                handlers: handlers.collect::<Option<_>>()?,
            })
        })
        .collect()
}
