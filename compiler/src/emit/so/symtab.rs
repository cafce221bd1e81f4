//! Phase 8: `.symtab`: names for tools, of functions that are not exported too.

use std::collections::{HashMap, HashSet};

use wasmaot_abi::name;

use super::dynamic;
use super::elf::*;
use super::layout::{Layout, Section};
use super::plan::Plan;
use super::symbols::Definition;
use crate::module::{ExportItem, Item};

/// Name of the init function's symbol.
const INIT: &str = "__wasmaot_init";

/// The symbol table in the making: what it names, in order.
pub(super) struct Symtab {
    /// (name, number in `Code::functions`).
    locals: Vec<(u32, usize)>,
    /// (name, global) of the thread-local globals that are not exported.
    thread_locals: Vec<(u32, u32)>,
    file: u32,
    /// Names of the dynamic symbols, which all stand here too.
    globals: Vec<u32>,
}

impl Symtab {
    /// Decides on the symbols and enters their names.
    pub fn new(plan: &Plan<'_>, strings: &mut Strings) -> Self {
        let module = plan.module;
        let imported = module.imported_funcs();
        let mut exported = HashMap::new();
        for export in &module.exports {
            if let ExportItem::Item(Item::Func(f)) = export.item {
                exported.entry(f).or_insert(&export.name);
            }
        }
        let global: HashSet<(&str, u32)> = plan
            .symbols
            .list
            .iter()
            .filter_map(|s| match s.definition {
                Definition::Code(f) => Some((s.name.as_str(), f)),
                _ => None,
            })
            .collect();
        let file = strings.add(&name::escape(module.soname()));
        let mut locals = Vec::new();
        for (number, _) in plan.code.present() {
            let f = imported + plan.code.function_of(number) as u32;
            let text = if f as usize >= module.funcs.len() {
                INIT.to_owned()
            } else {
                // As `Module::func_name`, without its search.
                match module.names.get(&f).or_else(|| exported.get(&f).copied()) {
                    Some(text) => name::escape(text).into_owned(),
                    None => format!("func[{f}]"),
                }
            };
            let is_second = number != plan.code.function_of(number);
            if is_second || !global.contains(&(text.as_str(), f)) {
                locals.push((strings.add(&text), number));
            }
        }
        let exported: HashSet<u32> = plan
            .symbols
            .list
            .iter()
            .filter_map(|s| match s.definition {
                Definition::Global(g) => Some(g),
                _ => None,
            })
            .collect();
        let own = module.thread_storage.globals().map(|(global, _)| global);
        let own = own.filter(|global| !exported.contains(global));
        let thread_locals = own
            .map(|g| (strings.add(&format!("global[{g}]")), g))
            .collect();
        let globals = plan.symbols.list.iter().map(|s| strings.add(&s.name));
        Self {
            file,
            locals,
            thread_locals,
            globals: globals.collect(),
        }
    }

    /// Number of symbols before the first global one.
    pub fn first_global(&self) -> u32 {
        (self.locals.len() + self.thread_locals.len()) as u32 + 2
    }

    pub fn size(&self) -> u64 {
        (u64::from(self.first_global()) + self.globals.len() as u64) * SYM_SIZE
    }

    pub fn bytes(&self, plan: &Plan<'_>, layout: &Layout) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() as usize);
        out.extend(Sym::default().encode());
        let file = Sym {
            name: self.file,
            binding: STB_LOCAL,
            kind: STT_FILE,
            section: SHN_ABS,
            ..Sym::default()
        };
        out.extend(file.encode());
        let section = layout.index(Section::Text);
        for &(name, number) in &self.locals {
            let sym = Sym {
                name,
                binding: STB_LOCAL,
                kind: STT_FUNC,
                section,
                value: layout.addr(Section::Text) + u64::from(plan.text.offsets[number]),
                size: plan.code.functions[number].bytes.len() as u64,
            };
            out.extend(sym.encode());
        }
        for &(name, global) in &self.thread_locals {
            let place = dynamic::thread_local(plan.module, layout, global);
            let (value, section) = place.unwrap_or((0, SHN_ABS));
            let sym = Sym {
                name,
                binding: STB_LOCAL,
                kind: STT_TLS,
                section,
                value,
                size: plan.module.globals[global as usize].ty.val.bytes().into(),
            };
            out.extend(sym.encode());
        }
        for (symbol, &name) in plan.symbols.list.iter().zip(&self.globals) {
            let sym = Sym {
                name,
                ..dynamic::symbol(plan, layout, symbol)
            };
            out.extend(sym.encode());
        }
        out
    }
}
