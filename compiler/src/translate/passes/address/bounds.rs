//! What is known of integers: how large they may be, and which of their bits
//! may be set.

use std::collections::HashMap;

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Type, Value, ValueDef};

/// How many definitions are followed from a value. What lies behind is not
/// known, and neither is what comes from several places.
const DEPTH: u32 = 8;

/// What is known of an integer of at most 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::translate::passes) struct Known {
    /// The largest value, unsigned.
    pub max: u64,
    /// The bits that may be set.
    pub bits: u64,
}

impl Known {
    fn new(max: u64, bits: u64) -> Self {
        let below = |max: u64| u64::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        let bits = bits & below(max);
        let max = max.min(bits);
        Self { max, bits }
    }

    /// At most a number.
    fn at_most(max: u64) -> Self {
        Self::new(max, u64::MAX)
    }

    fn constant(value: u64) -> Self {
        Self::new(value, value)
    }

    fn of_bits(bits: u64) -> Self {
        Self::new(bits, bits)
    }

    /// A number of low bits that are all zero.
    fn zeros(self) -> u32 {
        self.bits.trailing_zeros()
    }
}

/// All values of a type.
fn mask(ty: Type) -> u64 {
    u64::MAX >> (64 - ty.bits().clamp(1, 64))
}

/// What is known of the values of a function.
pub(in crate::translate::passes) struct Bounds {
    known: SecondaryMap<Value, Option<Known>>,
    /// The largest values of loops' counters.
    counters: HashMap<Value, u64>,
}

impl Bounds {
    pub fn new(counters: HashMap<Value, u64>) -> Self {
        Self {
            known: SecondaryMap::new(),
            counters,
        }
    }

    /// What is known of a value.
    pub fn of(&mut self, func: &Function, value: Value) -> Known {
        self.follow(func, value, DEPTH)
    }

    fn follow(&mut self, func: &Function, value: Value, depth: u32) -> Known {
        let value = func.dfg.resolve_aliases(value);
        if let Some(known) = self.known[value] {
            return known;
        }
        let all = mask(func.dfg.value_type(value));
        let known = match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) if depth > 0 => {
                let data = func.dfg.insts[inst];
                let found = self.result(func, &data, all, depth - 1);
                found.unwrap_or(Known::at_most(all))
            }
            _ => return Known::at_most(self.counters.get(&value).copied().unwrap_or(all)),
        };
        let known = Known::new(known.max.min(all), known.bits & all);
        self.known[value] = Some(known);
        known
    }

    /// What is known of an instruction's result; `all`: the values of its type.
    fn result(
        &mut self,
        func: &Function,
        data: &InstructionData,
        all: u64,
        depth: u32,
    ) -> Option<Known> {
        let most = Known::at_most;
        Some(match *data {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Known::constant(imm.bits() as u64 & all),
            InstructionData::Unary { opcode, arg } => {
                let bits = u64::from(func.dfg.value_type(arg).bits());
                match opcode {
                    Opcode::Uextend | Opcode::Ireduce if bits <= 64 => {
                        let arg = self.follow(func, arg, depth);
                        match arg.max <= all {
                            true => arg,
                            false => Known::of_bits(arg.bits & all),
                        }
                    }
                    Opcode::Popcnt | Opcode::Clz | Opcode::Ctz => most(bits),
                    _ => return None,
                }
            }
            InstructionData::Binary { opcode, args } => {
                let [a, b] = args.map(|arg| self.follow(func, arg, depth));
                binary(opcode, a, b, constant(func, args[1]), all)?
            }
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args: [_, a, b],
            } => {
                let [a, b] = [a, b].map(|arg| self.follow(func, arg, depth));
                Known::new(a.max.max(b.max), a.bits | b.bits)
            }
            InstructionData::Load { opcode, .. } => match opcode {
                Opcode::Uload8 => most(u8::MAX.into()),
                Opcode::Uload16 => most(u16::MAX.into()),
                Opcode::Uload32 => most(u32::MAX.into()),
                _ => return None,
            },
            InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. } => most(1),
            _ => return None,
        })
    }
}

/// The value of a constant.
pub(in crate::translate::passes) fn constant(func: &Function, value: Value) -> Option<u64> {
    let value = func.dfg.resolve_aliases(value);
    let inst = func.dfg.value_def(value).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => Some(imm.bits() as u64 & mask(func.dfg.value_type(value))),
        _ => None,
    }
}

