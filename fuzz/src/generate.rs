//! Random differential cases.

use wasmaot_abi::types::ValType;
use wasmaot_test_agent::case::{
    Call, Case, Export, HOST, Type, Unit, Value, host_types, number_value,
};

use crate::interface::{self, PROBE};
use crate::{File, Random, smith};

/// What stands beside random modules: it exports what they import.
const SUPPORT: &str = include_str!("support.wat");

/// A random case of that many random modules.
pub fn case(seed: u64, modules: usize) -> Case {
    let mut random = Random::new(seed);
    let support = wat::parse_str(SUPPORT).expect("the support module is right");
    let mut units = vec![unit("s", support)];
    for number in 0..modules {
        let imports = imports(&mut random, &units);
        let wasm = smith::module(&mut random, &imports);
        units.push(unit(&format!("m{number}"), wasm));
    }
    for seen in units.clone() {
        if let Some(text) = interface::probe(&seen.name, &seen.exports) {
            let wasm = wat::parse_str(text).expect("a probe is right");
            units.push(unit(&format!("probe {}", seen.name), wasm));
        }
    }
    let rounds = rounds(&mut random, &units);
    Case {
        units,
        rounds,
        seed,
    }
}

fn unit(name: &str, wasm: Vec<u8>) -> Unit {
    let exports = interface::exports(&wasm).expect("what is generated is valid");
    Unit {
        name: name.to_owned(),
        wasm,
        exports,
    }
}

/// What the next may import, and from which module: what the earlier ones
/// export, and the host functions.
fn imports(random: &mut Random, units: &[Unit]) -> Vec<(String, Export)> {
    let mut found = Vec::new();
    if units.len() == 1 && random.once_in(3) {
        return found;
    }
    if random.once_in(2) {
        for (number, ty) in host_types().into_iter().enumerate() {
            let name = format!("f{number}");
            let ty = Type::Func(ty);
            found.push((HOST.to_owned(), Export { name, ty }));
        }
    }
    for unit in units {
        // Rarely one that does not fit: both engines must refuse it.
        let wrong = random.once_in(64);
        for export in &unit.exports {
            let mut export = export.clone();
            match &mut export.ty {
                Type::Memory(ty) if random.once_in(4) => {
                    // A shared memory has a largest size.
                    ty.max = ty.max.filter(|_| ty.shared);
                    ty.min = if wrong { ty.min + 1 } else { ty.min / 2 };
                }
                Type::Table(ty) if random.once_in(4) => {
                    ty.max = ty
                        .max
                        .map(|max| if wrong { ty.min.max(max / 2) } else { max + 1 });
                }
                Type::Global(ty) if wrong => ty.mutable = !ty.mutable,
                _ => {}
            }
            found.push((unit.name.clone(), export));
        }
    }
    found
}

/// Every exported function with some arguments, in random order, in rounds
/// that end with the probes.
fn rounds(random: &mut Random, units: &[Unit]) -> Vec<Vec<Call>> {
    let (mut calls, mut probes) = (Vec::new(), Vec::new());
    for (number, unit) in units.iter().enumerate() {
        for export in &unit.exports {
            let Type::Func(ty) = &export.ty else { continue };
            let mut call = || Call {
                unit: number,
                name: export.name.clone(),
                args: ty.params.iter().map(|&ty| argument(random, ty)).collect(),
            };
            if unit.name.starts_with("probe") && export.name == PROBE {
                probes.push(call());
            } else {
                calls.extend([call(), call(), call()]);
            }
        }
    }
    for i in (1..calls.len()).rev() {
        calls.swap(i, random.below(i + 1));
    }
    calls.truncate(48);
    let mut rounds: Vec<Vec<Call>> = calls.chunks(8).map(<[_]>::to_vec).collect();
    if rounds.is_empty() {
        rounds.push(Vec::new());
    }
    for round in &mut rounds {
        round.extend_from_slice(&probes);
    }
    rounds
}

fn argument(random: &mut Random, ty: ValType) -> Value {
    match ty {
        ValType::FuncRef => Value::Func(false),
        ValType::EXN_REF => Value::Exn(false),
        ValType::ExternRef => Value::Extern(random.below(5) as u32),
        ty => number_value(random, ty),
    }
}

/// The modules of a case.
pub fn files(case: &Case) -> Vec<File> {
    let units = case.units.iter().enumerate();
    units
        .map(|(i, unit)| (format!("{i}-{}.wasm", unit.name), unit.wasm.clone()))
        .collect()
}
