//! Random modules, by wasm-smith, of the features that wasmaot has.

use std::panic::catch_unwind;

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};

use crate::random::Random;

/// A random module that ends whatever is called. `imports`: a module whose
/// imports it may use; without one it imports nothing.
pub fn module(random: &mut Random, imports: Option<Vec<u8>>) -> Vec<u8> {
    loop {
        let config = config(random, imports.clone());
        let len = 200 << random.below(8);
        let entropy = random.bytes(len);
        // wasm-smith has assertions of its own that fail at times.
        let made = catch_unwind(|| Module::new(config, &mut Unstructured::new(&entropy)));
        let fuel = 50 << random.below(8);
        // Too little entropy for what the configuration demands: try again.
        let Ok(Ok(mut module)) = made else { continue };
        if module.ensure_termination(fuel).is_ok() {
            return module.to_bytes();
        }
    }
}

fn config(random: &mut Random, imports: Option<Vec<u8>>) -> Config {
    let max_funcs = 1 + random.below(12);
    Config {
        available_imports: imports,
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
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        multibyte_array_access_enabled: false,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
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