/// What is known of the result of an operation on two integers; `constant`: the
/// second, if it is one.
fn binary(opcode: Opcode, a: Known, b: Known, constant: Option<u64>, all: u64) -> Option<Known> {
    let fits = |max: Option<u64>| max.filter(|&max| max <= all);
    // Sums of multiples of a power of two are such multiples, wrapped or not.
    let multiples = |zeros: u32| all.checked_shl(zeros).unwrap_or(0) & all;
    let amount = constant.filter(|&by| by < 64 && all >> by > 0);
    Some(match opcode {
        Opcode::Band => Known::new(a.max.min(b.max), a.bits & b.bits),
        Opcode::Bor | Opcode::Bxor => Known::of_bits(a.bits | b.bits),
        Opcode::Iadd => {
            let multiples = multiples(a.zeros().min(b.zeros()));
            Known::new(fits(a.max.checked_add(b.max)).unwrap_or(all), multiples)
        }
        Opcode::Isub => Known::of_bits(multiples(a.zeros().min(b.zeros()))),
        Opcode::Imul => {
            let multiples = multiples(a.zeros().saturating_add(b.zeros()));
            Known::new(fits(a.max.checked_mul(b.max)).unwrap_or(all), multiples)
        }
        Opcode::Ishl => {
            let by = amount?;
            let max = a.max.checked_mul(1 << by);
            Known::new(fits(max).unwrap_or(all), a.bits << by & all)
        }
        Opcode::Ushr => {
            let by = amount?;
            Known::new(a.max >> by, a.bits >> by)
        }
        Opcode::Sshr if a.max <= all >> 1 => {
            let by = amount?;
            Known::new(a.max >> by, a.bits >> by)
        }
        Opcode::Udiv => Known::at_most(a.max.checked_div(constant?)?),
        Opcode::Urem => Known::at_most(a.max.min(constant?.checked_sub(1)?)),
        Opcode::Umin => Known::at_most(a.max.min(b.max)),
        Opcode::Umax => Known::at_most(a.max.max(b.max)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of what an integer of 6 bits can be known to be.
    fn some_known() -> Vec<Known> {
        let maxima = [0, 1, 2, 3, 5, 8, 12, 31, 40, 63];
        let bits = [0, 1, 4, 6, 12, 24, 31, 40, 60, 63];
        let pairs = maxima
            .iter()
            .flat_map(|&max| bits.iter().map(move |&bits| Known::new(max, bits)));
        pairs.collect()
    }

    fn members(known: Known) -> impl Iterator<Item = u64> {
        (0..64).filter(move |v| *v <= known.max && v & !known.bits == 0)
    }

    #[test]
    fn what_is_known_of_a_result_holds_for_every_operand() {
        const ALL: u64 = 63;
        type Operation = fn(u64, u64) -> u64;
        let operations: [(Opcode, Operation); 13] = [
            (Opcode::Band, |a, b| a & b),
            (Opcode::Bor, |a, b| a | b),
            (Opcode::Bxor, |a, b| a ^ b),
            (Opcode::Iadd, |a, b| a + b),
            (Opcode::Isub, |a, b| a.wrapping_sub(b)),
            (Opcode::Imul, |a, b| a * b),
            (Opcode::Ishl, |a, b| a << b),
            (Opcode::Ushr, |a, b| a >> b),
            (Opcode::Sshr, |a, b| ((a as i64) << 58 >> 58 >> b) as u64),
            (Opcode::Udiv, |a, b| a.checked_div(b).unwrap_or(0)),
            (Opcode::Urem, |a, b| a.checked_rem(b).unwrap_or(0)),
            (Opcode::Umin, |a, b| a.min(b)),
            (Opcode::Umax, |a, b| a.max(b)),
        ];
        for (opcode, operation) in operations {
            let shift = matches!(opcode, Opcode::Ishl | Opcode::Ushr | Opcode::Sshr);
            let mut found = 0;
            for a in some_known() {
                let seconds = (0..=5).map(|c| (Known::constant(c), Some(c)));
                let more = some_known().into_iter().map(|b| (b, None));
                for (b, constant) in seconds.chain(more.filter(|_| !shift)) {
                    let Some(known) = binary(opcode, a, b, constant, ALL) else {
                        continue;
                    };
                    found += 1;
                    let seconds = || members(b).filter(|&y| constant.is_none_or(|c| c == y));
                    for (x, y) in members(a).flat_map(|x| seconds().map(move |y| (x, y))) {
                        let result = operation(x, y) & ALL;
                        let holds = result <= known.max && result & !known.bits == 0;
                        assert!(holds, "{opcode} {x} {y}: {known:?}");
                    }
                }
            }
            assert!(found > 100, "{opcode}");
        }
    }
}
