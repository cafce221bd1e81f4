//! A differential case: modules that import from each other, and calls of
//! what they export. Both engines turn it into a list of [`Event`]s.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};
use wasmaot_runtime::Val;

use crate::random::Random;

/// Import module of the host functions.
pub const HOST: &str = "h";

/// A case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// In order of instantiation.
    pub units: Vec<Unit>,
    /// Calls, each round on fresh instances.
    pub rounds: Vec<Vec<Call>>,
    /// Determines what host functions answer.
    pub seed: u64,
}

/// A module of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Name it is registered under.
    pub name: String,
    /// The module, which who runs its object has no use for.
    #[serde(skip)]
    pub wasm: Vec<u8>,
    /// What it exports.
    pub exports: Vec<Export>,
}

/// An export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// The type of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Type {
    /// A function.
    Func(FuncType),
    /// A global.
    Global(GlobalType),
    /// A memory.
    Memory(MemoryType),
    /// A table.
    Table(TableType),
    /// An exception tag.
    Tag(FuncType),
}

/// A call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Number of the unit.
    pub unit: usize,
    /// Name of the export.
    pub name: String,
    /// The arguments.
    pub args: Vec<Value>,
}

/// A value as both engines can show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A number or vector: its type and bits.
    Bits(ValType, u128),
    /// A function reference: whether it is not null.
    Func(bool),
    /// A reference to an exception: whether it is not null.
    Exn(bool),
    /// A host's value; 0 is null.
    Extern(u32),
}

impl Value {
    /// What is shown of a value.
    pub fn of(value: Val) -> Self {
        match value {
            Val::FuncRef(address) => Self::Func(address != 0),
            Val::ExnRef(address) => Self::Exn(address != 0),
            Val::ExternRef(word) => Self::Extern(word as u32),
            other => Self::Bits(other.ty(), other.bits()),
        }
    }

    /// A value to give; of references to functions and exceptions there is only null.
    pub fn into_val(self) -> Val {
        match self {
            Self::Bits(ty, bits) => Val::from_bits(ty, bits),
            Self::Func(_) => Val::FuncRef(0),
            Self::Exn(_) => Val::ExnRef(0),
            Self::Extern(word) => Val::ExternRef(word.into()),
        }
    }
}

/// Why code stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The trap's name.
    pub reason: String,
    /// The innermost, as many as are compared.
    pub frames: Vec<Frame>,
    /// How many frames there are.
    pub depth: usize,
}

impl Stop {
    /// Frames that are compared.
    const KEPT: usize = 40;

    /// Of the frames that an engine shows, and how many it leaves out.
    pub fn new(reason: &str, frames: impl Iterator<Item = Frame>, omitted: usize) -> Self {
        let mut frames: Vec<Frame> = frames.collect();
        // wasmaot's init function, of which wasmtime has none.
        frames.pop_if(|(_, offset)| offset.is_none());
        let depth = frames.len() + omitted;
        frames.truncate(Self::KEPT);
        Self {
            reason: reason.to_owned(),
            frames,
            depth,
        }
    }
}

/// Module and offset of a wasm frame.
pub type Frame = (String, Option<u32>);

/// What can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Instantiation of a unit begins.
    Instantiate(String),
    /// It cannot be linked.
    Unlinkable,
    /// It, or a call, stops.
    Stop(Stop),
    /// A call begins.
    Call(String, String, Vec<Value>),
    /// A call returns.
    Return(Vec<Value>),
    /// A host function is called.
    Host(usize, Vec<Value>),
    /// A global's value.
    Global(String, Value),
    /// The native stack is used up, whose size is the engine's own affair:
    /// what follows cannot be compared.
    Exhausted,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop(stop) => {
                write!(f, "    stops: {}", stop.reason)?;
                for (module, offset) in stop.frames.iter().take(8) {
                    write!(f, " {module}@{:x}", offset.unwrap_or(u32::MAX))?;
                }
                write!(f, " ({} frames)", stop.depth)
            }
            other => write!(f, "{other:x?}"),
        }
    }
}

/// Types of the host functions, which are called `f0`, `f1`, ….
pub fn host_types() -> Vec<FuncType> {
    use ValType::{ExternRef, F32, F64, FuncRef, I32, I64, V128};
    vec![
        FuncType::default(),
        FuncType::new([I32], [I32]),
        FuncType::new(
            [I64, F32, F64, V128, I32, I64, I64, I64, I64, F32, F64],
            [F64],
        ),
        FuncType::new([ExternRef, FuncRef], [ExternRef]),
        FuncType::new([I32], [I32, I64, F32, F64, V128]),
        FuncType::new(
            [V128; 11],
            [I64, V128, I32, I32, I32, I32, I32, I32, I32, I32, I32, F32],
        ),
    ]
}

/// What host function `number` does at its `turn`th call in a round: its
/// results, or `None` to stop with a message.
pub fn host_answer(seed: u64, turn: u64, number: usize, args: &[Value]) -> Option<Vec<Value>> {
    let mut random = Random::new(seed ^ turn.wrapping_mul(0x1_0001));
    if random.once_in(24) {
        return None;
    }
    let ty = &host_types()[number];
    Some(
        ty.results
            .iter()
            .map(|&ty| match ty {
                // References come back: the engines' own cannot be made here.
                ValType::FuncRef => Value::Func(false),
                ValType::ExternRef => match args.first() {
                    Some(&Value::Extern(word)) => Value::Extern(word),
                    _ => Value::Extern(0),
                },
                ty => number_value(&mut random, ty),
            })
            .collect(),
    )
}

/// A number or vector: often one at which something changes.
pub fn number_value(random: &mut Random, ty: ValType) -> Value {
    const INTERESTING: &[u64] = &[
        0,
        1,
        2,
        7,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
        // As `f64`: 1, -0.5, 2^31, 2^63, the largest, infinity, a NaN.
        0x3ff0_0000_0000_0000,
        0xbfe0_0000_0000_0000,
        0x41e0_0000_0000_0000,
        0x43e0_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0x7ff8_0000_0000_0000,
        // As `f32`: 1, 2^31, infinity, a NaN.
        0x3f80_0000,
        0x4f00_0000,
        0x7f80_0000,
        0x7fc0_0000,
    ];
    let mut word = || match random.once_in(3) {
        true => random.bits(),
        false => *random.pick(INTERESTING),
    };
    let bits = u128::from(word()) | u128::from(word()) << 64;
    let mask = match ty.bytes() {
        4 => u32::MAX.into(),
        8 => u64::MAX.into(),
        _ => u128::MAX,
    };
    Value::Bits(ty, bits & mask)
}
