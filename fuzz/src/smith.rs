//! Random modules, by wasm-smith, of the features that wasmaot has.

use std::panic::catch_unwind;

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};
use wasmaot_abi::types::ValType;
use wasmaot_test_agent::case::{Export, Type};

use crate::{Random, interface};

/// A random module that ends whatever is called. `imports`: what it may import,
/// and from which modules.
pub fn module(random: &mut Random, imports: &[(String, Export)]) -> Vec<u8> {
    loop {
        let config = config(random, imports);
        let len = 200 << random.below(8);
        let entropy = random.bytes(len);
        // wasm-smith has assertions of its own that fail at times.
        let made = catch_unwind(|| Module::new(config, &mut Unstructured::new(&entropy)));
        let fuel = 50 << random.below(8);
        // Too little entropy for what the configuration demands: try again.
        let Ok(Ok(mut module)) = made else { continue };
        if module.ensure_termination(fuel).is_ok() {
            let wasm = module.to_bytes();
            if !waits(&wasm) {
                return wasm;
            }
        }
    }
}

/// Whether a module may wait for another thread, of which there is none.
fn waits(wasm: &[u8]) -> bool {
    use wasmparser::{Operator, Parser, Payload};
    let bodies = Parser::new(0)
        .parse_all(wasm)
        .filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
            _ => None,
        });
    bodies.flatten().any(|operator| {
        let wait = |operator| {
            matches!(
                operator,
                Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. }
            )
        };
        operator.is_ok_and(wait)
    })
}

fn config(random: &mut Random, imports: &[(String, Export)]) -> Config {
    let mut config = features(random);
    let text: String = imports
        .iter()
        .filter(|(_, export)| allows(&config, &export.ty))
        .map(|(module, export)| interface::import(module, export))
        .collect();
    if !text.is_empty() {
        let text = format!("(module {text})");
        config.available_imports = Some(wat::parse_str(text).expect("imports are right"));
    }
    config
}

/// Whether a module of these features can import such a thing.
fn allows(config: &Config, ty: &Type) -> bool {
    let exception = |ty: &ValType| *ty == ValType::EXN_REF;
    let wide = match ty {
        Type::Func(ty) => {
            let types = ty.params.iter().chain(&ty.results);
            return config.exceptions_enabled || !types.into_iter().any(exception);
        }
        Type::Global(ty) => return config.exceptions_enabled || !exception(&ty.val),
        Type::Tag(_) => return config.exceptions_enabled,
        Type::Table(ty) if exception(&ty.elem) && !config.exceptions_enabled => return false,
        Type::Table(ty) => ty.index.is_wide(),
        Type::Memory(ty) if ty.shared && !config.threads_enabled => return false,
        Type::Memory(ty) if ty.page_log2 != 16 && !config.custom_page_sizes_enabled => {
            return false;
        }
        Type::Memory(ty) => ty.index.is_wide(),
    };
    config.memory64_enabled || !wide
}

fn features(random: &mut Random) -> Config {
    let max_funcs = 1 + random.below(12);
    Config {
        max_imports: 0,
        min_funcs: 1 + random.below(3),
        max_funcs: max_funcs + 10,
        max_instructions: 10 << random.below(7),
        max_types: 1 + random.below(12),
        max_type_size: 1000,
        max_globals: 10 + random.below(10),
        max_memories: 2 + random.below(3),
        max_tables: 2 + random.below(4),
        max_element_segments: random.below(6),
        max_elements: 1 + random.below(20),
        max_data_segments: random.below(6),
        max_nesting_depth: 1 + random.below(8),
        min_memories: random.below(2) as u32,
        min_tables: random.below(2) as u32,
        max_memory32_bytes: 1 << (16 + random.below(8)),
        memory_max_size_required: true,
        max_table_elements: 1 << random.below(12),
        table_max_size_required: true,
        memory_offset_choices: random
            .pick(&[
                MemoryOffsetChoices(90, 9, 1),
                MemoryOffsetChoices(1, 1, 1),
                MemoryOffsetChoices(1, 0, 0),
            ])
            .clone(),
        export_everything: !random.once_in(4),
        canonicalize_nans: true,
        allowed_instructions: instructions(random),
        generate_custom_sections: random.once_in(8),
        min_uleb_size: if random.once_in(8) { 4 } else { 1 },
        simd_enabled: !random.once_in(4),
        bulk_memory_enabled: !random.once_in(8),
        reference_types_enabled: !random.once_in(8),
        multi_value_enabled: !random.once_in(8),
        tail_call_enabled: !random.once_in(4),
        extended_const_enabled: !random.once_in(4),
        acquire_release_atomics_enabled: false,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: random.once_in(8),
        exceptions_enabled: random.once_in(2),
        gc_enabled: false,
        max_memory64_bytes: 1 << (16 + random.below(8)),
        max_tags: 1 + random.below(6),
        memory64_enabled: random.once_in(4),
        multibyte_array_access_enabled: false,
        // Its results may differ between CPUs.
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: random.once_in(8),
        wide_arithmetic_enabled: random.once_in(4),
        ..Config::default()
    }
}

/// All instructions, or some kinds alone, which then meet more often.
fn instructions(random: &mut Random) -> InstructionKinds {
    if random.once_in(2) {
        return InstructionKinds::all();
    }
    let kinds: Vec<_> = [
        InstructionKind::Numeric,
        InstructionKind::Vector,
        InstructionKind::Reference,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
    ]
    .into_iter()
    .filter(|_| random.once_in(2))
    .collect();
    InstructionKinds::new(&kinds)
}
