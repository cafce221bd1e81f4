//! Functions of other modules of a prelinked set that stand in the place of
//! calls of the imports that are bound to them.
//!
//! What such a body may refer to is what its own module and the caller's have
//! in common: memory 0 and the stack pointer of the domain. So it is read as it
//! is, in the place of the call, with nothing of its module but the code.

use wasmaot_abi::types::ValType;
use wasmparser::{BlockType, FunctionBody, Operator};

use crate::inline::Summary;
use crate::module::{GlobalPlace, Module};

/// A function of another module.
pub(crate) struct Foreign<'m> {
    /// The imported function whose calls it stands for.
    pub import: u32,
    /// Soname of its object, NUL, its name.
    pub name: String,
    pub body: &'m FunctionBody<'m>,
}

/// Functions of other modules; their numbers follow those of the module's own.
#[derive(Default)]
pub(crate) struct Foreigners<'m> {
    first: u32,
    /// By ascending import.
    list: Vec<Foreign<'m>>,
}

impl<'m> Foreigners<'m> {
    /// Those that may stand for imports of a module, each with the module and
    /// the number there of the function that it is bound to.
    pub fn of(
        module: &Module<'_>,
        bound: impl IntoIterator<Item = (u32, &'m Module<'m>, u32)>,
    ) -> Self {
        let found = bound.into_iter().filter_map(|(import, other, func)| {
            let number = func.checked_sub(other.imported_funcs())?;
            let body = &other.bodies.get(number as usize)?.body;
            let dynamic = module.linking.is_dynamic() && other.linking.is_dynamic();
            let same = module.func_type(import) == other.func_type(func);
            // As all of one domain, if it has one.
            let memory = !module.memories.is_empty() && !other.memories.is_empty();
            let usable = dynamic && same && is_usable(body, other, memory);
            usable.then(|| Foreign {
                import,
                name: format!("{}\0{}", other.soname(), other.func_name(func)),
                body,
            })
        });
        let mut list: Vec<_> = found.collect();
        list.sort_by_key(|f| f.import);
        Self {
            first: module.funcs.len() as u32,
            list,
        }
    }

    /// Number of the function that stands for an import.
    pub fn number_of(&self, import: u32) -> Option<u32> {
        let at = self.list.binary_search_by_key(&import, |f| f.import).ok()?;
        Some(self.first + at as u32)
    }

    /// A function by its number; `None` for one of the module's own.
    pub fn get(&self, number: u32) -> Option<&Foreign<'m>> {
        self.list.get(number.checked_sub(self.first)? as usize)
    }

    /// Their numbers and names.
    pub fn names(&self) -> impl Iterator<Item = (u32, &str)> {
        let list = (self.first..).zip(&self.list);
        list.map(|(number, f)| (number, &*f.name))
    }
}

/// Whether a body is small, makes no calls, and refers to nothing but what it
/// shares with every module of the domain, its memory if there is one.
fn is_usable(body: &FunctionBody<'_>, module: &Module<'_>, memory: bool) -> bool {
    let Ok(operators) = body.get_operators_reader() else {
        return false;
    };
    let start = body.range().start;
    let bytes = body.as_bytes();
    let mut operators = operators.into_iter_with_offsets();
    Summary::of(body).is_small_leaf()
        && operators.all(|op| {
            op.is_ok_and(|(op, offset)| {
                let at = offset.checked_sub(start).map(|at| at as usize);
                let code = at.and_then(|at| bytes.get(at..)).unwrap_or_default();
                is_common(&op, code, module, memory)
            })
        })
}

/// Whether an operator means the same in every module of the domain. `code` is
/// where it stands.
fn is_common(op: &Operator<'_>, code: &[u8], module: &Module<'_>, memory: bool) -> bool {
    match op {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            !matches!(blockty, BlockType::FuncType(_))
        }
        Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
            let global = module.globals.get(*global_index as usize);
            global.is_some_and(|g| {
                g.ty.val == ValType::I32 && matches!(g.place, GlobalPlace::StackPointer { .. })
            })
        }
        _ => match *code {
            // unreachable, nop; else, end, br, br_if, br_table, return; drop,
            // select; local.*; constants and all that is computed from values.
            [0x00 | 0x01 | 0x05 | 0x0b..=0x0f | 0x1a | 0x1b, ..]
            | [0x20..=0x22 | 0x41..=0xc4, ..] => true,
            // Loads and stores: bit 6 announces the number of a memory.
            [0x28..=0x3e, flags, ..] => flags & 0x40 == 0 && memory,
            // Conversions that saturate.
            [0xfc, 0..=7, ..] => true,
            _ => false,
        },
    }
}
