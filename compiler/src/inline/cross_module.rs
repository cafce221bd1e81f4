//! Inlining of functions that another module of a prelinked set defines.
//!
//! An import is bound to such a function. Its body is translated in the place of
//! the call, as it stands in the other module. So whatever the body refers to must
//! exist in this module too. Memory 0 and the stack pointer belong to the domain,
//! which both share. A symbol means the same in all objects of a program, so this
//! module can import what the other imports. The address of the other's data is in
//! a slot of the GOT.

use std::collections::BTreeMap;

use wasmaot_abi::name::{GOT_FUNC, GOT_MEM};
use wasmaot_abi::types::{GlobalType, ValType};
use wasmaot_dylink::{ImportRole, SymbolFlags};
use wasmparser::{BlockType, FunctionBody};

use super::Summary;
use crate::module::{Global, GlobalInit, GlobalStorage, Import, Item, Module};
use crate::operator::Operator;

/// The body of a function of another module, and what its numbers mean in this one.
pub(crate) struct CrossModuleBody<'m> {
    /// The imported function whose calls the body replaces.
    pub import: u32,
    /// The soname of its object, a NUL, and its name.
    pub name: String,
    pub body: &'m FunctionBody<'m>,
    /// By the number of a global in its own module: what is read instead.
    globals: BTreeMap<u32, GlobalMeaning>,
    /// By the number of a function in its own module: the number in this one.
    functions: BTreeMap<u32, u32>,
}

/// What stands in this module for a global of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GlobalMeaning {
    StackPointer,
    /// A global of this module.
    Own(u32),
    Constant(ValType, [u8; 16]),
}

impl CrossModuleBody<'_> {
    /// What is read instead of a global of its own module.
    pub fn global(&self, global: u32) -> Option<GlobalMeaning> {
        self.globals.get(&global).copied()
    }

    /// The number in this module of a function that it calls.
    pub fn function(&self, func: u32) -> Option<u32> {
        self.functions.get(&func).copied()
    }

    /// The functions of this module that it replaces or calls.
    pub fn needs(&self) -> impl Iterator<Item = u32> {
        [self.import]
            .into_iter()
            .chain(self.functions.values().copied())
    }

    /// Whether it calls any function.
    pub fn calls(&self) -> bool {
        !self.functions.is_empty()
    }
}

/// The bodies of other modules that a module may inline. Their numbers follow those
/// of the module's own functions.
#[derive(Default)]
pub(crate) struct CrossModuleBodies<'m> {
    first: u32,
    /// By ascending import.
    list: Vec<CrossModuleBody<'m>>,
}

/// What an imported function is bound to: a function that another module of
/// the set defines.
pub(crate) struct BoundImport<'s, 'm> {
    /// The imported function.
    pub import: u32,
    pub module: &'m Module<'m>,
    /// Its number there.
    pub func: u32,
    /// What imported functions of that module are in this one: functions that
    /// it defines, if it is the program's main, or imports that are bound to the
    /// same. Functions of the set alone: the host's may ask who calls them.
    pub common: &'s BTreeMap<u32, u32>,
}

impl<'m> CrossModuleBodies<'m> {
    /// Those that may stand for imports of a module, which gets what they need.
    pub fn of<'s>(
        module: &mut Module<'m>,
        bound: impl IntoIterator<Item = BoundImport<'s, 'm>>,
    ) -> Self
    where
        'm: 's,
    {
        let mut list = Vec::new();
        for bound in bound {
            list.extend(cross_module_body(module, &bound));
        }
        list.sort_by_key(|f: &CrossModuleBody<'_>| f.import);
        Self {
            first: module.funcs.len() as u32,
            list,
        }
    }

    /// Number of the body that replaces calls of an import.
    pub fn number_of(&self, import: u32) -> Option<u32> {
        let at = self.list.binary_search_by_key(&import, |f| f.import).ok()?;
        Some(self.first + at as u32)
    }

    /// A function by its number; `None` for one of the module's own.
    pub fn get(&self, number: u32) -> Option<&CrossModuleBody<'m>> {
        self.list.get(number.checked_sub(self.first)? as usize)
    }

    /// Their numbers and names.
    pub fn names(&self) -> impl Iterator<Item = (u32, &str)> {
        let list = (self.first..).zip(&self.list);
        list.map(|(number, f)| (number, &*f.name))
    }
}

/// The function that an import is bound to, if it may stand for it.
fn cross_module_body<'m>(
    module: &mut Module<'m>,
    bound: &BoundImport<'_, 'm>,
) -> Option<CrossModuleBody<'m>> {
    let (import, other) = (bound.import, bound.module);
    let number = bound.func.checked_sub(other.imported_funcs())?;
    let body = &other.bodies.get(number as usize)?.body;
    let dynamic = module.linking.is_dynamic() && other.linking.is_dynamic();
    let same = module.func_type(import) == other.func_type(bound.func);
    // Where the stack pointer is, and how tables are read, is the module's matter.
    let threads = module.has_shared_memory() == other.has_shared_memory()
        || other.is_for_threads() && !other.has_shared_memory();
    if !(dynamic && same && threads && Summary::of(body).is_small()) {
        return None;
    }
    let references = References::of(body)?;
    // As all of one domain, if it has one.
    let memory = !module.memories.is_empty() && !other.memories.is_empty();
    (memory || !references.memory).then_some(())?;
    let functions = references.functions.iter();
    let functions = functions.map(|&func| Some((func, function(module, bound, func)?)));
    let functions = functions.collect::<Option<_>>()?;
    let known = |(&global, &set): (&u32, &bool)| Some((global, meaning(other, global, set)?));
    let globals = references.globals.iter().map(known);
    let globals: Vec<(u32, NeededGlobal<'m>)> = globals.collect::<Option<_>>()?;
    let globals = globals.into_iter().map(|(global, needed)| {
        let meaning = match needed {
            NeededGlobal::Known(meaning) => meaning,
            NeededGlobal::Base => GlobalMeaning::Own(own_base(module, import)),
            NeededGlobal::Symbol(role, name) => GlobalMeaning::Own(own_symbol(module, role, name)),
        };
        (global, meaning)
    });
    Some(CrossModuleBody {
        import,
        name: format!("{}\0{}", other.soname(), other.func_name(bound.func)),
        body,
        globals: globals.collect(),
        functions,
    })
}

