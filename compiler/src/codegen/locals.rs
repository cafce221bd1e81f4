//! Where the values of locals are in compiled code.

use std::collections::HashMap;

use cranelift_codegen::ir::{Function, Value, ValueLabel};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CompiledCode, LabelValueLoc, RegClass};

use crate::code::{LocalValue, Locals, PlaceOfValue, ValuePlace};
use crate::machine::FRAME_RECORD;
use crate::translate::{Known, Watch};

/// Finds the places of what is known of locals; `labels` are those by which the
/// code generator speaks of values.
pub(super) fn places(
    compiled: &CompiledCode,
    func: &Function,
    watch: &Watch,
    labels: &HashMap<Value, u32>,
    isa: &dyn TargetIsa,
) -> Locals {
    let mut values = vec![Vec::new(); labels.len()];
    let mut calls: Vec<u32> = compiled
        .buffer
        .call_sites()
        .map(|site| site.ret_addr)
        .collect();
    calls.sort_unstable();
    for (&value, &label) in labels {
        let bytes = func.dfg.value_type(value).bytes() as u8;
        let ranges = compiled
            .value_labels_ranges
            .get(&ValueLabel::from_u32(label));
        for range in ranges.into_iter().flatten() {
            let at = match range.loc {
                LabelValueLoc::Reg(register) => {
                    let number = isa.map_regalloc_reg_to_dwarf(register).ok();
                    number.map(match register.class() {
                        RegClass::Int => PlaceOfValue::Register,
                        _ => PlaceOfValue::Vector,
                    })
                }
                LabelValueLoc::CFAOffset(offset) => Some(PlaceOfValue::Frame(offset)),
            };
            values[label as usize].extend(at.map(|at| ValuePlace {
                code: range.start..end_before_call(&calls, at, range.end),
                at,
                bytes,
            }));
        }
    }
    let slots = frame_slots(compiled, func);
    let mut known: Vec<LocalValue> = Vec::new();
    for local in &watch.known {
        let value = match local.known {
            Known::Value(value) => labels.get(&value).copied(),
            Known::Slot(offset, bytes) => slots.map(|base| {
                values.push(vec![ValuePlace {
                    code: 0..u32::MAX,
                    at: PlaceOfValue::Frame(base + i64::from(offset)),
                    bytes,
                }]);
                values.len() as u32 - 1
            }),
        };
        known.extend(value.map(|value| LocalValue {
            local: local.local,
            wasm: local.wasm.clone(),
            value,
        }));
    }
    known.sort_by_key(|known| (known.local, known.wasm.start));
    Locals { known, values }
}

/// Where a place ends. A caller's frame is looked at by the last byte of its call: what
/// a register has up to there is the callee's by then.
fn end_before_call(calls: &[u32], at: PlaceOfValue, end: u32) -> u32 {
    let is_register = !matches!(at, PlaceOfValue::Frame(_));
    match is_register && calls.binary_search(&end).is_ok() {
        true => end.saturating_sub(1),
        false => end,
    }
}

/// Distance of the locals' stack slot from the canonical frame address.
fn frame_slots(compiled: &CompiledCode, func: &Function) -> Option<i64> {
    let slot = func.sized_stack_slots.keys().next()?;
    let frame = compiled.buffer.frame_layout()?;
    let offset = frame.stackslots.get(slot)?.offset;
    Some(i64::from(offset) - i64::from(frame.frame_to_fp_offset) - FRAME_RECORD)
}