/// What a body refers to outside of itself.
#[derive(Default)]
struct References {
    memory: bool,
    functions: Vec<u32>,
    /// Whether each is written.
    globals: BTreeMap<u32, bool>,
}

impl References {
    /// `None` for what has no meaning outside of its module.
    fn of(body: &FunctionBody<'_>) -> Option<Self> {
        let (start, bytes) = (body.range().start, body.as_bytes());
        let operators = body.get_operators_reader().ok()?;
        let mut references = Self::default();
        for op in Operator::all(operators) {
            let (op, offset) = op.ok()?;
            let code = bytes.get(offset.checked_sub(start)? as usize..)?;
            references.operator(&op, code).then_some(())?;
        }
        Some(references)
    }

    /// Takes an operator; false if it may mean something else in another
    /// module. `code` is where it stands.
    fn operator(&mut self, op: &Operator<'_>, code: &[u8]) -> bool {
        match *op {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                return !matches!(blockty, BlockType::FuncType(_));
            }
            Operator::GlobalGet { global_index } => {
                self.globals.entry(global_index).or_default();
                return true;
            }
            Operator::GlobalSet { global_index } => {
                self.globals.insert(global_index, true);
                return true;
            }
            Operator::Call { function_index } => {
                self.functions.push(function_index);
                return true;
            }
            _ => {}
        }
        match *code {
            // unreachable, nop; else, end, br, br_if, br_table, return; drop,
            // select; local.*; constants and all that is computed from values.
            [0x00 | 0x01 | 0x05 | 0x0b..=0x0f | 0x1a | 0x1b, ..]
            | [0x20..=0x22 | 0x41..=0xc4, ..] => true,
            // Loads and stores: bit 6 announces the number of a memory.
            [0x28..=0x3e, flags, ..] => {
                self.memory = true;
                flags & 0x40 == 0
            }
            // Conversions that saturate.
            [0xfc, 0..=7, ..] => true,
            _ => false,
        }
    }
}

/// What a body needs in this module in the place of a global.
enum NeededGlobal<'m> {
    Known(GlobalMeaning),
    /// Where the data of its object are.
    Base,
    /// What the loader gives for a symbol.
    Symbol(ImportRole, &'m str),
}

/// `None`: nothing of another module's will do.
fn meaning<'m>(other: &Module<'m>, global: u32, set: bool) -> Option<NeededGlobal<'m>> {
    let global = other.globals.get(global as usize)?;
    match &global.storage {
        GlobalStorage::StackPointer { .. } if global.ty.val == ValType::I32 => {
            Some(NeededGlobal::Known(GlobalMeaning::StackPointer))
        }
        _ if set => None,
        GlobalStorage::Own(GlobalInit::Const(bytes)) if !global.ty.mutable => Some(
            NeededGlobal::Known(GlobalMeaning::Constant(global.ty.val, *bytes)),
        ),
        GlobalStorage::Loader(import) => {
            let import = &other.imports[*import as usize];
            match import.role {
                ImportRole::MemoryBase => Some(NeededGlobal::Base),
                role @ (ImportRole::GotMem | ImportRole::GotFunc) => {
                    Some(NeededGlobal::Symbol(role, import.name))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The function here that a call in another module's function means.
fn function(module: &Module<'_>, bound: &BoundImport<'_, '_>, func: u32) -> Option<u32> {
    let own = *bound.common.get(&func)?;
    (module.func_type(own) == bound.module.func_type(func)).then_some(own)
}

/// A global of the module's own that is where the data of another object are:
/// of the one that defines an imported function.
fn own_base(module: &mut Module<'_>, func: u32) -> u32 {
    let is_it = |g: &Global| matches!(g.storage, GlobalStorage::BaseOf(f) if f == func);
    let known = module.globals.iter().position(is_it);
    known.map_or_else(|| add(module, GlobalStorage::BaseOf(func)), |at| at as u32)
}

/// A global of the module's own that is what the loader gives for a symbol.
fn own_symbol<'m>(module: &mut Module<'m>, role: ImportRole, name: &'m str) -> u32 {
    let known = module.imports.iter().find_map(|import| match import.item {
        Item::Global(global) if import.role == role && import.name == name => Some(global),
        _ => None,
    });
    if let Some(global) = known {
        return global;
    }
    let global = add(module, GlobalStorage::Loader(module.imports.len() as u32));
    module.imports.push(Import {
        module: match role {
            ImportRole::GotFunc => GOT_FUNC,
            _ => GOT_MEM,
        },
        name,
        role,
        item: Item::Global(global),
        // Without the other module it may be nowhere, and is then not needed.
        flags: SymbolFlags::WEAK,
    });
    global
}

fn add(module: &mut Module<'_>, storage: GlobalStorage) -> u32 {
    let ty = GlobalType {
        val: ValType::I32,
        mutable: false,
    };
    module.globals.push(Global { ty, storage });
    module.globals.len() as u32 - 1
}
